"""Prices, quantities, ticks and bars: the same objects as in process."""

from alphaforge_core.model import *
from alphaforge_core.model import __all__ as __all__
