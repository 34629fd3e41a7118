"""What the client raises: the same tree as in process."""

from alphaforge_core.errors import *
from alphaforge_core.errors import __all__ as __all__
