"""Runs of faults under load: their length, their seeds, and a table of the results.

CHAOS_FULL is set by `make chaos`: the counts of a run that takes a night, such as a thousand kills; CI runs fewer.
CHAOS_FACTOR multiplies the rounds of every test: 1 by default, less than 1 for a quick look.
CHAOS_SEEDS is how many seeds each test runs with: 1 by default.
CHAOS_SEED runs one seed alone, to see a failure again. Without it the seeds are new in each run; where CI is set they
are 1, 2, 3 ..., so that a change is judged by the same faults each time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

__all__ = ["TIMEOUT_SECONDS", "Chaos", "many", "seeds"]

IS_FULL = "CHAOS_FULL" in os.environ
FACTOR = float(os.environ.get("CHAOS_FACTOR", "1"))
# A test's run that takes longer counts as hanging.
TIMEOUT_SECONDS = (4 * 3_600 if IS_FULL else 900) * max(1.0, FACTOR)
# Chosen by the process that starts pytest-xdist's workers, which inherit it: all must collect the same tests.
FIRST_SEED = int(os.environ.setdefault("CHAOS_FIRST_SEED", "1" if "CI" in os.environ else str(time.time_ns() % 10**9)))


def seeds() -> Iterable[int]:
    if seed := os.environ.get("CHAOS_SEED"):
        return [int(seed)]
    return range(FIRST_SEED, FIRST_SEED + int(os.environ.get("CHAOS_SEEDS", "1")))


def many(usual: int, full: int) -> int:
    """Returns how often something happens in this run: at least once."""
    return max(1, round((full if IS_FULL else usual) * FACTOR))


@dataclass
class Chaos:
    """One run of a test: its randomness and its row of the table."""

    seed: int
    note: Callable[[str, object], None]
    _parts: int = field(default=0, init=False)

    def dice(self) -> random.Random:
        """Returns the random numbers for one part of the test, which depend on the seed and the part only."""
        self._parts += 1
        return random.Random(self.seed * 1_000 + self._parts)

    def rounds(self, usual: int, full: int) -> int:
        """Returns the number of rounds that the test runs, at least one; `full` in a full run."""
        count = many(usual, full)
        self.count("rounds", count)
        return count

    def count(self, what: str, number: int) -> None:
        """Adds a column to the table: what the test did, such as kills or orders."""
        self.note(what, number)

    def took(self, what: str, seconds: float) -> None:
        """Adds a duration; the table shows percentiles of them."""
        self.note(f"{what} s", seconds)
