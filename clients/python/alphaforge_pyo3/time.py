"""alphaforge_client.time under its documented name."""

from alphaforge_client.time import *
from alphaforge_client.time import __all__ as __all__
