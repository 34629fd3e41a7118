"""Services killed with -9 at random moments under load: nothing acknowledged is lost, nothing is done twice.

ALPHAFORGE_TEST_KILLS sets how often each test kills; a dozen by default, as much as a quick run bears.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal

from alphaforge_client.cache import GenericCache
from alphaforge_client.data import Bar, DataEngine, DataEngineConfig
from alphaforge_client.execution import (
    ExecutionEngine,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from alphaforge_client.model import TradeTick
from alphaforge_core import data as core

from tests.support.stack import Stack
from tests.support.tape import BTCUSDT, real_trades

KILLS = int(os.environ.pop("ALPHAFORGE_TEST_KILLS", "12"))
PATIENCE_SECONDS = 60.0
BAR_TYPES = ["1min", "100tick", "5volume", "1000000dollar"]
START_NS = 1_700_000_000_000_000_000


class Worker(threading.Thread):
    """Works until it is told to end; what it raises is raised where it is ended."""

    def __init__(self, step: Callable[[int], object]) -> None:
        super().__init__()
        self._step = step
        self._ends = threading.Event()
        self._error: BaseException | None = None
        self.steps = 0
        self.start()

    def run(self) -> None:
        try:
            while not self._ends.is_set():
                self._step(self.steps)
                self.steps += 1
        except BaseException as error:
            self._error = error

    def end(self) -> None:
        self._ends.set()
        self.join()
        if self._error is not None:
            raise self._error


def kill_and_restart(stack: Stack, dice: random.Random, nouns: tuple[str, ...]) -> None:
    """One after the other or both at once, in any order."""
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.05, 0.4))
        chosen = dice.sample(nouns, dice.randint(1, len(nouns)))
        for noun in chosen:
            stack.kill(noun)
        time.sleep(dice.uniform(0.0, 0.1))
        for noun in chosen:
            stack.launch(noun)
        for noun in chosen:
            stack.wait_ready(noun)


def test_a_producer_and_its_subscribers_see_the_bars_of_an_uninterrupted_run(own_stack: Stack) -> None:
    ticks = [
        TradeTick(
            row["instrument_id"], row["price"], row["quantity"], row["aggressor_side"], row["trade_id"],
            int(row["ts_event"]), int(row["ts_init"]),
        )
        for row in real_trades(BTCUSDT)
    ]  # fmt: skip
    expected = core.DataEngine(DataEngineConfig(bar_types=BAR_TYPES)).process_trade_ticks(ticks)
    own_stack.serve("data")
    dice = random.Random(1)
    with DataEngine(
        DataEngineConfig(bar_types=BAR_TYPES, duplicate_window=0),
        target=own_stack.target("data"), timeout=PATIENCE_SECONDS,
    ) as engine:  # fmt: skip
        streamed: list[object] = []
        subscription = engine.subscribe_bars().listen(streamed.append)
        answered: list[Bar] = []
        position = 0

        def send(_: int) -> None:
            nonlocal position
            if position < len(ticks):
                batch = ticks[position : position + dice.randint(1, 200)]
                answered.extend(engine.process_trade_ticks(batch))
                position += len(batch)
            else:
                time.sleep(0.01)

        sender = Worker(send)
        kill_and_restart(own_stack, random.Random(2), ("data",))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (position < len(ticks) or len(streamed) < len(expected)) and time.monotonic() < deadline:
            time.sleep(0.01)
        sender.end()
        subscription.close()
        assert [repr(bar) for bar in answered] == [repr(bar) for bar in expected]
        assert [repr(bar) for bar in streamed] == [repr(bar) for bar in expected]
        instrument = ticks[0].instrument_id
        for bar_type in BAR_TYPES:
            kept = [repr(bar) for bar in engine.get_bars(instrument, bar_type)]
            assert kept == [repr(bar) for bar in expected if str(bar.bar_type) == bar_type][-len(kept) :]
            assert kept
        assert engine.statistics().ticks_processed == len(ticks)


class Trading:
    """Threads that submit, cancel and modify orders, and what each of them was answered."""

    def __init__(self, engine: ExecutionEngine, threads: int) -> None:
        self._engine = engine
        self.acknowledged: list[str] = []
        self.cancelled: list[str] = []
        self._workers = [Worker(lambda step, thread=thread: self._trade(thread, step)) for thread in range(threads)]

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


def check_laws(orders: dict[str, Order], events: list[OrderEvent], quantities: dict[str, int]) -> None:
    """What holds of orders, fills and events however they came to be."""
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    last: dict[str, OrderEvent] = {}
    for event in events:
        before = last.get(event.order_id)
        assert before is None or before.status in (OrderStatus.Submitted, OrderStatus.PartiallyFilled), "final is final"
        last[event.order_id] = event
    taken: dict[tuple[str, OrderSide], Decimal] = defaultdict(Decimal)
    for order_id, order in orders.items():
        assert last[order_id].status == order.status
        filled = sum((fill.quantity.as_decimal() for fill in order.fills), Decimal())
        assert filled == Decimal(str(order.filled_quantity))
        assert len({fill.fill_id for fill in order.fills}) == len(order.fills)
        for fill in order.fills:
            price = float(fill.price)
            assert order.price is not None
            assert price <= order.price if order.side == OrderSide.Buy else price >= order.price
            taken[fill.trade_id, order.side] += fill.quantity.as_decimal()
    for (trade_id, side), quantity in taken.items():
        assert quantity <= quantities[trade_id], f"{side} took {quantity} of trade {trade_id}"


def test_every_acknowledged_order_is_there_once_with_its_fills_and_events(own_stack: Stack) -> None:
    own_stack.serve("execution")
    quantities: dict[str, int] = {}
    with (
        DataEngine(target=own_stack.target("data"), timeout=PATIENCE_SECONDS) as data,
        ExecutionEngine(target=own_stack.target("execution"), timeout=PATIENCE_SECONDS) as venue,
    ):
        data.start()
        venue.statistics()

        def trade(step: int) -> None:
            dice = random.Random(step)
            quantities[str(step)] = dice.randint(1, 20)
            time_ns = START_NS + step * 10**6
            data.process_trade_tick(
                TradeTick(
                    "BTC",
                    dice.randint(94, 106),
                    quantities[str(step)],
                    dice.choice(("BUY", "SELL")),
                    str(step),
                    time_ns,
                )
            )

        streamed: list[object] = []
        subscription = venue.subscribe_order_events(from_sequence=1).listen(streamed.append)
        market, trading = Worker(trade), Trading(venue, threads=4)
        kill_and_restart(own_stack, random.Random(3), ("data", "execution"))
        market.end()
        trading.end()

        # All that the market did has reached the venue, and all that the venue did its subscriber.
        venue.process_trade_tick(TradeTick("ETH", 1, 1, "BUY", "end", START_NS))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (received := venue.statistics().ticks_processed) < market.steps + 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert received == market.steps + 1
        events = all_events(venue)
        while len(streamed) < len(events) and time.monotonic() < deadline:
            time.sleep(0.02)
        subscription.close()
        assert [repr(event) for event in streamed] == [repr(event) for event in events]

        assert venue.validate() == []
        orders = {order.order_id: order for order in venue.get_orders()}
        assert sorted(orders) == sorted(trading.acknowledged)
        assert venue.statistics().orders_submitted == len(orders)
        placed = Counter(event.order_id for event in events if event.type == OrderEventType.Submitted)
        assert placed == dict.fromkeys(orders, 1)
        for order_id in trading.cancelled:
            assert orders[order_id].status == OrderStatus.Cancelled
        check_laws(orders, events, quantities)

        state = venue.state_hash()
        own_stack.kill("execution")
        own_stack.start("execution")
        assert venue.state_hash() == state
        own_stack.stop("execution")
        own_stack.start("execution")
        assert venue.state_hash() == state


def all_events(venue: ExecutionEngine) -> list[OrderEvent]:
    found: list[OrderEvent] = []
    while more := venue.events(len(found) + 1, limit=10_000):
        found += more
    return found


RETRIES = """
import sys
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
order = Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s", order_id="once", created_at=1)
with ExecutionEngine(target=sys.argv[1], timeout=60.0) as engine:
    print("ready", flush=True)
    assert {engine.submit_order(order) for _ in range(250)} == {"once"}
