"""Trade ticks to bars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alphaforge_core._native.data import (
    COUNTERS,
    BarBatch,
    DataEngine,
    DataEngineConfig,
    DataEngineStatistics,
    ProcessOutcome,
    ProcessRequest,
    ProcessResponse,
    decode_bars,
    encode_bars,
    encode_producer,
    encode_tick_request,
    encode_ticks_request,
)
from alphaforge_core._tables import bars_to_arrow, bars_to_pandas, bars_to_polars
from alphaforge_core.model import Bar

__all__ = [
    "COUNTERS",
    "BarBatch",
    "BarList",
    "DataEngine",
    "DataEngineConfig",
    "DataEngineStatistics",
    "ProcessOutcome",
    "ProcessRequest",
    "ProcessResponse",
    "bars_to_arrow",
    "bars_to_pandas",
    "bars_to_polars",
    "decode_bars",
    "encode_bars",
    "encode_producer",
    "encode_tick_request",
    "encode_ticks_request",
]

# Help and tracebacks name the module that users import from.
for _function in (bars_to_arrow, bars_to_pandas, bars_to_polars):
    _function.__module__ = __name__


class BarList(list[Bar]):
    """The bars that a call with many ticks closed or corrected, in order.

    rejected: a pair (index, reason) for each tick that was refused.
    duplicates: the index of each tick that had been seen before.
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


def _rebuild_config(given: dict[str, Any]) -> DataEngineConfig:
    return DataEngineConfig(**given)
