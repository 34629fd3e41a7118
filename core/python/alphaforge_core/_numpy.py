"""NumPy, which is optional: for tables of ticks and bars, arrays, and batches over partitions."""

from __future__ import annotations

from types import ModuleType

__all__ = ["numpy"]


def numpy() -> ModuleType:
    """Imports NumPy. Raises ModuleNotFoundError, which says how to install it."""
    try:
        import numpy
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        problem = "tables, arrays and partitions need numpy, which is not installed; run: pip install numpy"
        raise ModuleNotFoundError(problem, name="numpy") from None
    return numpy
