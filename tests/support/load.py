"""The load under which faults are injected: callers that work until they are stopped, and their answers."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from alphaforge_client.cache import GenericCache
from alphaforge_client.execution import ExecutionEngine, Order, OrderEvent, OrderSide, TimeInForce

from tests.support.waiting import let_pass

__all__ = ["PATIENCE_SECONDS", "START_NS", "Caller", "Trading", "Worker", "all_events"]

# A machine that does other things, too, takes its time to start a service.
PATIENCE_SECONDS = 300.0
START_NS = 1_700_000_000_000_000_000


class Worker(threading.Thread):
    """Works until it is stopped, with a pause after each step; stopping it raises what the work raised."""

    def __init__(self, step: Callable[[int], object], pause_seconds: float = 0.0) -> None:
        super().__init__(daemon=True)
        self._step = step
        self._pause_seconds = pause_seconds
        self._ends = threading.Event()
        self._error: BaseException | None = None
        self.steps = 0
        self.start()

    def run(self) -> None:
        try:
            while not self._ends.is_set():
                self._step(self.steps)
                self.steps += 1
                if self._pause_seconds:
                    let_pass(self._pause_seconds)
        except BaseException as error:
            self._error = error

    def end(self) -> None:
        self._ends.set()
        self.join()
        if self._error is not None:
            raise self._error


class Trading:
    """Threads that submit and cancel orders, and the answers that each of them got."""

    def __init__(self, engine: ExecutionEngine, threads: int, pause_seconds: float = 0.0) -> None:
        self._engine = engine
        self.acknowledged: list[str] = []
        self.cancelled: list[str] = []
        self._workers = [
            Worker(lambda step, thread=thread: self._trade(thread, step), pause_seconds) for thread in range(threads)
        ]

    def _trade(self, thread: int, step: int) -> None:
        dice = random.Random(thread * 1_000_000 + step)
        side = dice.choice((OrderSide.Buy, OrderSide.Sell))
        orders = [
            Order.limit(
                "BTC", side, dice.randint(1, 9), dice.randint(95, 105), TimeInForce.GoodTillCancel, f"s{thread}"
            )
            for _ in range(dice.choice((1, 1, 10)))
        ]
        if len(orders) == 1:
            self._engine.submit_order(orders[0])
        else:
            self._engine.submit_orders(orders)
        # Sent twice: an answer may have been lost.
        self._engine.submit_order(orders[0])
        self.acknowledged += [order.order_id for order in orders]
        if dice.random() < 0.3 and self._engine.cancel_order(orders[0].order_id):
            self.cancelled.append(orders[0].order_id)

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


def all_events(venue: ExecutionEngine) -> list[OrderEvent]:
    found: list[OrderEvent] = []
    while more := venue.events(len(found) + 1, limit=10_000):
        found += more
    return found


class Caller:
    """One thread with its own keys, and the values that these must have."""

    def __init__(self, cache: GenericCache, number: int) -> None:
        self._cache = cache
        self._dice = random.Random(number)
        self._prefix = f"{number}:"
        self.expected: dict[str, int] = {}

    def step(self, _: int) -> None:
        key = self._prefix + str(self._dice.randrange(50))
        value = self._dice.randrange(1_000_000)
        match self._dice.randrange(8):
            case 0:
                self._cache.delete(key)
                self.expected.pop(key, None)
            case 1 | 2:
                self.expected[key] = self.expected.get(key, 0) + value
                assert self._cache.increment(key, value) == self.expected[key]
            case 3:
                assert self._cache.put_if_absent(key, value) == (key not in self.expected)
                self.expected.setdefault(key, value)
            case 4:
                items = {self._prefix + str(self._dice.randrange(50)): value for _ in range(20)}
                self._cache.put_many(items)
                self.expected |= items
            case _:
                self._cache.put(key, value)
                self.expected[key] = value
        assert self._cache.get(key) == self.expected.get(key)
