"""Alias of alphaforge_client.errors: the same objects."""

from alphaforge_client.errors import *
from alphaforge_client.errors import __all__ as __all__
