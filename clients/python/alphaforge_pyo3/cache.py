"""Alias of alphaforge_client.cache: the same objects."""

from alphaforge_client.cache import *
from alphaforge_client.cache import __all__ as __all__
