"""alphaforge_client.model under its documented name."""

from alphaforge_client.model import *
from alphaforge_client.model import __all__ as __all__