"""


def test_a_thousand_retries_from_several_processes_across_restarts_make_one_order(own_stack: Stack) -> None:
    own_stack.serve("execution")
    target = own_stack.target("execution")
    command = [sys.executable, "-c", RETRIES, target]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for _ in range(3):
        time.sleep(0.05)
        own_stack.kill("execution")
        own_stack.start("execution")
    for process in processes:
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0
    with ExecutionEngine(target=target, timeout=PATIENCE_SECONDS) as venue:
        assert [order.order_id for order in venue.get_orders()] == ["once"]
        assert [event.type for event in venue.events()] == [OrderEventType.Submitted]
        assert venue.statistics().orders_submitted == 1
        venue.cancel_order("once")
        own_stack.kill("execution")
        own_stack.start("execution")
        order = Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s", order_id="once", created_at=1)
        assert venue.submit_order(order) == "once"
        assert venue.get_active_orders("s") == [], "whatever became of it, it is not placed again"


class Caller:
    """One thread with keys of its own, and what these must hold."""

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


def test_callers_of_a_cache_find_what_they_were_acknowledged_and_nothing_twice(own_stack: Stack) -> None:
    own_stack.serve("cache")
    with GenericCache(name="c", target=own_stack.target("cache"), timeout=PATIENCE_SECONDS) as cache:
        callers = [Caller(cache, number) for number in range(8)]
        workers = [Worker(caller.step) for caller in callers]
        kill_and_restart(own_stack, random.Random(3), ("cache",))
        for worker in workers:
            worker.end()
        expected = {key: value for caller in callers for key, value in caller.expected.items()}
        assert min(worker.steps for worker in workers) > KILLS
        own_stack.kill("cache")
        own_stack.start("cache")
        assert cache.get_many(expected) == expected
        assert cache.size() == len(expected)
