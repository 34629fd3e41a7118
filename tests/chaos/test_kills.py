"""Services killed with -9 at random moments under load lose nothing acknowledged and do nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import count, islice

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import (
    ExecutionEngine,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from alphaforge_client.model import Bar, TradeTick
from alphaforge_core import data as core

from tests.support.chaos import Chaos, many
from tests.support.load import PATIENCE_SECONDS, START_NS, Caller, Trading, Worker, all_events
from tests.support.preloaded import preloaded_services
from tests.support.stack import Stack
from tests.support.tape import BTCUSDT, real_trades
from tests.support.waiting import let_pass, until

# Kills per test, usually and in a full run.
KILLS = (18, 330)
# Callers pause between calls, so that even a full run makes few enough calls to compare one by one.
PAUSE_SECONDS = 0.01
BAR_TYPES = ["1min", "100tick", "5volume", "1000000dollar"]


@pytest.fixture
def own_stack(own_stack: Stack) -> Iterator[Stack]:
    """Services that start so fast that a full run has time for a thousand kills."""
    with preloaded_services() as own_stack.preloaded:
        yield own_stack


def kill_and_restart(stack: Stack, chaos: Chaos, nouns: tuple[str, ...]) -> None:
    """Kills and restarts services one at a time or both at once, in any order, while they serve or start."""
    dice, kills, in_starts = chaos.dice(), 0, 0
    while kills < many(*KILLS):
        let_pass(dice.uniform(0.05, 0.4))
        chosen = dice.sample(nouns, dice.randint(1, len(nouns)))
        while True:
            for noun in chosen:
                stack.kill(noun)
            kills += len(chosen)
            let_pass(dice.uniform(0.0, 0.1))
            for noun in chosen:
                stack.launch(noun)
            if dice.random() < 0.6:
                break
            in_starts += len(chosen)
            let_pass(dice.uniform(0.0, 1.5))
        for noun in chosen:
            stack.wait_ready(noun)
    chaos.count("kills", kills)
    chaos.count("of them soon after a start", in_starts)


def trades_without_end() -> Iterator[TradeTick]:
    """Real trades, once more after the last."""
    rows = real_trades(BTCUSDT)
    lap_ns = int(rows[-1]["ts_event"]) - int(rows[0]["ts_event"]) + 1_000_000
    for lap in count():
        for row in rows:
            yield TradeTick(
                row["instrument_id"], row["price"], row["quantity"], row["aggressor_side"], f"{row['trade_id']}-{lap}",
                int(row["ts_event"]) + lap * lap_ns, int(row["ts_init"]) + lap * lap_ns,
            )  # fmt: skip


def test_a_producer_and_its_subscribers_see_the_bars_of_an_uninterrupted_run(own_stack: Stack, chaos: Chaos) -> None:
    own_stack.serve("data")
    dice = chaos.dice()
    with DataEngine(
        DataEngineConfig(bar_types=BAR_TYPES, duplicate_window=0),
        target=own_stack.target("data"), timeout=PATIENCE_SECONDS,
    ) as engine:  # fmt: skip
        streamed: list[object] = []
        subscription = engine.subscribe_bars().listen(streamed.append)
        answered: list[Bar] = []
        ticks: list[TradeTick] = []
        trades = trades_without_end()

        def send(_: int) -> None:
            batch = list(islice(trades, dice.choice((1, 10, 100))))
            ticks.extend(batch)
            answered.extend(engine.process_trade_ticks(batch))

        sender = Worker(send, PAUSE_SECONDS)
        kill_and_restart(own_stack, chaos, ("data",))
        sender.end()
        expected = core.DataEngine(DataEngineConfig(bar_types=BAR_TYPES)).process_trade_ticks(ticks)
        until(lambda: len(streamed) >= len(expected), seconds=PATIENCE_SECONDS)
        subscription.close()
        assert [repr(bar) for bar in answered] == [repr(bar) for bar in expected]
        assert [repr(bar) for bar in streamed] == [repr(bar) for bar in expected]
        instrument = ticks[0].instrument_id
        for bar_type in BAR_TYPES:
            of_type = [repr(bar) for bar in expected if str(bar.bar_type) == bar_type]
            kept = [repr(bar) for bar in engine.get_bars(instrument, bar_type)]
            assert kept == of_type[len(of_type) - len(kept) :]
            assert kept or not of_type
        assert expected
        assert engine.statistics().ticks_processed == len(ticks)
        chaos.count("ticks", len(ticks))


def check_laws(orders: dict[str, Order], events: list[OrderEvent], quantities: dict[str, int]) -> None:
    """Asserts the invariants of orders, fills and events."""
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


def test_every_acknowledged_order_is_there_once_with_its_fills_and_events(own_stack: Stack, chaos: Chaos) -> None:
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
        market, trading = Worker(trade, PAUSE_SECONDS), Trading(venue, 4, PAUSE_SECONDS)
        kill_and_restart(own_stack, chaos, ("data", "execution"))
        market.end()
        trading.end()

        # The venue has all trades, and its subscriber all events.
        venue.process_trade_tick(TradeTick("ETH", 1, 1, "BUY", "end", START_NS))
        until(lambda: venue.statistics().ticks_processed >= market.steps + 1, seconds=PATIENCE_SECONDS)
        assert venue.statistics().ticks_processed == market.steps + 1
        events = all_events(venue)
        until(lambda: len(streamed) >= len(events), seconds=PATIENCE_SECONDS)
        subscription.close()
        assert [repr(event) for event in streamed] == [repr(event) for event in events]

        assert venue.validate() == []
        chaos.count("events", len(events))
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


RETRIES = """
import sys
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
order = Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s", order_id="once", created_at=1)
with ExecutionEngine(target=sys.argv[1], timeout=60.0) as engine:
    print("ready", flush=True)
    assert {engine.submit_order(order) for _ in range(250)} == {"once"}
"""


def test_a_thousand_retries_from_several_processes_across_restarts_make_one_order(
    own_stack: Stack, chaos: Chaos
) -> None:
    own_stack.serve("execution")
    target = own_stack.target("execution")
    command = [sys.executable, "-c", RETRIES, target]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for _ in range(3):
        let_pass(0.05)
        own_stack.kill("execution")
        own_stack.start("execution")
    chaos.count("kills", 3)
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


def test_callers_of_a_cache_find_what_they_were_acknowledged_and_nothing_twice(own_stack: Stack, chaos: Chaos) -> None:
    own_stack.serve("cache")
    with GenericCache(name="c", target=own_stack.target("cache"), timeout=PATIENCE_SECONDS) as cache:
        callers = [Caller(cache, number) for number in range(8)]
        workers = [Worker(caller.step, PAUSE_SECONDS) for caller in callers]
        kill_and_restart(own_stack, chaos, ("cache",))
        for worker in workers:
            worker.end()
        expected = {key: value for caller in callers for key, value in caller.expected.items()}
        assert min(worker.steps for worker in workers) > 0
        chaos.count("calls", sum(worker.steps for worker in workers))
        own_stack.kill("cache")
        own_stack.start("cache")
        assert cache.get_many(expected) == expected
        assert cache.size() == len(expected)
