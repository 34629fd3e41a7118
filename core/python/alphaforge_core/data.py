"""Bars from trade ticks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alphaforge_core._native.data import (
    COUNTERS,
    DataEngine,
    DataEngineConfig,
    DataEngineStatistics,
    combine_bars,
)
from alphaforge_core._notebook import bars_html as _bars_html
from alphaforge_core._notebook import fields_html as _fields_html
from alphaforge_core._notebook import show as _show
from alphaforge_core._tables import bars_to_arrow, bars_to_pandas, bars_to_polars
from alphaforge_core.model import Bar

__all__ = [
    "COUNTERS",
    "BarList",
    "DataEngine",
    "DataEngineConfig",
    "DataEngineStatistics",
    "bars_to_arrow",
    "bars_to_pandas",
    "bars_to_polars",
    "combine_bars",
]

# So that help and tracebacks show the public module.
for _function in (bars_to_arrow, bars_to_pandas, bars_to_polars):
    _function.__module__ = __name__


class BarList(list[Bar]):
    """The bars closed or corrected by a call with many ticks, in order.

    rejected: (index, reason) of each refused tick.
    duplicates: the index of each duplicate tick.
    All other ticks were accepted.

    >>> engine = DataEngine(DataEngineConfig(bar_types=["1tick"]))
    >>> bars = engine.process_trade_ticks(instrument_id="BTCUSD", prices=[1, 0], quantities=[1, 1], ts_event=[1, 2])
    >>> len(bars), bars.rejected, bars.duplicates
    (1, [(1, 'PRICE_NOT_POSITIVE')], [])
    """

    def __init__(self, bars: Iterable[Bar] = ()) -> None:
        super().__init__(bars)
        self.rejected: list[tuple[int, str]] = []
        self.duplicates: list[int] = []

    def _repr_html_(self) -> str:
        return _bars_html(self)


_show(DataEngineStatistics, _fields_html)


def _rebuild_config(given: dict[str, Any]) -> DataEngineConfig:
    return DataEngineConfig(**given)
