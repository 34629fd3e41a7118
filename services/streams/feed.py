"""Streams of an engine's events: one bounded log, in which each subscriber has a position.

The log is the engine's own, or a Ring. Notifying a feed costs the same for one subscriber and for a thousand. A
subscriber has no queue: it reads up to 256 events at a time from its position, and sends them when the network accepts
them. Subscribers at the same position with the same filter share one encoded response. A subscriber that falls behind
the oldest event kept gets a gap message or is disconnected, depending on the stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.errors import AlphaForgeError, ResourceExhausted

from services.base.errors import with_metadata
from services.streams.windows import Windows

__all__ = ["EVENTS_PER_RESPONSE", "Delivery", "Feed", "Filter", "Log", "Subscribers"]

EVENTS_PER_RESPONSE = 256

# Encoded responses kept for subscribers at the same position.
_SHARED_RESPONSES = 32

# Duration of a write to one subscriber, and how many writes may delay a call.
_WRITE_SECONDS = 30e-6
_WOKEN_AT_ONCE = 16

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Log(Protocol[T_co]):
    """The last events of an engine, numbered without a gap from 1."""

    @property
    def first(self) -> int:
        """Sequence of the oldest event kept; `last` + 1 if there is none."""

    @property
    def last(self) -> int:
        """Sequence of the newest event; 0 before the first."""

    def read(self, after: int, limit: int) -> Sequence[T_co]:
        """Up to `limit` events after the sequence `after`."""


class Delivery(NamedTuple, Generic[T]):
    """One response of a stream; a heartbeat if it has neither events nor a gap."""

    epoch: int
    sequence: int
    """Sequence of the last event that this subscription has passed, sent or filtered out."""
    previous_sequence: int
    """`sequence` of the response before this one on this subscription."""
    events: Sequence[T] = ()
    sequences: Sequence[int] = ()
    """The sequence of each event."""
    gap: Gap | None = None


@dataclass(frozen=True)
class Filter(Generic[T]):
    """The filter of a subscription. Subscriptions with equal keys share encoded responses.

    `groups`: events of other groups (the feed's `group_of`) are skipped without calling `accepts`; empty: all groups.
    """

    key: Hashable
    accepts: Callable[[T], bool] | None = None
    groups: frozenset[Hashable] = frozenset()


@dataclass
class Subscribers:
    """The open streams of a service, and their limits."""

    limit: int
    heartbeat_seconds: float
    count: int = 0
    slow: int = 0
    """How often a subscriber lost events, or was disconnected, because it read too slowly."""

    def enter(self) -> None:
        """Counts a stream. Raises ResourceExhausted STREAM_LIMIT at the limit."""
        if self.count >= self.limit:
            raise ResourceExhausted(
                f"this service has {self.count} open streams, its limit (max_subscribers)", reason="STREAM_LIMIT"
            )
        self.count += 1

    def leave(self) -> None:
        """Uncounts a stream that has ended."""
        self.count -= 1


class Feed(Generic[T]):
    """One kind of event of one engine. Used on the event loop only.

    `ends_when_behind`: a subscriber that had caught up and falls that many events behind is disconnected with
    SUBSCRIBER_TOO_SLOW. None: it gets a gap message once the log no longer has its next event.
    `group_of` returns the group of an event by which filters select, such as its instrument.
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
        group_of: Callable[[T], Hashable] | None = None,
    ) -> None:
        self.open = 0
        self._log = log
        self._epoch = epoch
        self._subscribers = subscribers
        self._encode = encode
        self._events_per_response = events_per_response
        self._ends_when_behind = ends_when_behind
        self.waiters: deque[asyncio.Future[None]] = deque()
        """Subscriptions that have read everything, and wait for the next event."""
        self._to_wake = 0
        self._next_round = 0.0
        self._beats = 0
        self._beat: asyncio.TimerHandle | None = None
        self._shared: dict[Hashable, tuple[bytes | None, int]] = {}
        self._windows: Windows[T] = Windows(group_of)
        self._ended: AlphaForgeError | None = None
        self._lost: Gap | None = None

    @property
    def last(self) -> int:
        """Sequence of the newest event."""
        return self._log.last

    def notify(self) -> None:
        """Wakes subscribers; the log has new events."""
        if self.waiters:
            if not self._to_wake:
                # Rounds are spaced so that calls get half of the time.
                loop = asyncio.get_running_loop()
                loop.call_at(self._next_round, self._wake)
                self._next_round = max(self._next_round, loop.time()) + self.open * 2 * _WRITE_SECONDS
            self._to_wake = len(self.waiters)

    def lose(self, gap: Gap) -> None:
        """Passes on a gap of events that the log has skipped. Subscribers that miss them don't count as slow."""
        self._lost = gap
        self.notify()

    def end(self, error: AlphaForgeError) -> None:
        """Ends all subscriptions with `error`, and later ones at once."""
        self._ended = error
        if self._beat is not None:
            self._beat.cancel()
        self.notify()

    async def subscribe(
        self, from_sequence: int | None = None, wanted: Filter[T] | None = None
    ) -> AsyncGenerator[bytes]:
        """The responses of one subscription: first a heartbeat with its position, then the events after it.

        `from_sequence` is the first event to send; None starts with the next event. Raises ResourceExhausted:
        STREAM_LIMIT at the limit of streams, SUBSCRIBER_TOO_SLOW if the stream disconnects slow subscribers.
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
        """The gap message for lost events. Raises ResourceExhausted SUBSCRIBER_TOO_SLOW on streams without gaps."""
        end = self._log.first - 1
        if self._lost is not None and position < self._lost.last_sequence:
            gap = Gap(first_sequence=position + 1, last_sequence=end, reason=self._lost.reason)
            return Delivery(self._epoch, end, sent, gap=gap)
        if up_to_date:
            self._subscribers.slow += 1
            if self._ends_when_behind is not None:
                error = ResourceExhausted(
                    f"the subscriber is {self._log.last - position} events behind; resume at sequence {position + 1}",
                    reason="SUBSCRIBER_TOO_SLOW",
                )
                raise with_metadata(error, resume_sequence=str(position + 1))
        reason = GapReason.GAP_REASON_SLOW_SUBSCRIBER if up_to_date else GapReason.GAP_REASON_NOT_RETAINED
        gap = Gap(first_sequence=position + 1, last_sequence=end, reason=reason)
        return Delivery(self._epoch, end, sent, gap=gap)

    def _response(self, position: int, sent: int, wanted: Filter[T] | None) -> tuple[bytes | None, int]:
        """The next response after `position`, None if everything was filtered out, and the new position."""
        key = (position, sent, wanted and wanted.key, self._log.last)
        if (shared := self._shared.get(key)) is not None:
            return shared
        if wanted is None:
            events = self._log.read(position, self._events_per_response)
            end = position + len(events)
            sequences: Sequence[int] = range(position + 1, end + 1)
        else:
            window = self._windows.get(
                position, self._log.last, lambda: self._log.read(position, self._events_per_response)
            )
            end = position + len(window.events)
            found = [(index, window.events[index]) for index in window.of(wanted.groups)]
            if wanted.accepts is not None:
                found = [(index, event) for index, event in found if wanted.accepts(event)]
            events = [event for _, event in found]
            sequences = [position + 1 + index for index, _ in found]
        response = self._encode(Delivery(self._epoch, end, sent, events, sequences)) if events else None
        if len(self._shared) >= _SHARED_RESPONSES:
            self._shared.clear()
        self._shared[key] = (response, end)
        return response, end

    async def _turn(self) -> None:
        """Yields to the other subscribers and to waiting calls."""
        waiting = self._wait()
        self.notify()
        await waiting

    def _wait(self) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        return waiter

    def _wake(self) -> None:
        """Wakes a few waiting subscribers; the rest in later turns of the event loop, with calls served in between."""
        woken = min(self._to_wake, _WOKEN_AT_ONCE)
        self._to_wake -= woken
        for _ in range(woken):
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._to_wake:
            asyncio.get_running_loop().call_soon(self._wake)

    def _keep_beating(self) -> None:
        if self._beat is None:
            loop = asyncio.get_running_loop()
            self._beat = loop.call_later(self._subscribers.heartbeat_seconds, self._heartbeat)

    def _heartbeat(self) -> None:
        """One timer for all subscriptions; it stops when there are none."""
        self._beat = None
        self._beats += 1
        if self.open:
            self._keep_beating()
            self.notify()
        else:
            self._shared.clear()
            self._windows.clear()
