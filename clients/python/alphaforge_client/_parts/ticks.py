"""Batches of ticks, split by partition."""

from __future__ import annotations

from typing import Any, NamedTuple

from alphaforge_core._numpy import numpy
from alphaforge_core.model import TradeTickBatch
from alphaforge_core.placement import partition_of
from alphaforge_core.trade_rows import instruments_of_ticks, take_ticks

__all__ = ["Share", "split_ticks"]


class Share(NamedTuple):
    """The ticks of one partition, in their order, and the row of each in the whole batch (an array of int64)."""

    part: int
    batch: TradeTickBatch
    rows: Any


def split_ticks(batch: TradeTickBatch, partitions: int) -> list[Share]:
    """The shares of a batch, without empty ones."""
    np = numpy()
    parts = [partition_of(name, partitions) for name in batch.instrument_ids]
    if not len(batch):
        return []
    if len(set(parts)) == 1:
        return [Share(parts[0], batch, np.arange(len(batch)))]
    of_row = np.array(parts, np.uint16)[instruments_of_ticks(batch)]
    order = np.argsort(of_row, kind="stable")
    counts = np.bincount(of_row, minlength=partitions)
    chunks = np.split(order, np.cumsum(counts)[:-1])
    return [Share(part, take_ticks(batch, rows), rows) for part, rows in enumerate(chunks) if len(rows)]
