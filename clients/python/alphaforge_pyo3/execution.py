"""alphaforge_client.execution under its documented name."""

from alphaforge_client.execution import *
from alphaforge_client.execution import __all__ as __all__
