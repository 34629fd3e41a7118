# Generated from aio/_parts/subscription.py by `make gen`; edit that file.
"""The subscriptions to an engine's partitions, read as one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar
from weakref import finalize

from alphaforge_client._calls.subscription import Subscription
from alphaforge_client._grpc.transport import Background, Queue, together
from alphaforge_client._parts.parts import Parts
from alphaforge_client._parts.place import Place, token_of
from alphaforge_client._wire.gap import Gap
from alphaforge_client._wire.stream_message import StreamMessage
from alphaforge_client.errors import EngineError

__all__ = ["subscription"]

T = TypeVar("T")

# Another thread and the reader may both signal a close at the same time.
_SIGNS_MAX = 8


def subscription(
    parts: Parts,
    method: str,
    request: Callable[[Sequence[str], Place], Callable[[int | None], bytes]],
    decode: Callable[[bytes], StreamMessage[T]],
    instruments: Sequence[str],
    places: Sequence[Place],
    *,
    silence_seconds_max: float,
) -> Subscription[T]:
    """A subscription to the partitions of these instruments (none: to all), each from its position."""
    by_part: dict[int, list[str]] = {}
    for name in instruments:
        by_part.setdefault(parts.index_of(name), []).append(name)
    if not instruments:
        by_part = {index: [] for index in range(parts.count)}
    made = {
        index: Subscription(
            parts.connections[index],
            method,
            request(named, places[index]),
            decode,
            from_sequence=places[index].next_sequence,
            epoch=places[index].epoch,
            silence_seconds_max=silence_seconds_max,
        )
        for index, named in sorted(by_part.items())
    }
    if parts.count == 1:
        return made[0]
    return MergedSubscription(parts, method, made)


class _Taken(NamedTuple):
    """A message of one partition: events, each with the sequence after it, and the position after all of them."""

    part: int
    events: Sequence[tuple[int, Any]]
    after: Place
    error: Exception | None = None


class MergedSubscription(Subscription[T]):
    """The events of several partitions: in order for each instrument, in order of arrival across partitions.

    At most one response of each partition waits, besides the one being read; further responses wait in the services.
    """

    def __init__(self, parts: Parts, method: str, made: dict[int, Subscription[T]]) -> None:
        self._connection = parts.first
        self._method = method
        self._made = made
        self._places = [Place()] * parts.count
        self._queue: Queue[_Taken | None] | None = None
        self._pumps: list[Background] = []
        self._events: deque[tuple[int, T | Gap]] = deque()
        self._taken: _Taken | None = None
        self._mark = ""
        self._has_begun = False
        self._listener: Background | None = None
        self._error: Exception | None = None
        self._closed = False

    @property
    def next_sequence(self) -> int | None:
        """Raises EngineError (SETTING_INVALID): with partitions there is no single sequence. Use `token`."""
        raise self._not_single("sequence")

    @property
    def epoch(self) -> int:
        """Raises EngineError (SETTING_INVALID): with partitions there is no single epoch. Use `token`."""
        raise self._not_single("epoch")

    @property
    def token(self) -> str | None:
        """The position after the last event read in every partition, for a later `token`; None before it begins."""
        return token_of(self._places) if self._has_begun else None

    @property
    def mark(self) -> str:
        """A name of the last event read: its partition, and the epoch and sequence after it there."""
        return self._mark

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The requested instruments without a trade yet, at most 100 for each partition."""
        return tuple(chain.from_iterable(each.waits_for for each in self._made.values()))

    def close(self) -> None:
        """Ends the subscription and the iteration; does not interrupt a running callback."""
        self._closed = True
        _end(self._made, self._queue)

    def _begin(self) -> None:
        if self._has_begun or self._closed:
            return
        together([each.begin for each in self._made.values()])
        for index, each in self._made.items():
            self._places[index] = Place(each.next_sequence, each.epoch)
        self._has_begun = True
        # Room for one response of each partition, and for the signals of a close.
        self._queue = Queue(len(self._made) + _SIGNS_MAX)
        finalize(self, _end, self._made, self._queue).atexit = False
        self._pumps = [
            Background(partial(_pump, self._queue, index, each), "alphaforge-partition")
            for index, each in self._made.items()
        ]
        if self._closed:
            self.close()

    def _read(self) -> T | Gap | None:
        self._begin()
        while not self._closed:
            if self._events:
                return self._next()
            assert self._queue is not None
            taken = self._queue.get()
            if taken is None:
                break
            if taken.error is not None:
                self.close()
                raise taken.error
            self._taken = taken
            self._events.extend(taken.events)
            if not self._events:
                self._places[taken.part] = taken.after
        return None

    def _next(self) -> T | Gap:
        taken = self._taken
        assert taken is not None
        after, event = self._events.popleft()
        epoch = self._places[taken.part].epoch
        if isinstance(event, Gap):
            epoch = event.epoch
            event = replace(event, partition=taken.part)
        self._mark = f"{taken.part}|{epoch}|{after}"
        self._places[taken.part] = Place(after, epoch) if self._events else taken.after
        return event

    def _drop_stream(self) -> None:
        _end(self._made, self._queue)

    def _not_single(self, what: str) -> EngineError:
        return EngineError(
            f"with {len(self._places)} partitions there is no single {what}; use the subscription's `token` instead",
            reason="SETTING_INVALID",
        )


# These functions hold no reference to the merged subscription, so that it can be freed.


def _pump(queue: Queue[_Taken | None], index: int, part: Subscription[T]) -> None:
    """Queues a partition's responses; waits while the last one has not been read."""
    try:
        while (events := part.take()) is not None:
            queue.put(_Taken(index, events, Place(part.next_sequence, part.epoch)))
    except Exception as error:
        queue.put(_Taken(index, (), Place(), error))


def _end(made: dict[int, Subscription[T]], queue: Queue[_Taken | None] | None) -> None:
    for part in made.values():
        part.close()
    if queue is not None:
        # Makes room for waiting pumps, and signals the end to the reader.
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
