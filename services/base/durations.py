"""Durations counted by buckets, as Prometheus' histograms have them."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

__all__ = ["BUCKETS_SECONDS", "Durations"]

# A unary call on one machine takes some hundred microseconds, its handler some ten.
BUCKETS_SECONDS = (
    *(0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5),
    *(0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)

_BOUNDS = (*map(str, BUCKETS_SECONDS), "+Inf")


class Durations:
    """How many durations fell into each bucket, and their sum. Used on the event loop; read anywhere."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BOUNDS)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """The upper bound of each bucket, and how many durations are at most as long."""
        return list(zip(_BOUNDS, accumulate(list(self.buckets)), strict=True))
