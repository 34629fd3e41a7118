"""The writes that wait while a batch is being written, and which of them make the next batch."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from services.journal.store import Append, Entry, Limits

__all__ = ["WAITING_BYTES_MAX", "WAITING_RECORDS_MAX", "FairWaiting", "Waiting", "Work"]

WAITING_RECORDS_MAX = 100_000
WAITING_BYTES_MAX = 256 << 20

# How much a batch takes from one stream before it looks for the next one; the size of a record besides its payload.
_TURN_BYTES = 64 << 10
_RECORD_BYTES = 100


class Work(NamedTuple):
    """A pending write, the function to call afterwards, and the future of its caller."""

    entry: Entry
    apply: Callable[[int], Any]
    done: asyncio.Future[Any]
    is_made: bool = False
    """Whether the engine has the change already."""


class Waiting:
    """Writes in order of arrival; all of them make the next batch."""

    def __init__(self) -> None:
        self._works: list[Work] = []
        self.count = 0
        self.bytes = 0
        """The size of all inputs that wait."""

    def has_room(self, stream: str, size: int) -> bool:
        """Whether one more input of this stream may wait."""
        return self.count < WAITING_RECORDS_MAX and self.bytes + size <= WAITING_BYTES_MAX

    def add(self, work: Work) -> None:
        """Adds a write behind all others of its stream."""
        self._works.append(work)
        self.count += 1
        self.bytes += _size(work)

    def take(self) -> list[Work]:
        """Removes and returns the next batch; it is empty only if nothing waits."""
        return self.take_all()

    def take_all(self) -> list[Work]:
        """Removes and returns everything."""
        works, self._works = self._works, []
        self.count = self.bytes = 0
        return works


class _Stream:
    """The writes of one stream in order of arrival, and the size of its inputs."""

    def __init__(self) -> None:
        self.works: deque[Work] = deque()
        self.bytes = 0


class FairWaiting(Waiting):
    """Writes to a store with limits: the streams share each batch, so that none waits for the backlog of another.

    Each stream's writes keep their order. The next record of a batch is from the stream that has the least in it. If
    the first record of a stream no longer fits a batch, the stream comes first in the next batch.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._streams: dict[str, _Stream] = {}

    def has_room(self, stream: str, size: int) -> bool:
        """Whether one more input of this stream may wait: one stream may use three quarters of the total limit."""
        found = self._streams.get(stream)
        if found is not None and (
            len(found.works) >= WAITING_RECORDS_MAX * 3 // 4 or found.bytes + size > WAITING_BYTES_MAX * 3 // 4
        ):
            return False
        return super().has_room(stream, size)

    def add(self, work: Work) -> None:
        """Adds a write behind all others of its stream."""
        stream = self._streams.get(work.entry.stream)
        if stream is None:
            stream = self._streams[work.entry.stream] = _Stream()
        stream.works.append(work)
        size = _size(work)
        stream.bytes += size
        self.bytes += size
        self.count += 1

    def take(self) -> list[Work]:
        """Removes and returns the next batch: appends within the limits, or one other write."""
        batch: list[Work] = []
        size = 0
        served: dict[str, None] = {}
        turns = [(0, turn, name) for turn, name in enumerate(islice(self._streams, self._limits.batch_records))]
        while turns:
            taken, turn, name = heapq.heappop(turns)
            stream = self._streams[name]
            end = taken + _TURN_BYTES
            while stream.works and taken < end and self._fits(stream.works[0], len(batch), size):
                work = stream.works.popleft()
                batch.append(work)
                served[name] = None
                bytes_taken = _size(work)
                taken += bytes_taken + _RECORD_BYTES
                size += bytes_taken
                stream.bytes -= bytes_taken
                if not isinstance(work.entry, Append):
                    turns.clear()
                    break
            else:
                if taken >= end and stream.works:
                    heapq.heappush(turns, (taken, turn, name))
        self._end_turns(served)
        self.count -= len(batch)
        self.bytes -= size
        return batch

    def _fits(self, work: Work, count: int, size: int) -> bool:
        if not count:
            return True
        is_append = isinstance(work.entry, Append)
        return is_append and count < self._limits.batch_records and size + _size(work) <= self._limits.batch_bytes

    def _end_turns(self, served: dict[str, None]) -> None:
        """Moves the streams of a batch behind those that had no turn."""
        for name in served:
            stream = self._streams.pop(name)
            if stream.works:
                self._streams[name] = stream

    def take_all(self) -> list[Work]:
        """Removes and returns everything."""
        works = [work for stream in self._streams.values() for work in stream.works]
        self._streams = {}
        self.count = self.bytes = 0
        return works


def _size(work: Work) -> int:
    return len(work.entry.payload) if isinstance(work.entry, Append) else 0
