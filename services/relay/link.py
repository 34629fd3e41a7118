"""One upstream subscription, and the local subscriptions that it feeds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import grpc
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.type.v1.stream_pb2 import Gap
from alphaforge_core.data_wire import BarsResponse, TradesResponse
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.model import Bar, TradeTick

from services.base.errors import reason_of
from services.data.engine import TRADES_PER_RESPONSE
from services.data.wire import bars_response, instrument_of, trades_response
from services.relay.upstream import Place, new_target
from services.rpc.follower import Follower
from services.rpc.peer import Peer
from services.streams.feed import EVENTS_PER_RESPONSE, Delivery, Feed, Subscribers
from services.streams.ring import Ring

__all__ = ["BARS", "TRADES", "Counts", "Kind", "Link", "Message"]

# Below the clients' own deadline, so that they receive the reason.
READY_SECONDS_MAX = 4.0
# The engine is in another epoch or doesn't exist. No other error ends a link.
_ENDS = ("EPOCH_CHANGED", "ENGINE_UNKNOWN")

_logger = logging.getLogger("services.relay")

T = TypeVar("T")


class Message(NamedTuple, Generic[T]):
    """A message of a subscription upstream, whose events have consecutive sequences that end at `sequence`."""

    epoch: int
    sequence: int
    previous_sequence: int
    events: Sequence[T]
    gap: Gap | None


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of event, and its messages."""

    method: str
    request: type[Any]
    decode: Callable[[bytes], Message[T]]
    encode: Callable[[Delivery[T]], bytes]
    events_per_response: int
    group_of: Callable[[T], str]


def _bars(encoded: bytes) -> Message[Bar]:
    message = BarsResponse.from_wire(encoded)
    gap = None if message.gap is None else Gap.FromString(message.gap)
    return Message(message.epoch, message.sequence, message.previous_sequence, message.bars, gap)


def _trades(encoded: bytes) -> Message[TradeTick]:
    message = TradesResponse.from_wire(encoded)
    gap = None if message.gap is None else Gap.FromString(message.gap)
    # The ring only needs len() and slices, which a batch has; its ticks become objects when they are read.
    ticks: Any = message.ticks
    return Message(message.epoch, message.sequence, message.previous_sequence, ticks, gap)


BARS = Kind("SubscribeBars", SubscribeBarsRequest, _bars, bars_response, EVENTS_PER_RESPONSE, instrument_of)
TRADES = Kind("SubscribeTrades", SubscribeTradesRequest, _trades, trades_response, TRADES_PER_RESPONSE, instrument_of)


@dataclass
class Counts:
    """What the links of a relay have received."""

    events: int = 0
    lost_events: int = 0
    reconnects: int = 0


