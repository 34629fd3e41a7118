"""A service killed repeatedly while threads and tasks call it has every acknowledged change exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import alphaforge_client.aio.data as aio_data
import alphaforge_client.aio.execution as aio_execution
import alphaforge_client.data as sync_data
import alphaforge_client.execution as sync_execution
import pytest
from alphaforge_client.model import TradeTick

from tests.support.stack import Stack
from tests.support.waiting import until

RESTARTS = 10
# Longer than a restart on a loaded machine, since every call must be answered eventually.
TIMEOUT_SECONDS = 60.0

eventually = partial(until, seconds=TIMEOUT_SECONDS)

TICK = TradeTick("BTC", 100, 1, "BUY", "", 10**18)


@dataclass
class Case:
    """What a client of one noun sends and receives. `make` gets the sync or the asyncio module."""

    modules: tuple[Any, Any]
    make: Callable[[Any, str], Any]
    send: Callable[[Any], Any]
    subscribe: Callable[[Any], Any]
    # What identifies a call: in its answer, and in the event that it causes.
    answered: Callable[[Any], Any]
    told: Callable[[Any], Any]
    count: Callable[[Any], int]


def new_order() -> Any:
    x = sync_execution
    return x.Order.limit("BTC", x.OrderSide.Buy, 1, 90, x.TimeInForce.GoodTillCancel, "s")


CASES = {
    "data": Case(
        modules=(sync_data, aio_data),
        make=lambda module, target: module.DataEngine(
            module.DataEngineConfig(bar_types=["1tick"]), name="d", target=target, timeout=TIMEOUT_SECONDS
        ),
        send=lambda engine: engine.process_trade_tick(TICK),
        subscribe=lambda engine: engine.subscribe_bars(from_sequence=1),
        answered=lambda bars: bars[0].sequence,
        told=lambda bar: bar.sequence,
        count=lambda statistics: statistics.ticks_processed,
    ),
    "execution": Case(
        modules=(sync_execution, aio_execution),
        make=lambda module, target: module.ExecutionEngine(name="x", target=target, timeout=TIMEOUT_SECONDS),
        send=lambda engine: engine.submit_order(new_order()),
        subscribe=lambda engine: engine.subscribe_order_events(from_sequence=1),
        answered=lambda order_id: order_id,
        told=lambda event: event.order_id,
        count=lambda statistics: statistics.orders_submitted,
    ),
}


class Side:
    """The threads, or the tasks, of one client: the sent calls, the answers and the errors."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.answers: list[Any] = []
        self.reads = 0
        self.events: list[Any] = []
        self.errors: list[BaseException] = []
        # Tells the callers to stop; set by the callers after the last answer; tells the listener to leave.
        self.stop = threading.Event()
        self.stopped = threading.Event()
        self.leave = threading.Event()

    def progress(self) -> tuple[int, int, int]:
        return len(self.answers), self.reads, len(self.events)


class Threads(Side):
    """Five threads that send and one that reads, over one engine object."""

    def run(self, target: str) -> None:
        engine = self.case.make(self.case.modules[0], target)

        def send() -> None:
            self.answers.append(self.case.answered(self.case.send(engine)))

        def read() -> None:
            engine.statistics()
            self.reads += 1

        with self.case.subscribe(engine).listen(self.events.append):
            threads = [threading.Thread(target=self._repeat, args=(send,)) for _ in range(5)]
            threads.append(threading.Thread(target=self._repeat, args=(read,)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.stopped.set()
            self.leave.wait(TIMEOUT_SECONDS)
        engine.close()

    def _repeat(self, call: Callable[[], None]) -> None:
        while not self.stop.is_set():
            try:
                call()
            except Exception as error:
                self.errors.append(error)


class Tasks(Side):
    """Nine tasks of an event loop."""

    def run(self, target: str) -> None:
        asyncio.run(self._main(target))

    async def _main(self, target: str) -> None:
        engine = self.case.make(self.case.modules[1], target)

        async def send() -> None:
            self.answers.append(self.case.answered(await self.case.send(engine)))

        async def read() -> None:
            await engine.statistics()
            self.reads += 1

        async with await self.case.subscribe(engine).listen(self.events.append):
            await asyncio.gather(*(self._repeat(send) for _ in range(8)), self._repeat(read))
            self.stopped.set()
            await asyncio.to_thread(self.leave.wait, TIMEOUT_SECONDS)
        await engine.close()

    async def _repeat(self, call: Callable[[], Awaitable[None]]) -> None:
        while not self.stop.is_set():
            try:
                await call()
            except Exception as error:
                self.errors.append(error)


def held() -> dict[str, int]:
    """Returns the counts that a leak would raise: descriptors, system threads and Python threads."""
    entries = {name: len(list(Path(f"/proc/self/{name}").iterdir())) for name in ("fd", "task")}
    return entries | {"threads": threading.active_count()}


@pytest.mark.parametrize("noun", CASES)
def test_nothing_is_lost_or_repeated_or_left_behind(own_stack: Stack, noun: str) -> None:
    case = CASES[noun]
    own_stack.serve(noun)
    sides: list[Threads | Tasks] = [Threads(case), Tasks(case)]
    threads = [threading.Thread(target=side.run, args=(own_stack.target(noun),)) for side in sides]
    for thread in threads:
        thread.start()

    def all_go_on() -> None:
        since = [count for side in sides for count in side.progress()]
        now = lambda: [count for side in sides for count in side.progress()]  # noqa: E731
        eventually(lambda: all(map(int.__gt__, now(), since)), lambda: (since, now()))

    all_go_on()
    first = held()
    for _ in range(RESTARTS):
        own_stack.kill(noun)
        own_stack.start(noun)
        all_go_on()
    last = held()
    for side in sides:
        side.stop.set()
    for side in sides:
        assert side.stopped.wait(TIMEOUT_SECONDS)
    with case.make(case.modules[0], own_stack.target(noun)) as engine:
        answered = lambda: [answer for side in sides for answer in side.answers]  # noqa: E731
        eventually(
            lambda: all(len(side.events) == len(answered()) == case.count(engine.statistics()) for side in sides),
            lambda: ([side.progress() for side in sides], engine.statistics()),
        )
    for side in sides:
        side.leave.set()
    for thread in threads:
        thread.join()
    assert [error for side in sides for error in side.errors] == []
    assert len(set(answered())) == len(answered())
    for side in sides:
        assert [event.sequence for event in side.events] == list(range(1, len(answered()) + 1))
        assert {case.told(event) for event in side.events} == set(answered())
    assert all(last[what] <= first[what] + 4 for what in first), (first, last)
