"""Alias of alphaforge_client.data: the same objects."""

from alphaforge_client.data import *
from alphaforge_client.data import __all__ as __all__
