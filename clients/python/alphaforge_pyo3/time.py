"""Alias of alphaforge_client.time: the same objects."""

from alphaforge_client.time import *
from alphaforge_client.time import __all__ as __all__
