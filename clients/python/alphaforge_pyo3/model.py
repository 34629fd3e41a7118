"""Alias of alphaforge_client.model: the same objects."""

from alphaforge_client.model import *
from alphaforge_client.model import __all__ as __all__
