"""Calls on one engine run in order of arrival: short ones on the event loop, long ones in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from alphaforge_core.errors import EngineError

from services.engines.engine import NamedEngine
from services.engines.inputs import LONG_BYTES, replay, submit
from services.engines.rows import Row, Runs, Table, settled
from services.journal.journal import Record
from tests.support.waiting import turns

LONG = bytes(LONG_BYTES)


class Engine(NamedEngine):
    NOUN = "test"

    def __init__(self) -> None:
        super().__init__("a", 1, {}, Table([]))
        self.published: list[bytes] = []

    def publish(self, answer: bytes) -> bytes:
        self.published.append(answer)
        return answer


class Raw:
    """A request that consists of raw bytes."""

    FromString = bytes


def row(
    call: Callable[[bytes], bytes], runs: Runs = Runs.BY_SIZE, is_long: Callable[[bytes], bool] | None = None
) -> Row:
    """Returns the row of a call that gets its request as an argument."""

    def made(_engine: Any, message: bytes) -> bytes:
        return call(message)

    return Row("Call", Raw, made, Engine.publish, runs=runs, is_long=is_long)


def echo(request: bytes) -> bytes:
    return request


async def asked(engine: Engine, kind: Row, request: bytes) -> bytes:
    return await settled(submit(engine, kind, request, request))


def test_an_input_of_a_later_release_is_no_damage() -> None:
    with pytest.raises(EngineError, match="a later release wrote it") as caught:
        replay(Engine(), Record(1, 250, 0, b""))
    assert caught.value.reason == "JOURNAL_VERSION"


def test_calls_are_made_and_published_in_the_order_in_which_they_came() -> None:
    async def run() -> None:
        engine = Engine()
        requests = [bytes([number]) + (LONG if number % 3 == 0 else b"") for number in range(10)]
        answers = await asyncio.gather(*(asked(engine, row(echo), request) for request in requests))
        assert engine.published == answers == requests

    asyncio.run(run())


def test_a_short_call_alone_is_made_at_once_on_the_event_loop() -> None:
    async def run() -> None:
        engine, threads = Engine(), []

        def call(_: bytes) -> bytes:
            threads.append(threading.current_thread())
            return b"done"

        assert submit(engine, row(call), b"", b"") == b"done"
        assert await asked(engine, row(call), LONG) == b"done"
        assert await asked(engine, row(call, Runs.THREAD), b"") == b"done"
        lengthy = row(call, is_long=lambda request: request == b"many")
        assert await asked(engine, lengthy, b"many") == b"done"
        assert submit(engine, lengthy, b"few", b"few") == b"done"
        here = threading.current_thread()
        assert [thread is here for thread in threads] == [True, False, False, False, True]

    asyncio.run(run())


def test_a_long_call_does_not_hold_up_the_event_loop_and_nobody_overtakes_it() -> None:
    async def run() -> None:
        engine, release = Engine(), threading.Event()

        def wait(_: bytes) -> bytes:
            assert release.wait(60)
            return b"first"

        first = asyncio.ensure_future(asked(engine, row(wait), LONG))
        second = asyncio.ensure_future(asked(engine, row(echo), b"second"))
        await turns(100)
        assert engine.published == []
        # A caller that leaves does not stop the call.
        first.cancel()
        release.set()
        assert await second == b"second"
        assert engine.published == [b"first", b"second"]

    asyncio.run(run())
