"""Bars as columns that both chart libraries can draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from alphaforge_core.model import Bar

__all__ = ["DOWN", "UP", "ChartColumns", "columns_of"]

UP, DOWN = "#26a69a", "#ef5350"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChartColumns:
    """`places` has each bar's x coordinate: its start for time bars, its number for others, which come unevenly."""

    is_time: bool
    places: npt.NDArray[np.datetime64] | npt.NDArray[np.int64]
    width: float  # of a bar: milliseconds where is_time, else 1
    moments: npt.NDArray[np.datetime64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_up: npt.NDArray[np.bool_]


def columns_of(bars: Sequence[Bar]) -> ChartColumns:
    """The columns of at least one bar, all of one type."""
    kind = bars[0].bar_type
    moments = np.array([bar.ts_open for bar in bars]).astype("datetime64[ns]")
    is_time = kind.kind == "time"
    prices = {name: np.array([float(getattr(bar, name)) for bar in bars]) for name in ("open", "high", "low", "close")}
    return ChartColumns(
        is_time=is_time,
        places=moments if is_time else np.array([bar.sequence for bar in bars]),
        width=float(kind.step) / 1e6 if is_time else 1.0,
        moments=moments,
        volume=np.array([float(bar.volume) for bar in bars]),
        is_up=prices["close"] >= prices["open"],
        **prices,
    )
