"""Alias of alphaforge_client.execution: the same objects."""

from alphaforge_client.execution import *
from alphaforge_client.execution import __all__ as __all__
