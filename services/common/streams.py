"""What subscribers of an engine receive: one bounded memory for all of them, and a place in it for each.

The memory is a log: an engine's own, or a Ring. Telling a feed that there is something new costs the same with one
subscriber and with a thousand. A subscriber owns no queue: it reads from its place in the log, up to 256 events at a
time, and sends when the network takes them. Subscribers at the same place with the same filter share the bytes made for
the first of them. One that falls further behind than the log reaches has lost events: it is told of the gap, or ended,
as its stream's rule says.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.errors import AlphaForgeError, ResourceExhausted

from services.common.errors import with_metadata

__all__ = ["EVENTS_PER_RESPONSE", "Delivery", "Feed", "Filter", "Log", "Subscribers"]

EVENTS_PER_RESPONSE = 256

# Responses that are remembered for subscribers at the same place, between two events.
_SHARED_RESPONSES = 32

# What a write to one subscriber takes, and how many may delay a call that comes in meanwhile.
_WRITE_SECONDS = 30e-6
_WOKEN_AT_ONCE = 16

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Log(Protocol[T_co]):
    """The last events of an engine, numbered without a gap from 1."""

    @property
    def first(self) -> int:
        """The oldest one that is kept; one more than `last` where none is."""

    @property
    def last(self) -> int:
        """The newest one; 0 before the first."""

    def read(self, after: int, limit: int) -> Sequence[T_co]:
        """At most `limit` events after that number."""


class Delivery(NamedTuple, Generic[T]):
    """One response of a stream; a heartbeat when it has neither events nor a gap."""

    epoch: int
    sequence: int
    """The last event that was considered for this subscription, whether sent or filtered out."""
    previous_sequence: int
    """`sequence` of the response before this one on this subscription."""
    events: Sequence[T] = ()
    sequences: Sequence[int] = ()
    """The number of each event."""
    gap: Gap | None = None


@dataclass(frozen=True)
class Filter(Generic[T]):
    """Which events a subscription wants. Subscriptions with equal keys share the responses made for them."""

    key: Hashable
    accepts: Callable[[T], bool]


@dataclass
class Subscribers:
    """The streams that are open on one service, and their bounds."""

    limit: int
    heartbeat_seconds: float
    count: int = 0
    slow: int = 0
    """How often a subscriber lost events, or was ended, because it did not read fast enough."""

    def enter(self) -> None:
        """Raises ResourceExhausted when one more stream would be too many."""
        if self.count >= self.limit:
            raise ResourceExhausted(
                f"this service has {self.count} open streams, its limit (max_subscribers)", reason="STREAM_LIMIT"
            )
        self.count += 1

    def leave(self) -> None:
        """A stream has ended."""
        self.count -= 1


class Feed(Generic[T]):
    """One kind of event of one engine. Lives in the event loop.

    `ends_when_behind`: a subscriber that has been up to date and is that many events behind is disconnected with
    SUBSCRIBER_TOO_SLOW. None: it is told of a gap once the log has lost what it needs.
    """

    def __init__(
        self,
        log: Log[T],
        *,
        epoch: int,
        subscribers: Subscribers,
        encode: Callable[[Delivery[T]], bytes],
        events_per_response: int = EVENTS_PER_RESPONSE,
        ends_when_behind: int | None = None,
    ) -> None:
        self.open = 0
        self._log = log
        self._epoch = epoch
        self._subscribers = subscribers
        self._encode = encode
        self._events_per_response = events_per_response
        self._ends_when_behind = ends_when_behind
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._to_wake = 0
        self._next_round = 0.0
        self._beats = 0
        self._beat: asyncio.TimerHandle | None = None
        self._shared: dict[Hashable, tuple[bytes | None, int]] = {}
        self._ended: AlphaForgeError | None = None

    @property
    def last(self) -> int:
        """The number of the newest event."""
        return self._log.last

    def notify(self) -> None:
        """The log has new events."""
        if self._waiters:
            if not self._to_wake:
                # Rounds follow each other no faster than leaves half of the time to calls.
                loop = asyncio.get_running_loop()
                loop.call_at(self._next_round, self._wake)
                self._next_round = max(self._next_round, loop.time()) + self.open * 2 * _WRITE_SECONDS
            self._to_wake = len(self._waiters)

    def end(self, error: AlphaForgeError) -> None:
        """Ends all subscriptions with `error`; later ones end at once."""
        self._ended = error
        if self._beat is not None:
            self._beat.cancel()
        self.notify()

    async def subscribe(
        self, from_sequence: int | None = None, wanted: Filter[T] | None = None
    ) -> AsyncGenerator[bytes]:
        """The responses of one subscription: first a heartbeat, which says where it begins, then what follows.

        `from_sequence` is the first one wanted; None begins with the next event. Raises ResourceExhausted: STREAM_LIMIT
        for one stream too many, SUBSCRIBER_TOO_SLOW where the stream's rule is to end such subscribers.
        """
        self._subscribers.enter()
        self.open += 1
        try:
            self._keep_beating()
            position = self._log.last if from_sequence is None else max(from_sequence, 1) - 1
            sent, beats, up_to_date = position, self._beats, position >= self._log.last
            yield self._encode(Delivery(self._epoch, position, position))
            while True:
                if self._ended is not None:
                    raise self._ended
                if self._has_lost(position, up_to_date=up_to_date):
                    yield self._encode(self._gap(position, sent, up_to_date=up_to_date))
                    sent = position = self._log.first - 1
                elif position < self._log.last:
                    response, position = self._response(position, sent, wanted)
                    if response is not None:
                        yield response
                        sent, beats = position, self._beats
                    if position < self._log.last:
                        await self._turn()
                    up_to_date = up_to_date or position >= self._log.last
                elif beats != self._beats:
                    yield self._encode(Delivery(self._epoch, position, sent))
                    sent, beats = position, self._beats
                else:
                    await self._wait()
        finally:
            self._subscribers.leave()
            self.open -= 1

    def _has_lost(self, position: int, *, up_to_date: bool) -> bool:
        if position < self._log.first - 1:
            return True
        return up_to_date and self._ends_when_behind is not None and self._log.last - position > self._ends_when_behind

    def _gap(self, position: int, sent: int, *, up_to_date: bool) -> Delivery[T]:
        """The word of lost events. Raises ResourceExhausted SUBSCRIBER_TOO_SLOW where they may not be lost."""
        if up_to_date:
            self._subscribers.slow += 1
            if self._ends_when_behind is not None:
                error = ResourceExhausted(
                    f"the subscriber is {self._log.last - position} events behind; resume at sequence {position + 1}",
                    reason="SUBSCRIBER_TOO_SLOW",
                )
                raise with_metadata(error, resume_sequence=str(position + 1))
        reason = GapReason.GAP_REASON_SLOW_SUBSCRIBER if up_to_date else GapReason.GAP_REASON_NOT_RETAINED
        end = self._log.first - 1
        gap = Gap(first_sequence=position + 1, last_sequence=end, reason=reason)
        return Delivery(self._epoch, end, sent, gap=gap)

    def _response(self, position: int, sent: int, wanted: Filter[T] | None) -> tuple[bytes | None, int]:
        """The next response after `position`, None when the filter leaves nothing of it, and the position after it."""
        key = (position, sent, wanted and wanted.key, self._log.last)
        if (shared := self._shared.get(key)) is not None:
            return shared
        events = self._log.read(position, self._events_per_response)
        end = position + len(events)
        sequences: Sequence[int] = range(position + 1, end + 1)
        if wanted is not None:
            sequences = [sequence for sequence in sequences if wanted.accepts(events[sequence - position - 1])]
            events = [events[sequence - position - 1] for sequence in sequences]
        response = self._encode(Delivery(self._epoch, end, sent, events, sequences)) if events else None
        if len(self._shared) >= _SHARED_RESPONSES:
            self._shared.clear()
        self._shared[key] = (response, end)
        return response, end

    async def _turn(self) -> None:
        """Lets the other subscribers, and the calls that wait in the event loop, go first."""
        waiting = self._wait()
        self.notify()
        await waiting

    def _wait(self) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def _wake(self) -> None:
        """Wakes some of those who wait; the others in the next turns of the loop, between which it serves calls."""
        woken = min(self._to_wake, _WOKEN_AT_ONCE)
        self._to_wake -= woken
        for _ in range(woken):
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._to_wake:
            asyncio.get_running_loop().call_soon(self._wake)

    def _keep_beating(self) -> None:
        if self._beat is None:
            loop = asyncio.get_running_loop()
            self._beat = loop.call_later(self._subscribers.heartbeat_seconds, self._heartbeat)

    def _heartbeat(self) -> None:
        """One timer for all subscriptions; it rests while there are none."""
        self._beat = None
        self._beats += 1
        if self.open:
            self._keep_beating()
            self.notify()
        else:
            self._shared.clear()
