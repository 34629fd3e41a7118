"""Subscriptions deliver every event once, in order, over reconnects; lost events are reported."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator

import grpc
import pytest
from alphaforge_client import errors
from alphaforge_client._calls.connection import Connection
from alphaforge_client._calls.subscription import Subscription
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.gap import Gap
from alphaforge_client._wire.opening import Opening
from alphaforge_client._wire.stream_message import StreamMessage
from alphaforge_client.aio._calls import connection as aio_connection
from alphaforge_client.aio._calls import subscription as aio_subscription

from tests.support.waiting import let_pass

from .conftest import Refusal, Server


class Log:
    """An engine's events: the numbers 1, 2, 3 ... of one epoch, sent two at a time after a heartbeat."""

    def __init__(self, server: Server, length: int) -> None:
        self.epoch = 7
        self.length = length
        self.subscriptions: list[int | None] = []
        # Ends a stream after a few messages with events, by silence, refusal or a plain end.
        self.faults: list[tuple[int, str]] = []
        server.calls = {"Open": lambda *_: b"%d" % self.epoch}
        server.streams = {"Follow": self.follow}

    def follow(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        epoch, first = json.loads(request)
        if epoch != self.epoch:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED")
        self.subscriptions.append(first)
        count, fault = self.faults.pop(0) if self.faults else (-1, "")
        position = self.length if first is None else first - 1
        yield json.dumps([self.epoch, position, position, []]).encode()
        while context.is_active():
            while position < self.length and count != 0:
                items = list(range(position + 1, min(position + 3, self.length + 1)))
                yield json.dumps([self.epoch, items[-1], position, items]).encode()
                position, count = items[-1], count - 1
            if fault == "end":
                return
            if fault == "unavailable":
                raise Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
            if fault == "slow":
                raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "SUBSCRIBER_TOO_SLOW")
            if fault == "reset":
                self.epoch += 1
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED")
            let_pass(0.02)


def undecodable(_: bytes) -> StreamMessage[int]:
    raise AssertionError("nothing is read in this test")


def opening() -> Opening:
    return Opening("test.Service", "Open", b"", lambda answer: int(answer), lambda epoch: b"[%d," % (epoch or 0))


def request(from_sequence: int | None) -> bytes:
    return json.dumps(from_sequence).encode() + b"]"


def decode(message: bytes) -> StreamMessage[int]:
    return StreamMessage(*json.loads(message))


def follow(
    server: Server, from_sequence: int | None = 1, silence: float = 5.0, epoch: int | None = None
) -> Subscription[int]:
    connection = Connection(Endpoint("data", server.target), opening(), 2.0)
    return Subscription(
        connection, "Follow", request, decode, from_sequence=from_sequence, epoch=epoch, silence_seconds_max=silence
    )


def take(subscription: Subscription[int], count: int) -> list[int | Gap]:
    with subscription:
        return [next(subscription) for _ in range(count)]


def test_events_come_in_order_each_once(server: Server) -> None:
    Log(server, 10)
    server.start()
    subscription = follow(server)
    assert take(subscription, 10) == list(range(1, 11))
    assert subscription.next_sequence == 11
    assert list(subscription) == []


@pytest.mark.parametrize("fault", ["unavailable", "slow", "end"])
def test_a_lost_stream_goes_on_after_the_last_event(server: Server, fault: str) -> None:
    log = Log(server, 20)
    log.faults = [(2, fault), (0, fault), (3, fault)]
    server.start()
    assert take(follow(server), 20) == list(range(1, 21))
    assert log.subscriptions == [1, 5, 5, 11]


def test_a_killed_and_restarted_server_costs_nothing(server: Server) -> None:
    log = Log(server, 4)
    server.start()
    with follow(server) as subscription:
        assert [next(subscription) for _ in range(4)] == [1, 2, 3, 4]
        server.stop()
        log.length = 8
        threading.Timer(0.5, server.start).start()
        assert [next(subscription) for _ in range(4)] == [5, 6, 7, 8]


def test_a_silent_peer_is_left_for_a_new_connection(server: Server) -> None:
    log = Log(server, 8)
    log.faults = [(2, "silence")]
    server.start()
    assert take(follow(server, silence=0.3), 8) == list(range(1, 9))
    assert len(log.subscriptions) == 2


def test_a_reset_is_a_gap_and_then_the_new_epoch_from_its_beginning(server: Server) -> None:
    log = Log(server, 6)
    log.faults = [(2, "reset")]
    server.start()
    assert take(follow(server), 11) == [1, 2, 3, 4, Gap(8, 5, None, "EPOCH_CHANGED"), 1, 2, 3, 4, 5, 6]


def test_a_gap_that_the_service_tells_is_handed_on() -> None:
    subscription = Subscription[int](None, "", request, undecodable, from_sequence=3, silence_seconds_max=1.0)
    gap = Gap(1, 3, 9, "NOT_RETAINED")
    subscription._accept(StreamMessage(1, 11, 2, [10, 11], gap))
    subscription._accept(StreamMessage(1, 15, 13, [14, 15]))
    missed = Gap(1, 12, 13, "MISSED")
    assert list(subscription._ready) == [(10, gap), (11, 10), (12, 11), (14, missed), (15, 14), (16, 15)]


def test_it_begins_where_it_is_told(server: Server) -> None:
    Log(server, 10)
    server.start()
    assert take(follow(server, from_sequence=7), 4) == [7, 8, 9, 10]


