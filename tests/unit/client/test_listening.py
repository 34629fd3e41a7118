"""Subscriptions with a callback: each event once, in order, in the background; ends and errors are reported."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from alphaforge_client import errors
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.gap import Gap
from alphaforge_client.aio._calls import connection as aio_connection
from alphaforge_client.aio._calls.subscription import Subscription as AioSubscription

from tests.support.waiting import turns

from .conftest import Server
from .test_subscription import Log, decode, follow, opening, request


class Seen:
    """A callback that stores what it gets, and signals when it has got a given number."""

    def __init__(self, count: int) -> None:
        self.events: list[int | Gap] = []
        self.threads: set[threading.Thread] = set()
        self.is_full = threading.Event()
        self._count = count

    def __call__(self, event: int | Gap) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread())
        if len(self.events) == self._count:
            self.is_full.set()


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """The errors that threads of this test have reported."""
    found: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: found.append(arguments.exc_value))
    return found


def test_a_callback_gets_every_event_in_a_thread_of_the_subscription(server: Server) -> None:
    log = Log(server, 4)
    log.faults = [(1, "unavailable")]
    server.start()
    seen = Seen(10)
    with follow(server).listen(seen) as subscription:
        log.length = 10
        assert seen.is_full.wait(10)
    assert seen.events == list(range(1, 11))
    assert len(seen.threads) == 1
    assert threading.main_thread() not in seen.threads
    assert subscription.next_sequence == 11
    assert not seen.threads.pop().is_alive()


def test_it_has_begun_when_listen_returns(server: Server) -> None:
    log = Log(server, 5)
    server.start()
    seen = Seen(2)
    subscription = follow(server, from_sequence=None).listen(seen)
    log.length = 7
    assert seen.is_full.wait(10)
    assert seen.events == [6, 7]
    assert subscription.wait(0.01) is False
    subscription.close()
    assert subscription.wait() is True


def test_no_callback_runs_after_the_block(server: Server) -> None:
    Log(server, 1)
    server.start()
    entered, leave = threading.Event(), threading.Event()
    is_running = False

    def slowly(_: object) -> None:
        nonlocal is_running
        is_running = True
        entered.set()
        leave.wait(10)
        is_running = False

    with follow(server).listen(slowly):
        assert entered.wait(10)
        threading.Timer(0.2, leave.set).start()
    assert not is_running


def test_an_error_of_the_callback_is_reported_at_once_and_raised_to_who_waits(
    server: Server, reported: list[BaseException | None]
) -> None:
    Log(server, 6)
    server.start()
    seen: list[object] = []
    fails = threading.Event()

    def fail(event: object) -> None:
        seen.append(event)
        if event == 3:
            fails.set()
            raise ZeroDivisionError("three")

    subscription = follow(server).listen(fail)
    with pytest.raises(ZeroDivisionError, match="three"):
        subscription.wait(10)
    assert seen == [1, 2, 3]
    assert [str(error) for error in reported] == ["three"]
    fails.clear()
    with pytest.raises(ZeroDivisionError), follow(server).listen(fail):
        fails.wait(10)


def test_a_refusal_is_raised_by_listen(server: Server) -> None:
    with pytest.raises(errors.Unavailable):
        follow(server).listen(print)


def test_a_callback_may_close_its_subscription(server: Server) -> None:
    Log(server, 6)
    server.start()
    seen: list[object] = []

    def until_three(event: object) -> None:
        seen.append(event)
        if event == 3:
            subscription.close()

    subscription = follow(server)
    assert subscription.listen(until_three).wait(10) is True
    assert seen == [1, 2, 3]
    assert subscription.next_sequence == 4


def test_closing_the_client_ends_the_callbacks(server: Server, reported: list[BaseException | None]) -> None:
    Log(server, 2)
    server.start()
    seen = Seen(2)
    subscription = follow(server).listen(seen)
    assert seen.is_full.wait(10)
    subscription._connection.close()
    assert subscription.wait(10) is True
    assert reported == []


def test_a_subscription_has_one_reader(server: Server) -> None:
    Log(server, 2)
    server.start()
    with follow(server).listen(Seen(2)) as subscription:
        with pytest.raises(RuntimeError, match="callback"):
            iter(subscription)
        with pytest.raises(RuntimeError, match="callback"):
            subscription.listen(print)


def aio_follow(server: Server) -> AioSubscription[int]:
    connection = aio_connection.Connection(Endpoint("data", server.target), opening(), 2.0)
    return AioSubscription(connection, "Follow", request, decode, from_sequence=1, silence_seconds_max=5.0)


def test_an_asyncio_callback_may_be_a_coroutine_or_plain(server: Server) -> None:
    Log(server, 6)
    server.start()

    async def run() -> None:
        seen: list[object] = []
        is_full = asyncio.Event()

        async def keep(event: object) -> None:
            await turns()
            seen.append(event)
            if len(seen) == 6:
                is_full.set()

        async with aio_follow(server) as subscription:
            await subscription.listen(keep)
            await asyncio.wait_for(is_full.wait(), 10)
        await subscription._connection.close()
        assert seen == [1, 2, 3, 4, 5, 6]

        plain: list[object] = []
        subscription = await aio_follow(server).listen(plain.append)
        while len(plain) < 6:
            assert await subscription.wait(0.01) is False
        subscription.close()
        assert await subscription.wait() is True
        await subscription._connection.close()

    asyncio.run(run())


def test_an_error_of_an_asyncio_callback_goes_to_the_loop_and_to_who_waits(server: Server) -> None:
    Log(server, 6)
    server.start()

    async def fail(event: object) -> None:
        raise ZeroDivisionError(f"{event}")

    async def run() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        subscription = await aio_follow(server).listen(fail)
        with pytest.raises(ZeroDivisionError):
            await subscription.wait(10)
        await subscription._connection.close()
        # The handler may also report leftovers of earlier loops of the test process.
        errors_of_callbacks = [context["exception"] for context in reported if "callback" in context["message"]]
        assert [str(error) for error in errors_of_callbacks] == ["1"]

    asyncio.run(run())
