"""Times as nanoseconds since the Unix epoch: the same functions as in process."""

from alphaforge_core.time import *
from alphaforge_core.time import __all__ as __all__
