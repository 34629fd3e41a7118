"""Queries at scale: ten of a thousand against ten of a million, and a health check beside long calls."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.synchronize import Event

import grpc
from alphaforge_cli.tables import table
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_core.model import TradeTick

from benchmarks.bench import Bench
from benchmarks.execution import UNWRITTEN, numbered
from benchmarks.measure import latencies

__all__ = ["run"]

FEW = 1_000
TEN = 10
CALL_SECONDS = 60.0


def run(bench: Bench) -> None:
    """Two venues in one service, one with few orders and one with many; each has a strategy with ten."""
    target = bench.stack.targets["execution"]
    with ExitStack() as exits:

        def engine(name: str) -> ExecutionEngine:
            return exits.enter_context(ExecutionEngine(UNWRITTEN, name=name, target=target, timeout=CALL_SECONDS))

        few, many = engine("few-orders"), engine("many-orders")
        _fill(few, min(FEW, bench.sizes.resting))
        _fill(many, bench.sizes.resting)
        _same_answers(bench, few, many)
        _beside(bench, target)


def _fill(engine: ExecutionEngine, resting: int) -> None:
    """That many orders that rest, and of a strategy of its own ten that rest and ten that are filled."""
    for first in range(0, resting, 5_000):
        engine.submit_orders([numbered() for _ in range(min(5_000, resting - first))])
    for number in range(TEN):
        terms = ("ETHUSDT", OrderSide.Buy, 1, 100, TimeInForce.GoodTillCancel, "ten")
        engine.submit_orders([Order.limit(*terms, order_id=f"{what}-{number}") for what in ("filled", "resting")])
        engine.process_trade_tick(TradeTick("ETHUSDT", 100, 1, "SELL", "", number + 1))


def _same_answers(bench: Bench, few: ExecutionEngine, many: ExecutionEngine) -> None:
    def calls(engine: ExecutionEngine) -> dict[str, Callable[[], object]]:
        return {
            "get_active_orders of a strategy with ten": partial(engine.get_active_orders, "ten"),
            "get_orders of a strategy with twenty": partial(engine.get_orders, "ten"),
            "get_orders, Filled: there are ten": partial(engine.get_orders, status=OrderStatus.Filled),
            "get_orders of a symbol with twenty": partial(engine.get_orders, symbol="ETHUSDT"),
            "get_orders, a page of ten": partial(engine.get_orders, limit=TEN),
            "get_fills of a strategy with ten": partial(engine.get_fills, "ten"),
            "events of a strategy with thirty": partial(engine.events, strategy_id="ten"),
            "get_order": partial(engine.get_order, "filled-1"),
        }

    title = f"queries, ms p50: {min(FEW, bench.sizes.resting):,} against {bench.sizes.resting:,} orders"
    made = table(title, ("query",), ("few", "many", "ratio"))
    each = max(1, bench.sizes.calls // bench.sizes.repetitions // 4)
    for name, small in calls(few).items():
        large = calls(many)[name]
        found = latencies((small, large), calls=each, repetitions=bench.sizes.repetitions)
        made.add_row(name, *(f"{one.p50 / 1e3:.2f}" for one in found), f"{found[1].p50 / found[0].p50:.2f}")
    bench.show(made)


# What another client does, over and over.
BESIDE: dict[str, Callable[[ExecutionEngine], object]] = {
    "nothing": lambda _engine: time.sleep(1.0),
    "get_orders, all": lambda engine: engine.get_orders(),
    "events, all": lambda engine: engine.events(),
    "state_hash": lambda engine: engine.state_hash(),
    "submit_orders of 5,000": lambda engine: engine.submit_orders([numbered() for _ in range(5_000)]),
}


def _beside(bench: Bench, target: str) -> None:
    made = table("a health check beside one client that makes such calls", ("call",), ("p50 ms", "p99 ms"))
    with grpc.insecure_channel(target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
        for name in BESIDE:
            with _another_client(target, name):
                (found,) = latencies(
                    (partial(check, b"", timeout=CALL_SECONDS),),
                    calls=bench.sizes.calls // bench.sizes.repetitions,
                    repetitions=bench.sizes.repetitions,
                )
            made.add_row(name, f"{found.p50 / 1e3:.2f}", f"{found.p99 / 1e3:.2f}")
    bench.show(made)


@contextmanager
def _another_client(target: str, name: str) -> Iterator[None]:
    """In a process of its own, whose Python does not slow down the one that measures."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_repeat, args=(target, name, begun), daemon=True)
    process.start()
    begun.wait()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _repeat(target: str, name: str, begun: Event) -> None:
    with ExecutionEngine(UNWRITTEN, name="many-orders", target=target, timeout=CALL_SECONDS) as engine:
        engine.get_order("filled-1")
        begun.set()
        while True:
            BESIDE[name](engine)