def test_it_misses_nothing_from_its_beginning_on(server: Server) -> None:
    log = Log(server, 5)
    server.start()
    with follow(server, from_sequence=None) as subscription:
        log.length = 8
        assert [next(subscription) for _ in range(3)] == [6, 7, 8]


def test_the_next_sequence_is_that_after_what_was_read_not_after_what_has_come(server: Server) -> None:
    Log(server, 4)
    server.start()
    with follow(server) as subscription:
        for number in (1, 2, 3, 4):
            assert next(subscription) == number
            assert subscription.next_sequence == number + 1
            assert subscription.epoch == 7
    with follow(server, from_sequence=2) as later:
        assert next(later) == 2


def test_one_that_resumes_in_a_later_epoch_is_told(server: Server) -> None:
    log = Log(server, 4)
    log.epoch = 8
    server.start()
    with follow(server, from_sequence=3, epoch=7) as subscription:
        assert subscription.epoch == 7
        assert next(subscription) == Gap(8, 3, None, "EPOCH_CHANGED")
        assert subscription.epoch == 8
        assert [next(subscription) for _ in range(4)] == [1, 2, 3, 4]


def test_a_snapshot_that_breaks_off_comes_anew_and_once() -> None:
    subscription = Subscription[int](None, "", request, undecodable, from_sequence=None, silence_seconds_max=1.0)
    history = StreamMessage(1, 9, 9, [7, 8], is_snapshot=True)
    subscription._accept(history)
    subscription._drop_stream()
    subscription._accept(history)
    subscription._accept(StreamMessage(1, 9, 9, []))
    subscription._accept(StreamMessage(1, 11, 9, [10, 11]))
    assert list(subscription._ready) == [(10, 7), (10, 8), (11, 10), (12, 11)]


@pytest.mark.slow
def test_the_first_read_of_a_service_that_dies_meanwhile_ends_in_time(server: Server) -> None:
    Log(server, 1)
    server.start()
    subscription = follow(server)
    subscription._connection.open()
    server.stop()
    with pytest.raises(errors.Unavailable):
        next(subscription)


def test_a_service_that_was_never_there_is_reported(server: Server) -> None:
    Log(server, 1)
    with pytest.raises(errors.Unavailable), follow(server) as subscription:
        next(subscription)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", ["silent", "ended"])
@pytest.mark.slow
def test_a_stream_without_a_first_message_is_an_error(server: Server, what: str) -> None:
    Log(server, 1)

    def say_nothing(_: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        while what == "silent" and context.is_active():
            let_pass(0.02)
        yield from ()

    server.streams["Follow"] = say_nothing
    server.start()
    subscription = follow(server, silence=0.5)
    with pytest.raises(errors.DeadlineExceeded, match="did not start Follow in time"):
        next(subscription)


def test_a_few_streams_start_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, count = 3, 12
    monkeypatch.setattr(aio_connection, "_STREAMS_STARTING_MAX", limit)
    log = Log(server, 1)
    all_of_a_round, lock = threading.Barrier(limit), threading.Lock()
    starting: list[int] = [0]

    def follow_slowly(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        with lock:
            starting.append(starting[-1] + 1)
        all_of_a_round.wait(30)
        let_pass(0.05)
        with lock:
            starting.append(starting[-1] - 1)
        yield from log.follow(request, context)

    server.streams["Follow"] = follow_slowly
    server.start()

    async def read() -> list[int | Gap]:
        connection = aio_connection.Connection(Endpoint("data", server.target), opening(), 30.0)
        found: list[int | Gap] = await asyncio.gather(
            *(
                anext(
                    aio_subscription.Subscription(
                        connection, "Follow", request, decode, from_sequence=1, silence_seconds_max=30.0
                    )
                )
                for _ in range(count)
            )
        )
        await connection.close()
        return found

    assert asyncio.run(read()) == [1] * count
    assert max(starting) == limit


def test_a_refusal_ends_the_iteration(server: Server) -> None:
    Log(server, 1)

    def refuse(*_: object) -> Iterator[bytes]:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "BAR_TYPE_INVALID")
        yield b""

    server.streams["Follow"] = refuse
    server.start()
    with pytest.raises(ValueError, match="refused") as caught, follow(server) as subscription:
        next(subscription)
    assert caught.value.reason == "BAR_TYPE_INVALID"


def test_closing_from_another_thread_ends_the_iteration(server: Server) -> None:
    Log(server, 2)
    server.start()
    subscription = follow(server)
    threading.Timer(0.3, subscription.close).start()
    assert list(subscription) == [1, 2]


def test_the_asyncio_side_survives_restarts_and_time_limits_of_its_reader(server: Server) -> None:
    log = Log(server, 4)
    server.start()

    async def read() -> list[int | Gap]:
        connection = aio_connection.Connection(Endpoint("data", server.target), opening(), 2.0)
        found: list[int | Gap] = []
        async with aio_subscription.Subscription(
            connection, "Follow", request, decode, from_sequence=1, silence_seconds_max=5.0
        ) as subscription:
            found += [await anext(subscription) for _ in range(4)]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(subscription)
            log.length = 6
            found += [await anext(subscription) for _ in range(2)]
            await asyncio.to_thread(server.stop)
            log.length = 8
            threading.Timer(0.3, server.start).start()
            found += [await anext(subscription) for _ in range(2)]
        await connection.close()
        return found

    assert asyncio.run(read()) == [1, 2, 3, 4, 5, 6, 7, 8]
