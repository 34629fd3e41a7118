"""Merges the answers of an engine's partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Protocol

from alphaforge_core.cache import GenericCacheStatistics
from alphaforge_core.data import BarList, DataEngineStatistics
from alphaforge_core.execution import ExecutionStatistics, TickResult

from alphaforge_client._parts.ticks import Share
from alphaforge_client._wire.chunks import TickChunks

__all__ = [
    "cache_statistics",
    "data_statistics",
    "execution_statistics",
    "merged_bars",
    "merged_hash",
    "merged_ticks",
]


def merged_bars(shares: Sequence[Share], split: Sequence[TickChunks]) -> BarList:
    """The bars in the order of the ticks behind them, as one engine would have returned them."""
    found = []
    merged = BarList()
    for share, chunks in zip(shares, split, strict=True):
        bars, rows = chunks.result(), share.rows
        found += [(int(rows[place]), bar) for place, bar in zip(chunks.places, bars, strict=True)]
        merged.rejected += [(int(rows[index]), reason) for index, reason in bars.rejected]
        merged.duplicates += [int(rows[index]) for index in bars.duplicates]
    found.sort(key=lambda pair: pair[0])
    merged.extend(bar for _, bar in found)
    merged.rejected.sort()
    merged.duplicates.sort()
    return merged


def merged_ticks(shares: Sequence[Share], results: Sequence[TickResult]) -> TickResult:
    """The refused and duplicate ticks, by row of the whole batch."""
    merged = TickResult()
    for share, result in zip(shares, results, strict=True):
        merged.rejected.extend((int(share.rows[index]), reason) for index, reason in result.rejected)
        merged.duplicates.extend(int(share.rows[index]) for index in result.duplicates)
    merged.rejected.sort()
    merged.duplicates.sort()
    return merged


def merged_hash(hashes: Sequence[int]) -> int:
    """One hash of the states of all partitions, in 64 bits."""
    if len(hashes) == 1:
        return hashes[0]
    digest = blake2b(b"".join(each.to_bytes(8, "little") for each in hashes), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class _Statistics(Protocol):
    def as_dict(self) -> Mapping[str, int | float]: ...


def _added(parts: Sequence[_Statistics], means: Mapping[str, tuple[str, ...]]) -> dict[str, int | float]:
    """Sums the counters. A counter in `means` is a mean, weighted by the counter named with it."""
    values = [part.as_dict() for part in parts]
    added = {name: sum(each[name] for each in values) for name in values[0]}
    for name, counted in means.items():
        weights = [sum(each[one] for one in counted) for each in values]
        total = sum(weights)
        weighted = sum(each[name] * weight for each, weight in zip(values, weights, strict=True))
        added[name] = weighted / total if total else 0.0
    return added


def cache_statistics(parts: Sequence[GenericCacheStatistics]) -> GenericCacheStatistics:
    """The counters of a cache's partitions together."""
    return parts[0] if len(parts) == 1 else GenericCacheStatistics(**_added(parts, {"hit_ratio": ("hits", "misses")}))


def data_statistics(parts: Sequence[DataEngineStatistics]) -> DataEngineStatistics:
    """The counters of a data engine's partitions together."""
    if len(parts) == 1:
        return parts[0]
    received = ("ticks_processed", "ticks_rejected", "duplicate_ticks")
    return DataEngineStatistics(**_added(parts, {"avg_processing_latency_ns": received}))


def execution_statistics(parts: Sequence[ExecutionStatistics]) -> ExecutionStatistics:
    """The counters of an execution engine's partitions together; a strategy counts once in each that it trades in."""
    if len(parts) == 1:
        return parts[0]
    submitted = ("orders_submitted",)
    return ExecutionStatistics(**_added(parts, {"fill_ratio": submitted, "avg_execution_latency_ms": submitted}))
