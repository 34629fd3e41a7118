"""Subscribers of an engine receive all events in order, or are told what they missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.errors import EngineError, ResourceExhausted

from services.base.errors import failure_of
from services.streams.feed import EVENTS_PER_RESPONSE, Delivery, Feed, Filter, Subscribers
from services.streams.ring import Ring
from tests.support.waiting import turns

ODD: Filter[int] = Filter("odd", lambda event: event % 2 == 1)


def delivery(sequence: int, previous: int, events: list[int], sequences: list[int] | None = None) -> Delivery[int]:
    """Events whose numbers are consecutive unless they are given."""
    numbers = sequences or range(sequence - len(events) + 1, sequence + 1)
    return Delivery(7, sequence, previous, events, numbers)


class Responses:
    """Encodes each delivery as its index in `made`, from which tests get it back."""

    def __init__(self) -> None:
        self.made: list[Delivery[int]] = []

    def __call__(self, delivery: Delivery[int]) -> bytes:
        self.made.append(delivery)
        return str(len(self.made) - 1).encode()

    async def next(self, subscription: AsyncGenerator[bytes]) -> Delivery[int]:
        return self.made[int(await asyncio.wait_for(anext(subscription), 2))]


class Stream:
    """A ring of integers and its feed."""

    def __init__(
        self, capacity: int = 1000, *, heartbeat: float = 60, limit: int = 10, ends: int | None = None
    ) -> None:
        self.responses = Responses()
        self.subscribers = Subscribers(limit, heartbeat)
        self.ring: Ring[int] = Ring(capacity)
        self.feed = Feed(self.ring, epoch=7, subscribers=self.subscribers, encode=self.responses, ends_when_behind=ends)
        self.next = self.responses.next
        self.subscribe = self.feed.subscribe

    def publish(self, events: list[int]) -> None:
        self.ring.append(events)
        self.feed.notify()


def test_a_subscription_begins_with_a_heartbeat_that_says_where() -> None:
    async def run() -> None:
        bars = Stream()
        bars.publish([1, 2, 3])
        assert await bars.next(bars.subscribe()) == Delivery(7, 3, 3)
        assert await bars.next(bars.subscribe(from_sequence=2)) == Delivery(7, 1, 1)

    asyncio.run(run())


def test_each_response_names_the_one_before_it() -> None:
    async def run() -> None:
        bars = Stream()
        subscription = bars.subscribe()
        await bars.next(subscription)
        bars.publish([1, 2])
        assert await bars.next(subscription) == delivery(2, 0, [1, 2])
        bars.publish([3])
        bars.publish([4, 5])
        assert await bars.next(subscription) == delivery(5, 2, [3, 4, 5])

    asyncio.run(run())


def test_a_filter_of_groups_passes_their_events_and_each_event_is_looked_at_once() -> None:
    async def run() -> None:
        looked: list[int] = []

        def last_digit(event: int) -> int:
            looked.append(event)
            return event % 10

        ring: Ring[int] = Ring(1_000)
        responses = Responses()
        feed = Feed(ring, epoch=7, subscribers=Subscribers(100, 60), encode=responses, group_of=last_digit)
        odd_too: Filter[int] = Filter("odd", lambda event: event % 20 > 9, frozenset(range(3, 7)))
        wanted = [odd_too, *(Filter[int](digit, groups=frozenset((digit, digit + 3))) for digit in range(7))]
        subscriptions = [feed.subscribe(wanted=each) for each in wanted]
        for subscription in subscriptions:
            await responses.next(subscription)
        events = [number * 7919 % 1_009 for number in range(100)]
        ring.append(events)
        feed.notify()
        for subscription, each in zip(subscriptions, wanted, strict=True):
            got = await responses.next(subscription)
            passing = [
                (sequence, event)
                for sequence, event in enumerate(events, start=1)
                if event % 10 in each.groups and (each.accepts is None or each.accepts(event))
            ]
            assert list(zip(got.sequences, got.events, strict=True)) == passing
            assert passing
        assert looked == events

    asyncio.run(run())


def test_a_filter_hides_events_and_no_gap() -> None:
    async def run() -> None:
        bars = Stream()
        subscription = bars.subscribe(wanted=ODD)
        await bars.next(subscription)
        waiting = asyncio.ensure_future(bars.next(subscription))
        bars.publish([2, 4])
        await turns(10)
        assert not waiting.done()
        bars.publish([5, 6])
        assert await waiting == delivery(4, 0, [5], [3])

    asyncio.run(run())


@pytest.mark.parametrize("sizes", [[1] * 1000, [1000], [7] * 143, [255, 1, 256, 257, 231]])
def test_a_resumed_subscription_gets_what_is_kept_in_responses_of_at_most_256(sizes: list[int]) -> None:
    async def run() -> None:
        bars = Stream(capacity=10_000)
        events = list(range(sum(sizes)))
        start = 0
        for size in sizes:
            bars.publish(events[start : start + size])
            start += size
        subscription = bars.subscribe(from_sequence=11)
        got: list[int] = []
        sequence = (await bars.next(subscription)).sequence
        while sequence < len(events):
            delivery = await bars.next(subscription)
            assert len(delivery.events) <= EVENTS_PER_RESPONSE
            assert delivery.previous_sequence == sequence
            sequence = delivery.sequence
            got += delivery.events
        assert got == events[10:]

    asyncio.run(run())


def test_a_resumed_subscriber_is_told_of_what_is_no_longer_kept() -> None:
    async def run() -> None:
        bars = Stream(capacity=10)
        for event in range(1, 31):
            bars.publish([event])
        subscription = bars.subscribe(from_sequence=5)
        await bars.next(subscription)
        gap = Gap(first_sequence=5, last_sequence=20, reason=GapReason.GAP_REASON_NOT_RETAINED)
        assert await bars.next(subscription) == Delivery(7, 20, 4, gap=gap)
        assert await bars.next(subscription) == delivery(30, 20, list(range(21, 31)))

    asyncio.run(run())


def test_a_slow_subscriber_is_told_of_the_gap() -> None:
    async def run() -> None:
        bars = Stream(capacity=10)
        subscription = bars.subscribe()
        await bars.next(subscription)
        for event in range(1, 31):
            bars.publish([event])
        gap = Gap(first_sequence=1, last_sequence=20, reason=GapReason.GAP_REASON_SLOW_SUBSCRIBER)
        assert await bars.next(subscription) == Delivery(7, 20, 0, gap=gap)
        assert await bars.next(subscription) == delivery(30, 20, list(range(21, 31)))
        assert bars.subscribers.slow == 1

    asyncio.run(run())


def test_a_gap_of_the_log_itself_is_passed_on_and_nobody_is_slow() -> None:
    async def run() -> None:
        bars = Stream()
        behind = bars.subscribe()
        await bars.next(behind)
        bars.publish([1, 2, 3])
        up_to_date = bars.subscribe()
        await bars.next(up_to_date)
        lost = Gap(first_sequence=4, last_sequence=9, reason=GapReason.GAP_REASON_NOT_RETAINED)
        bars.ring.skip(9)
        bars.feed.lose(lost)
        bars.publish([10])
        assert await bars.next(up_to_date) == Delivery(7, 9, 3, gap=lost)
        wider = Gap(first_sequence=1, last_sequence=9, reason=GapReason.GAP_REASON_NOT_RETAINED)
        assert await bars.next(behind) == Delivery(7, 9, 0, gap=wider)
        for each in (behind, up_to_date):
            assert await bars.next(each) == delivery(10, 9, [10])
        assert bars.subscribers.slow == 0

    asyncio.run(run())


def test_a_slow_subscriber_of_a_stream_without_gaps_is_ended_and_told_where_to_resume() -> None:
    async def run() -> None:
        events = Stream(capacity=1000, ends=10)
        subscription = events.subscribe()
        await events.next(subscription)
        events.publish(list(range(1, 31)))
        with pytest.raises(ResourceExhausted, match="resume at sequence 1") as caught:
            await anext(subscription)
        assert caught.value.reason == "SUBSCRIBER_TOO_SLOW"
        assert b"resume_sequence" in dict(failure_of(caught.value, "").trailers)["grpc-status-details-bin"]
        resumed = events.subscribe(from_sequence=1)
        await events.next(resumed)
        assert (await events.next(resumed)).events == list(range(1, 31))

    asyncio.run(run())


def test_the_memory_of_a_feed_is_bounded() -> None:
    bars = Stream(capacity=1000)
    for event in range(100_000):
        bars.publish([event])
    assert sum(map(len, bars.ring._chunks)) == 1000
    assert len(bars.ring._chunks) <= 2500


def test_a_silent_stream_sends_heartbeats() -> None:
    async def run() -> None:
        bars = Stream(heartbeat=0.05)
        first, second = bars.subscribe(), bars.subscribe()
        for subscription in (first, second, first, second):
            assert await bars.next(subscription) == Delivery(7, 0, 0)
        bars.publish([1])
        assert await bars.next(first) == delivery(1, 0, [1])
        assert await bars.next(first) == Delivery(7, 1, 1)

    asyncio.run(run())


def test_subscribers_at_one_place_share_a_response() -> None:
    async def run() -> None:
        bars = Stream(limit=1000)
        subscriptions = [bars.subscribe() for _ in range(500)]
        for subscription in subscriptions:
            await anext(subscription)
        made = len(bars.responses.made)
        bars.publish([1, 2, 3])
        for subscription in subscriptions:
            await anext(subscription)
        assert len(bars.responses.made) == made + 1

    asyncio.run(run())


def test_one_stream_too_many_is_refused_and_a_closed_one_makes_room() -> None:
    async def run() -> None:
        bars = Stream(limit=1)
        first = bars.subscribe()
        await anext(first)
        with pytest.raises(ResourceExhausted, match="max_subscribers"):
            await anext(bars.subscribe())
        await first.aclose()
        await anext(bars.subscribe())

    asyncio.run(run())


def test_a_sequence_that_has_not_been_yet_is_waited_for() -> None:
    async def run() -> None:
        bars = Stream()
        subscription = bars.subscribe(from_sequence=3)
        assert await bars.next(subscription) == Delivery(7, 2, 2)
        waiting = asyncio.ensure_future(bars.next(subscription))
        await turns()
        bars.publish([1, 2])
        await turns(10)
        bars.publish([3])
        assert await waiting == delivery(3, 2, [3])

    asyncio.run(run())


def test_subscriptions_end_with_the_engine() -> None:
    async def run() -> None:
        bars = Stream()
        subscription = bars.subscribe()
        await anext(subscription)
        waiting = asyncio.ensure_future(anext(subscription))
        await turns()
        bars.feed.end(EngineError("gone", reason="EPOCH_CHANGED"))
        with pytest.raises(EngineError, match="gone"):
            await waiting

    asyncio.run(run())


def test_a_subscriber_that_leaves_disturbs_nobody() -> None:
    async def run() -> None:
        bars = Stream()
        leaving, staying = bars.subscribe(), bars.subscribe()
        await anext(leaving)
        await bars.next(staying)
        waiting = asyncio.ensure_future(anext(leaving))
        other = asyncio.ensure_future(bars.next(staying))
        await turns()
        waiting.cancel()
        bars.publish([1])
        assert (await other).events == [1]

    asyncio.run(run())
