"""Durations counted by buckets, as Prometheus' histograms have them."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

__all__ = ["BUCKETS_SECONDS", "Durations"]

# A unary call on one machine takes a few hundred microseconds, its handler a few tens.
BUCKETS_SECONDS = (
    *(0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5),
    *(0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)

_BOUNDS = (*map(str, BUCKETS_SECONDS), "+Inf")


class Durations:
    """The number of durations in each bucket, and their sum. Updated on the event loop; read in any thread."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """The upper bound of each bucket, and the number of durations up to that bound."""
        return list(zip(_BOUNDS, accumulate(list(self.buckets)), strict=True))
