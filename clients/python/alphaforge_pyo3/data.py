"""alphaforge_client.data under its documented name."""

from alphaforge_client.data import *
from alphaforge_client.data import __all__ as __all__
