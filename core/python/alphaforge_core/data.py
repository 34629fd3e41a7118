"""Trade ticks to bars."""

from __future__ import annotations

from typing import Any

from alphaforge_core._native.data import COUNTERS, DataEngine, DataEngineConfig, DataEngineStatistics
from alphaforge_core.model import Bar

__all__ = ["COUNTERS", "BarList", "DataEngine", "DataEngineConfig", "DataEngineStatistics"]


class BarList(list[Bar]):
    """The bars that a call with many ticks closed or corrected, in order.

    `rejected` has a pair (index, reason) for each tick that was refused, `duplicates` the index of each that had been seen.
    All other ticks were accepted.
    """

    __slots__ = ("duplicates", "rejected")

    rejected: list[tuple[int, str]]
    duplicates: list[int]

    def __init__(self, bars: list[Bar] | tuple[Bar, ...] = ()) -> None:
        super().__init__(bars)
        self.rejected = []
        self.duplicates = []


def _rebuild_config(given: dict[str, Any]) -> DataEngineConfig:
    return DataEngineConfig(**given)
