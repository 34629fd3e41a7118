"""A program whose services are killed and restarted under it sees typed errors within its deadlines, and continues."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from alphaforge_client.aio.data import DataEngine as AsyncDataEngine
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, Unavailable
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.stack import Stack
from tests.support.waiting import until

TIMEOUT_SECONDS = 2.0

TICK = TradeTick("BTC", 100, 1, "BUY", "", 10**18)


class Caller(threading.Thread):
    """Calls without a pause, and keeps what went wrong."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self._call = call
        self._ends = threading.Event()
        self.answers = 0
        self.errors: list[BaseException] = []

    def run(self) -> None:
        while not self._ends.is_set():
            try:
                self._call()
                self.answers += 1
            except Exception as error:
                self.errors.append(error)

    def end(self) -> None:
        self._ends.set()
        self.join()


def goes_on(callers: list[Caller]) -> None:
    """Waits until each caller has got another answer."""
    before = [caller.answers for caller in callers]
    until(lambda: all(caller.answers > count for caller, count in zip(callers, before, strict=True)))


def each_fails(callers: list[Caller]) -> None:
    """Waits until each caller has got another error."""
    before = [len(caller.errors) for caller in callers]
    until(lambda: all(len(caller.errors) > count for caller, count in zip(callers, before, strict=True)))


def limit_order() -> Order:
    return Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s")


def test_every_call_ends_in_time_with_an_answer_or_a_typed_error(own_stack: Stack) -> None:
    own_stack.serve("cache", "data", "execution")
    cache = GenericCache(name="c", target=own_stack.target("cache"), timeout=TIMEOUT_SECONDS)
    data = DataEngine(name="d", target=own_stack.target("data"), timeout=TIMEOUT_SECONDS)
    execution = ExecutionEngine(name="x", target=own_stack.target("execution"), timeout=TIMEOUT_SECONDS)
    callers = {
        noun: [Caller(call) for _ in range(4)]
        for noun, call in (
            ("cache", lambda: cache.put("key", 1.0)),
            ("data", lambda: data.process_trade_tick(TICK)),
            ("execution", lambda: execution.submit_order(limit_order())),
        )
    }
    everyone = [caller for several in callers.values() for caller in several]
    for caller in everyone:
        caller.start()
    for noun in callers:
        goes_on(callers[noun])
        own_stack.kill(noun)
        each_fails(callers[noun])
        own_stack.start(noun)
        goes_on(callers[noun])
    goes_on(everyone)
    for caller in everyone:
        caller.end()
    for caller in everyone:
        for error in caller.errors:
            assert isinstance(error, (Unavailable, DeadlineExceeded)), repr(error)
    for client in (cache, data, execution):
        client.close()


def test_a_dead_service_is_an_error_in_time_and_the_client_good_once_it_is_back(own_stack: Stack) -> None:
    own_stack.serve("cache")
    with GenericCache(name="c", target=own_stack.target("cache"), timeout=0.5) as cache:
        cache.put("key", 1)
        own_stack.kill("cache")
        with pytest.raises(ConnectionError) as caught:
            cache.get("key")
        assert isinstance(caught.value, AlphaForgeError)
        own_stack.start("cache")
        cache.wait_ready(10.0)
        cache.put("key", 2, timeout=5.0)
        assert cache.get("key") == 2


def minute_ticks(count: int) -> list[TradeTick]:
    """Returns ticks that each close the previous tick's minute."""
    return [TradeTick("BTC", 100 + number, 1, "BUY", "", 60 * 10**9 * number) for number in range(count)]


def read(subscription: Iterator[object], count: int) -> list[object]:
    return [next(subscription) for _ in range(count)]


def sequences(items: list[object]) -> list[int]:
    """Returns the bars' sequences; a Gap among the bars is an error."""
    assert not [item for item in items if isinstance(item, Gap)]
    return [item.sequence for item in items]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stream_of_bars_goes_on_over_a_restart_without_a_gap_or_a_repeat(own_stack: Stack, end: str) -> None:
    own_stack.serve("data")
    config = DataEngineConfig(bar_types=["1min"])
    target = own_stack.target("data")
    with (
        DataEngine(config, name="d", target=target, timeout=10.0) as engine,
        engine.subscribe_bars(from_sequence=1) as bars,
    ):
        engine.process_trade_ticks(minute_ticks(6))
        items = read(bars, 5)
        getattr(own_stack, end)("data")
        own_stack.start("data")
        engine.process_trade_ticks(minute_ticks(11)[6:])
        assert sequences(items + read(bars, 5)) == list(range(1, 11))


def test_the_asyncio_client_also_continues(own_stack: Stack) -> None:
    own_stack.serve("data")
    config = DataEngineConfig(bar_types=["1min"])

    async def follow() -> list[object]:
        engine = AsyncDataEngine(config, name="d", target=own_stack.target("data"), timeout=10.0)
        async with engine, engine.subscribe_bars(from_sequence=1) as bars:
            await engine.process_trade_ticks(minute_ticks(6))
            items: list[object] = [await anext(bars) for _ in range(5)]
            await asyncio.to_thread(own_stack.kill, "data")
            await asyncio.to_thread(own_stack.start, "data")
            await engine.process_trade_ticks(minute_ticks(11)[6:])
            return items + [await anext(bars) for _ in range(5)]

    assert sequences(asyncio.run(follow())) == list(range(1, 11))
