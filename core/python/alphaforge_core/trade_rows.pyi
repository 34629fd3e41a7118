"""
Native decoding of file rows to ticks. For the reader in `alphaforge_core.files`.
"""

from collections.abc import Sequence
from typing import Any

import alphaforge_core.model


def decode_trade_rows(names: Sequence[str], name_index: Any, prices: Any, quantities: Any, ts_event: Any, ts_init: Any, sides: Any, trade_ids: Any, skip: Any, round: bool) -> tuple[alphaforge_core.model.TradeTickBatch, Any, dict[str, int], list[tuple[int, str, str]], int]:
    """
    Decodes rows to a batch. Also returns the indices of its rows, the counts of rows left out by reason, the first ten of those as (row, reason, message), and the number of rounded rows.

    prices, quantities, trade_ids: texts as a pair (offsets, bytes), as in Arrow; numbers may also be mantissas of nine places (int64) or floats.
    skip: rows (not 0) that are known to be invalid.
    round: round digits beyond nine places, half to even, instead of leaving the row out.
    """

def instruments_of_ticks(batch: alphaforge_core.model.TradeTickBatch) -> Any:
    """
    The position of each tick's instrument in `batch.instrument_ids`, as an array of uint32.
    """

def join_ticks(batches: Sequence[alphaforge_core.model.TradeTickBatch]) -> alphaforge_core.model.TradeTickBatch:
    """The ticks of several batches, one after the other."""

def take_ticks(batch: alphaforge_core.model.TradeTickBatch, rows: Any) -> alphaforge_core.model.TradeTickBatch:
    """The ticks at `rows` (int64), in that order."""

def times_of_ticks(batch: alphaforge_core.model.TradeTickBatch) -> Any:
    """`ts_event` of each tick, as an array of int64."""
