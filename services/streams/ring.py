"""The last events of one kind, numbered without gaps from 1, for subscribers that lag or resume."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["Ring"]

T = TypeVar("T")

# Batches of at least this many events are returned as they were appended.
_MERGED_MAX = 256

# Deleting from the front of a list moves the rest, so entries are deleted in groups of at least this size.
_FORGOTTEN_MIN = 256


class Ring(Generic[T]):
    """Keeps at most `capacity` events, but always the whole last batch.

    Appending a batch costs the same as appending one event: it is stored as one sequence.
    """

    def __init__(self, capacity: int, after: int = 0) -> None:
        """An empty ring; the first event gets the sequence `after` + 1."""
        self.first = after + 1
        self.last = after
        self._capacity = capacity
        # The batches, and the sequence of the last event of each.
        self._chunks: list[Sequence[T]] = []
        self._ends: list[int] = []
        self._oldest = 0

    def append(self, events: Sequence[T]) -> None:
        """Appends events and drops the oldest beyond the capacity."""
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

    def skip(self, last: int) -> None:
        """Drops every event; the next one gets the sequence `last` + 1."""
        self.first, self.last = last + 1, last
        self._chunks, self._ends, self._oldest = [], [], 0

    def resize(self, capacity: int) -> None:
        """Changes the capacity, effective with the next events."""
        self._capacity = capacity

    def read(self, after: int, limit: int) -> Sequence[T]:
        """At most `limit` events after the sequence `after`, which must be kept or just before the first kept event.

        Single events and small batches are merged into a list; a large batch is returned unchanged.
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

    def copy(self) -> Ring[T]:
        """A copy of its events, unaffected by later changes."""
        other: Ring[T] = Ring(self._capacity)
        other.first, other.last = self.first, self.last
        other._chunks, other._ends, other._oldest = self._chunks[:], self._ends[:], self._oldest
        return other

    def pieces(self, limit: int) -> Iterator[Sequence[T]]:
        """All events kept, at most `limit` at a time."""
        position = self.first - 1
        while position < self.last:
            events = self.read(position, limit)
            position += len(events)
            yield events
