"""alphaforge_client.errors under its documented name."""

from alphaforge_client.errors import *
from alphaforge_client.errors import __all__ as __all__