class Link(Follower, Generic[T]):
    """One subscription upstream. It keeps the last events, for subscribers that lag or resume.

    A link starts with all events that upstream still has, and resumes after the last event it received. It passes on
    upstream's gaps and drops the events kept from before a gap, so a subscriber gets one gap and then the events after
    it. While upstream can't be reached, subscribers keep their streams for `silence_seconds_max`. Then the streams end
    with UNAVAILABLE and new ones are refused, so a client finds another relay or learns that it is behind. `ended` is
    called when the engine has another epoch or is gone. If the engine moves to another shard, its links follow it.
    """

    SOURCE = "upstream"

    def __init__(
        self,
        kind: Kind[T],
        engine: str,
        epoch: int,
        place: Place,
        subscribers: Subscribers,
        capacity: int,
        counts: Counts,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(engine, _logger)
        self._kind = kind
        self._engine = engine
        self._epoch = epoch
        self._place = place
        self._subscribers = subscribers
        self._counts = counts
        self._ended = ended
        self._ring: Ring[T] = Ring(capacity)
        self._began = False
        self._used = time.monotonic()
        self.feed = self._new_feed()
        self._ready = asyncio.Event()
        self._behind = 0
        self._task = asyncio.ensure_future(self.run())

    def _new_feed(self) -> Feed[T]:
        return Feed(
            self._ring,
            epoch=self._epoch,
            subscribers=self._subscribers,
            encode=self._kind.encode,
            events_per_response=self._kind.events_per_response,
            group_of=self._kind.group_of,
        )

    @property
    def silence_seconds(self) -> float:
        """The time since the last message, heartbeats included."""
        return time.monotonic() - self.heard

    @property
    def is_silent(self) -> bool:
        """Whether upstream has been silent for too long."""
        return self.silence_seconds > self._place.upstream.silence_seconds_max

    @property
    def idle_seconds(self) -> float:
        """How long the link has had no subscribers."""
        return 0.0 if self.feed.open else time.monotonic() - self._used

    async def ready(self) -> Feed[T]:
        """Returns the feed once the link has begun. Raises Unavailable while upstream is silent."""
        self._used = time.monotonic()
        if not self._began:
            try:
                async with asyncio.timeout(READY_SECONDS_MAX):
                    await self._ready.wait()
            except TimeoutError:
                raise self._place.upstream.unreachable("it does not answer") from None
        if self.is_silent:
            raise self._place.upstream.silent()
        return self.feed

    def end_if_silent(self) -> None:
        """Ends the open streams if upstream has become silent."""
        if self.feed.open:
            self._used = time.monotonic()
        if self.is_silent and self.feed.open:
            before, self.feed = self.feed, self._new_feed()
            before.end(self._place.upstream.silent())

    def end(self, error: AlphaForgeError) -> None:
        """Ends the link and the streams that it feeds."""
        self._task.cancel()
        self.feed.end(error)

    # --- Following upstream.

    @property
    def peer(self) -> Peer:
        """The data service upstream."""
        return self._place.upstream.peer

    def begin_again(self) -> None:
        """Counts the reconnect."""
        self._counts.reconnects += 1

    async def explain(self, error: grpc.aio.AioRpcError) -> None:
        """Follows an engine that has moved; ends the link if the engine has another epoch or doesn't exist."""
        reason = reason_of(error)
        if reason in _ENDS:
            self.is_over = True
            self._ended()
        elif target := new_target(error):
            self._place.follow_to(target)
        else:
            self._place.fail()
            self.warn_refused(error, reason)

    async def follow(self) -> None:
        """Receives upstream's messages from the link's position on."""
        if not self._began:
            async with aclosing(self._messages(None)) as messages:
                first = await anext(messages, None)
            if first is None:
                return
            self._behind = self._kind.decode(first).sequence
        async with aclosing(self._messages(self._ring.last + 1)) as messages:
            async for encoded in messages:
                self._take(self._kind.decode(encoded))
                self.heard = time.monotonic()

    def _messages(self, from_sequence: int | None) -> AsyncGenerator[bytes]:
        request = self._kind.request(engine=self._engine, epoch=self._epoch, from_sequence=from_sequence)
        return self.peer.subscribe(self._kind.method, request)

    def _take(self, message: Message[T]) -> None:
        """Appends a message's events to the ring. Raises InvalidArgument MESSAGE_MALFORMED if some are missing."""
        first = message.sequence - len(message.events) + 1
        if message.epoch != self._epoch or first > self._next_after(message):
            raise InvalidArgument(
                "a message from upstream does not follow the previous one", reason="MESSAGE_MALFORMED"
            )
        if first + len(message.events) <= self._ring.last + 1:
            # A heartbeat, or events that the ring already has.
            self._catch_up()
            return
        events = message.events[max(0, self._ring.last + 1 - first) :]
        self._ring.append(events)
        self._counts.events += len(events)
        self._catch_up()
        self.feed.notify()

    def _next_after(self, message: Message[T]) -> int:
        """Passes on the message's gap, and returns the highest sequence with which its events may start."""
        if message.gap is not None and message.gap.last_sequence > self._ring.last:
            self._lose(message.gap)
        return self._ring.last + 1

    def _lose(self, gap: Gap) -> None:
        """Passes on a gap. Before the link has begun, nothing was lost, so the gap is only skipped."""
        lost = gap.last_sequence - self._ring.last
        self._ring.skip(gap.last_sequence)
        if self._began:
            self._counts.lost_events += lost
            self.warn("events were lost upstream", events=lost)
            self.feed.lose(gap)

    def _catch_up(self) -> None:
        """Admits subscribers once the link has the events that upstream had when the link started."""
        if not self._began and self._ring.last >= self._behind:
            self._began = True
            self._ready.set()
