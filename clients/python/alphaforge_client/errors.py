"""Exceptions of the client: the same as in process."""

from alphaforge_core.errors import *
from alphaforge_core.errors import __all__ as __all__
