"""The last events of one kind, numbered without a gap from 1, for subscribers that are behind or come back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["Ring"]

T = TypeVar("T")

# Events that came together leave together, unmerged, when they are at least so many.
_MERGED_MAX = 256

# Deleting from the front of a list moves the rest of it, so it waits until that many entries are to go.
_FORGOTTEN_MIN = 256


class Ring(Generic[T]):
    """At most `capacity` events are kept; those that were appended last always are.

    Appending costs the same for one event and for many: they are kept as the one sequence they came in.
    """

    def __init__(self, capacity: int, after: int = 0) -> None:
        """Empty; the first event gets the number that follows `after`."""
        self.first = after + 1
        self.last = after
        self._capacity = capacity
        # What was appended together, and the number of the last event of each.
        self._chunks: list[Sequence[T]] = []
        self._ends: list[int] = []
        self._oldest = 0

    def append(self, events: Sequence[T]) -> None:
        """Appends events, and forgets the oldest beyond the capacity."""
        if not events:
            return
        self._chunks.append(events)
        self.last += len(events)
        self._ends.append(self.last)
        newest = len(self._chunks) - 1
        while self._oldest < newest and self.last - self._ends[self._oldest] >= self._capacity:
            self.first = self._ends[self._oldest] + 1
            self._chunks[self._oldest] = ()
            self._oldest += 1
        if self._oldest >= _FORGOTTEN_MIN and self._oldest > len(self._chunks) // 2:
            del self._chunks[: self._oldest]
            del self._ends[: self._oldest]
            self._oldest = 0

    def resize(self, capacity: int) -> None:
        """Another capacity, which the next events bring about."""
        self._capacity = capacity

    def read(self, after: int, limit: int) -> Sequence[T]:
        """At most `limit` events after a number, which must be kept or the one before the first that is.

        Few events that came one by one are merged into a list; many that came together stay what they are.
        """
        index = bisect_right(self._ends, after, self._oldest)
        if index == len(self._chunks):
            return ()
        chunk = self._chunks[index]
        offset = after - (self._ends[index] - len(chunk))
        first = chunk[offset : offset + limit]
        if len(first) >= _MERGED_MAX or index + 1 == len(self._chunks):
            return first
        events = list(first)
        limit = min(limit, _MERGED_MAX)
        while (index := index + 1) < len(self._chunks) and len(events) < limit:
            events += self._chunks[index][: limit - len(events)]
        return events

    def pieces(self, limit: int) -> Iterator[Sequence[T]]:
        """All events that are kept, at most `limit` at a time."""
        position = self.first - 1
        while position < self.last:
            events = self.read(position, limit)
            position += len(events)
            yield events
