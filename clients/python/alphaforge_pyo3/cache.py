"""alphaforge_client.cache under its documented name."""

from alphaforge_client.cache import *
from alphaforge_client.cache import __all__ as __all__
