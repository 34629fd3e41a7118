"""Conversions of tables: ticks from any table, bars to Arrow, pandas or polars."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from alphaforge_core._native.data import bar_columns
from alphaforge_core._numpy import numpy
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import Bar

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

__all__ = ["TickTable", "bars_to_arrow", "bars_to_pandas", "bars_to_polars", "tick_columns"]


class _Frame(Protocol):
    """A DataFrame of pandas or polars."""

    @property
    def columns(self) -> Any: ...
    def __getitem__(self, column: str, /) -> Any: ...


class _ArrowTable(Protocol):
    @property
    def column_names(self) -> Any: ...
    def __getitem__(self, column: str, /) -> Any: ...


class _StructuredArray(Protocol):
    @property
    def dtype(self) -> Any: ...
    def __getitem__(self, column: str, /) -> Any: ...


TickTable: TypeAlias = _Frame | _ArrowTable | _StructuredArray
"""A table of ticks of any supported library; see tick_columns() for its columns."""

# The columns of a table of ticks, and their keywords in TradeTickBatch.from_columns().
_TICK_COLUMNS = {
    "instrument_id": "instrument_id",
    "price": "prices",
    "quantity": "quantities",
    "ts_event": "ts_event",
    "ts_init": "ts_init",
    "aggressor_side": "sides",
    "trade_id": "trade_ids",
}
_OTHER_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6}
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800
_NEEDED = ("instrument_id", "price", "quantity", "ts_event")

_TEXTS = ("instrument_id", "bar_type")
_PLACES = {
    "open": 9, "high": 9, "low": 9, "close": 9, "volume": 9, "value": 18, "buy_volume": 9, "sell_volume": 9, "vwap": 9,
}  # fmt: skip
_TIMES = ("ts_open", "ts_event", "ts_init")
_COLUMNS = (
    "instrument_id", "bar_type", "ts_open", "ts_event", "open", "high", "low", "close", "volume", "value",
    "trade_count", "buy_volume", "sell_volume", "vwap", "ts_init", "sequence", "revision", "is_partial",
    "is_gap_fill", "is_oversize",
)  # fmt: skip


def tick_columns(table: Any) -> dict[str, Any]:
    """The tick columns of a table, by the keywords of TradeTickBatch.from_columns()."""
    names = getattr(table, "column_names", None)  # Arrow
    if names is None:
        names = getattr(table, "columns", None)  # pandas, polars
    if names is None:
        names = table.dtype.names or ()  # NumPy
    names = list(names)
    if missing := [name for name in _NEEDED if name not in names]:
        raise InvalidArgument(
            f"the table of ticks has no column {', '.join(missing)}; it has {', '.join(map(str, names)) or 'none'}",
            reason="COLUMNS_UNEQUAL",
        )
    columns = {keyword: _plain(table[name]) for name, keyword in _TICK_COLUMNS.items() if name in names}
    _warn_of_unit(columns["ts_event"])
    return columns


def _warn_of_unit(ts_event: Any) -> None:
    """Refuses integers that look like times of this century in a unit other than nanoseconds."""
    np = numpy()
    times = np.asarray(ts_event)
    if times.dtype.kind not in "iu" or not len(times):
        return
    for unit, factor in _OTHER_UNITS.items():
        if times.min() >= _YEAR_2000 * factor and times.max() < _YEAR_2100 * factor:
            warnings.warn(
                f"ts_event is in nanoseconds, and {times[0]} looks like {unit}: multiply by {10**9 // factor:_}, or "
                "give datetime64; files have --time-unit and ReadOptions.time_unit",
                stacklevel=3,
            )


def _plain(column: Any) -> Any:
    """Converts times with a zone, which pandas would turn into objects, to UTC."""
    if getattr(getattr(column, "dtype", None), "tz", None) is not None and hasattr(column, "dt"):
        return column.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return column


def bars_to_arrow(bars: Sequence[Bar], *, exact: bool = False) -> pyarrow.Table:
    """A table with one row per bar: texts as dictionaries, times as nanoseconds in UTC, vwap null without volume.

    exact: prices, quantities and values are decimals of 9, 9 and 18 places instead of float64. Needs pyarrow. Raises
    ValueError for a value of 1e20 or more, which Arrow's decimals can't hold.
    """
    import pyarrow as pa

    np = numpy()
    given = bar_columns(bars, exact=exact)
    count = len(bars)

    def column(name: str) -> Any:
        values = given[name]
        if name in _TEXTS:
            codes, names = values
            return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))
        if name in _TIMES:
            return pa.array(values).cast(pa.timestamp("ns", "UTC"))
        valid = given["has_vwap"] if name == "vwap" else None
        if name not in _PLACES or not exact:
            return pa.array(values, mask=None if valid is None else ~valid)
        bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
        decimals = pa.Array.from_buffers(pa.decimal128(38, _PLACES[name]), count, [bitmap, pa.py_buffer(values)])
        decimals.validate(full=True)
        return decimals

    return pa.table({name: column(name) for name in _COLUMNS})


def bars_to_pandas(bars: Sequence[Bar], *, exact: bool = False) -> pandas.DataFrame:
    """A DataFrame with one row per bar: texts as categories, times as datetime64[ns, UTC], vwap NaN without volume.

    exact: prices, quantities and values are Decimals instead of float64; that needs pyarrow too. Needs pandas.
    """
    import numpy as np
    import pandas as pd

    if exact:
        frame: pandas.DataFrame = bars_to_arrow(bars, exact=True).to_pandas()
        return frame
    given = bar_columns(bars, exact=False)

    def column(name: str) -> Any:
        values = given[name]
        if name in _TEXTS:
            codes, names = values
            return pd.Categorical.from_codes(codes, names)
        if name in _TIMES:
            return pd.to_datetime(values, utc=True)
        return np.where(given["has_vwap"], values, np.nan) if name == "vwap" else values

    return pd.DataFrame({name: column(name) for name in _COLUMNS})


def bars_to_polars(bars: Sequence[Bar], *, exact: bool = False) -> polars.DataFrame:
    """A polars DataFrame with the columns of bars_to_arrow(). Needs polars and pyarrow."""
    import polars as pl

    frame = pl.from_arrow(bars_to_arrow(bars, exact=exact))
    assert isinstance(frame, pl.DataFrame)
    return frame
