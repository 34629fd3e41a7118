"""The execution engine: orders, and ticks that fill none of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from typing import Any

import alphaforge_core.execution
from alphaforge_client._wire.execution import new_order
from alphaforge_client.aio.execution import ExecutionEngine as AsyncExecutionEngine
from alphaforge_client.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Order,
    OrderGroup,
    OrderSide,
    TimeInForce,
    TrailingOffsetType,
)

from benchmarks.bench import Bench, Way
from benchmarks.data import columns, ticks

__all__ = ["BATCH", "CONCURRENT", "batches", "each", "numbered", "orders_of", "run", "threads"]

# benchmarks.durability measures the cost of writes.
UNWRITTEN = ExecutionEngineConfig(durability="none")

ORDERS_DOCUMENTED = 15_000
BATCH = 500
CONCURRENT = 64
Engines = alphaforge_core.execution.ExecutionEngine | ExecutionEngine

_numbers = count()


def order(number: int) -> Order:
    """Returns a limit order that rests, below every price of the ticks."""
    return Order.limit(
        "BTCUSDT", OrderSide.Buy, 0.5, 1000 + number % 1000, TimeInForce.GoodTillCancel, "benchmark",
        order_id=f"order-{number:012}", created_at=number,
    )  # fmt: skip


def numbered() -> Order:
    """The next order."""
    return order(next(_numbers))


def run(bench: Bench) -> None:
    """Rates of orders one by one and in batches, ticks with few and many resting orders, percentiles of orders."""
    target = bench.stack.targets["execution"]
    core = alphaforge_core.execution.ExecutionEngine()
    with ExitStack() as exits:
        remote = exits.enter_context(ExecutionEngine(UNWRITTEN, name="benchmark", target=target, timeout=60.0))
        pool = exits.enter_context(ThreadPoolExecutor(CONCURRENT))
        items, calls = bench.sizes.items, bench.sizes.calls
        bench.rates("orders", "orders", ORDERS_DOCUMENTED, [
            orders_of("in process, one by one", items, lambda orders: each(core, orders)),
            orders_of(f"in process, {BATCH} at a time", items, lambda orders: batches(core, orders)),
            orders_of("remote, one by one", calls, lambda orders: each(remote, orders)),
            orders_of(f"remote, {CONCURRENT} threads", items // 10, lambda orders: threads(pool, remote, orders)),
            orders_of(f"remote, {BATCH} at a time", items, lambda orders: batches(remote, orders)),
            bench.echo_way(exits, len(new_order(order(0)))),
        ])  # fmt: skip
        _check(bench, target)
        _resting(bench)
        bench.single_calls(
            "submit_order",
            len(new_order(order(0))),
            lambda: remote.submit_order(numbered()),
            lambda: _async_order(target),
        )


def orders_of(
    name: str, number: int, submit: Callable[[list[Order]], int], make: Callable[[], Order] = numbered
) -> Way:
    """Creates new orders before each timed repetition, since a repeated order places nothing."""
    made: list[Order] = []

    def prepare() -> None:
        made[:] = [make() for _ in range(number)]

    return Way(name, lambda: submit(made), prepare)


def each(engine: Engines, orders: list[Order]) -> int:
    submit = engine.submit_order
    for each in orders:
        submit(each)
    return len(orders)


def batches(engine: Engines, orders: list[Order]) -> int:
    for first in range(0, len(orders), BATCH):
        engine.submit_orders(orders[first : first + BATCH])
    return len(orders)


def threads(pool: ThreadPoolExecutor, engine: ExecutionEngine, orders: list[Order]) -> int:
    return sum(pool.map(lambda first: each(engine, orders[first::CONCURRENT]), range(CONCURRENT)))


def _check(bench: Bench, target: str) -> None:
    """Checks that the same ticks and orders give the same fills in process and over the network."""
    found = []
    trades = ticks(columns(2000), 2000)
    with ExecutionEngine(name="benchmark-check", target=target) as remote:
        for engine in (alphaforge_core.execution.ExecutionEngine(), remote):
            for number, tick in enumerate(trades):
                if number % 20 == 0:
                    side, price = (OrderSide.Buy, OrderSide.Sell)[number // 20 % 2], tick.price
                    rest = TimeInForce.GoodTillCancel
                    engine.submit_order(
                        Order.limit(
                            "BTCUSDT", side, 0.25, price, rest, "check", order_id=f"check-{number}", created_at=0
                        )
                    )
                if number % 20 == 10:
                    engine.process_trade_ticks(trades[number - 10 : number + 10])
            fills = engine.get_fills("check")
            found.append([(fill.fill_id, str(fill.price), str(fill.quantity), fill.side.name) for fill in fills])
    bench.check("fills", *found)


def of_any_kind(number: int) -> Order:
    """A limit, stop or trailing stop, some good till date or reduce-only, that no price of the ticks reaches."""
    identity: dict[str, Any] = {"order_id": f"order-{number:012}", "created_at": number}
    head, rest, step = ("BTCUSDT", OrderSide.Sell, 0.5), TimeInForce.GoodTillCancel, number % 900
    match number % 6:
        case 0:
            return Order.stop(*head, 1000 + step, rest, "benchmark", **identity)
        case 1:
            return Order.limit(*head, 1_000_000 + step, TimeInForce.GTD, "benchmark", expire_time_ns=2**62, **identity)
        case 2:
            return Order.trailing_stop(*head, 10_000 + step, rest, "benchmark", **identity)
        case 3:
            points = TrailingOffsetType.BasisPoints
            return Order.trailing_stop(*head, 9_000 + step, rest, "benchmark", trailing_offset_type=points, **identity)
        case 4:
            return Order.limit(*head, 2_000_000 + step, rest, "benchmark", reduce_only=True, **identity)
        case _:
            return order(number)


def bracket(number: int) -> OrderGroup:
    """A bracket whose entry no price of the ticks reaches, so that its exits sleep."""
    return Order.bracket(
        "BTCUSDT", OrderSide.Buy, 0.5, "benchmark", price=500 + number % 500, take_profit=3_000_000, stop_loss=100,
        order_id=f"bracket-{number:010}", created_at=number,
    )  # fmt: skip


def _resting(bench: Bench) -> None:
    trades, resting = columns(bench.sizes.items), bench.sizes.resting
    given: dict[str, Any] = trades.keywords()

    def ticks_past(engine: alphaforge_core.execution.ExecutionEngine) -> Callable[[], int]:
        def process() -> int:
            engine.process_trade_ticks(**given)
            return len(trades.prices)

        return process

    mixed = _mixed(resting)
    bench.rates("ticks that reach no order, in process", "ticks", None, [
        Way("1 resting order", ticks_past(_limits(1))),
        Way(f"{resting:,} resting orders", ticks_past(_limits(resting))),
        Way(f"{resting:,} orders of all kinds", ticks_past(mixed)),
    ])  # fmt: skip
    few = bench.sizes.items // 10
    bench.rates(f"orders on a venue with {resting:,} of all kinds, in process", "orders", None, [
        orders_of(f"limits, {BATCH} at a time", few, lambda orders: batches(mixed, orders)),
        orders_of(f"of all kinds, {BATCH} at a time", few, lambda orders: batches(mixed, orders), _mixed_order),
    ])  # fmt: skip


def _limits(resting: int) -> alphaforge_core.execution.ExecutionEngine:
    engine = alphaforge_core.execution.ExecutionEngine()
    for first in range(0, resting, 10_000):
        engine.submit_orders([order(number) for number in range(first, min(resting, first + 10_000))])
    return engine


def _mixed(resting: int) -> alphaforge_core.execution.ExecutionEngine:
    """An engine with `resting` orders of all kinds, three in ten of them in brackets, and a position to reduce."""
    engine = alphaforge_core.execution.ExecutionEngine(ExecutionEngineConfig(liquidity="unlimited"))
    engine.process_trade_tick(ticks(columns(1), 1)[0])
    engine.submit_order(Order.market("BTCUSDT", OrderSide.Buy, 1, "benchmark", order_id="held", created_at=0))
    # Far from the numbers of other orders, whose ids they would repeat.
    for first in range(10**9, 10**9 + resting, 10_000):
        last = min(10**9 + resting, first + 10_000)
        single = first + (last - first) * 7 // 10
        engine.submit_orders([of_any_kind(number) for number in range(first, single)])
        for number in range(single, last - 2, 3):
            engine.submit_order_group(bracket(number))
    return engine


def _mixed_order() -> Order:
    return of_any_kind(next(_numbers))


def _async_order(target: str) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    engine = AsyncExecutionEngine(UNWRITTEN, name="benchmark", target=target)
    return lambda: engine.submit_order(numbered()), engine.close
