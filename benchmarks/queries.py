"""Queries at scale: ten of a thousand against ten of a million, and a health check during long calls."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any

import grpc
from alphaforge_cli.tables import table
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_core.model import TradeTick
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.data import columns
from benchmarks.execution import UNWRITTEN, numbered
from benchmarks.measure import latencies
from benchmarks.subscribers import piece

__all__ = ["run"]

FEW = 1_000
TEN = 10
CALL_SECONDS = 60.0


def run(bench: Bench) -> None:
    """Queries that return ten of a thousand and ten of a million items, in turn; then health checks of each service
    while another client makes long calls without a pause. The aims are at most 1.3 times the time, and a p99 of at most
    twice that of an idle service, or 5 ms above it.
    """
    target = bench.stack.targets["execution"]
    with ExitStack() as exits:

        def engine(name: str) -> ExecutionEngine:
            return exits.enter_context(ExecutionEngine(UNWRITTEN, name=name, target=target, timeout=CALL_SECONDS))

        few, many = engine("few-orders"), engine("many-orders")
        _fill(few, min(FEW, bench.sizes.resting))
        _fill(many, bench.sizes.resting)
        _same_answers(bench, few, many)
        _bars_and_keys(bench, exits)
        _health_checks(bench)


def _fill(engine: ExecutionEngine, resting: int) -> None:
    """Submits `resting` resting orders, and for a separate strategy ten resting and ten filled orders."""
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
            "get_orders that are Filled, of which there are ten": partial(engine.get_orders, status=OrderStatus.Filled),
            "get_orders of a symbol with twenty": partial(engine.get_orders, symbol="ETHUSDT"),
            "get_orders, a page of ten": partial(engine.get_orders, limit=TEN),
            "get_fills of a strategy with ten": partial(engine.get_fills, "ten"),
            "events of a strategy with thirty": partial(engine.events, strategy_id="ten"),
            "get_order": partial(engine.get_order, "filled-1"),
        }

    title = f"queries, ms p50: {min(FEW, bench.sizes.resting):,} against {bench.sizes.resting:,} orders"
    made = table(title, ("query",), ("few", "many", "ratio"))
    of_few, of_many = calls(few), calls(many)
    _compare(bench, made, {name: (of_few[name], of_many[name]) for name in of_few})


def _bars_and_keys(bench: Bench, exits: ExitStack) -> None:
    """Measures pages of a series of bars and of a cache's keys, with few and with many."""
    bars, keys = min(1_000_000, bench.sizes.entries), bench.sizes.entries
    title = f"pages, ms p50: {min(FEW, bars):,} against {bars:,} bars of one series, and entries of a cache"
    made = table(title, ("query",), ("few", "many", "ratio"))
    engines = [_series(bench, exits, count) for count in (min(FEW, bars), bars)]
    caches = [_cache(bench, exits, count) for count in (min(FEW, keys), keys)]
    newest = [engine.get_bars("BTCUSDT", "1tick", limit=TEN)[0].ts_open for engine in engines]
    queries: dict[str, list[Callable[[], object]]] = {
        "get_bars, the newest ten": [partial(each.get_bars, "BTCUSDT", "1tick", limit=TEN) for each in engines],
        "get_bars since a time, ten": [
            partial(each.get_bars, "BTCUSDT", "1tick", limit=TEN, start=since)
            for each, since in zip(engines, newest, strict=True)
        ],
        "statistics of a data engine": [each.statistics for each in engines],
        "keys of a cache, a page of ten": [partial(each.keys, limit=TEN) for each in caches],
        "size of a cache": [each.size for each in caches],
    }
    _compare(bench, made, queries)


def _series(bench: Bench, exits: ExitStack, count: int) -> DataEngine:
    config = DataEngineConfig(bar_types=["1tick"], max_bars_per_instrument=count, durability="none")
    target = bench.stack.targets["data"]
    engine = exits.enter_context(DataEngine(config, name=f"bars-{count}", target=target, timeout=CALL_SECONDS))
    trades = columns(count).keywords()
    for first in range(0, count, 100_000):
        engine.process_trade_ticks(**piece(trades, first, 100_000))
    exits.callback(engine.drop)
    return engine


def _cache(bench: Bench, exits: ExitStack, count: int) -> GenericCache:
    target = bench.stack.targets["cache"]
    cache = exits.enter_context(GenericCache(count, name=f"keys-{count}", target=target, timeout=CALL_SECONDS))
    for first in range(0, count, 100_000):
        cache.put_many({f"key-{number:012}": 1.5 for number in range(first, min(count, first + 100_000))})
    exits.callback(cache.drop)
    return cache


def _compare(bench: Bench, made: Table, queries: Mapping[str, Sequence[Callable[[], object]]]) -> None:
    each = max(1, bench.sizes.calls // bench.sizes.repetitions // 4)
    for name, calls in queries.items():
        found = latencies(calls, calls=each, repetitions=bench.sizes.repetitions)
        made.add_row(name, *(f"{one.p50 / 1e3:.2f}" for one in found), f"{found[1].p50 / found[0].p50:.2f}")
    bench.show(made)


NOTHING = "nothing"
# Calls that another client repeats, by noun.
BESIDE: dict[str, dict[str, Callable[[Any], object]]] = {
    "execution": {
        NOTHING: lambda _engine: time.sleep(1.0),
        "get_orders, all": lambda engine: engine.get_orders(),
        "events, all": lambda engine: engine.events(),
        "state_hash": lambda engine: engine.state_hash(),
        "validate": lambda engine: engine.validate(),
        "submit_orders of 5,000": lambda engine: engine.submit_orders([numbered() for _ in range(5_000)]),
    },
    "data": {
        NOTHING: lambda _engine: time.sleep(1.0),
        "get_bars, 10,000": lambda engine: engine.get_bars("BTCUSDT", "1tick", limit=10_000),
        "instruments, all": lambda engine: engine.instruments(),
        "a batch of ticks": lambda engine: engine.process_trade_ticks(**columns(200_000).keywords()),
    },
    "cache": {
        NOTHING: lambda _cache: time.sleep(1.0),
        "keys, all": lambda cache: cache.keys(),
        "get_many of 10,000": lambda cache: cache.get_many([f"key-{number:012}" for number in range(10_000)]),
        "put_many of 10,000": lambda cache: cache.put_many({f"key-{number:012}": 1.5 for number in range(10_000)}),
    },
}


def _health_checks(bench: Bench) -> None:
    counts = f"{bench.sizes.resting:,} orders, {bench.sizes.entries:,} bars and entries"
    made = table(
        f"a health check while one client makes such calls: {counts}",
        ("service", "call"),
        ("p50 ms", "p99 ms", "p99 aim"),
    )
    for noun, calls in BESIDE.items():
        target, idle_ms = bench.stack.targets[noun], 0.0
        with grpc.insecure_channel(target) as channel:
            check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/grpc.health.v1.Health/Check")
            for name in calls:
                with _another_client(noun, name, target, bench.sizes.entries):
                    (found,) = latencies(
                        (partial(check, b"", timeout=CALL_SECONDS),),
                        calls=bench.sizes.calls // bench.sizes.repetitions,
                        repetitions=bench.sizes.repetitions,
                    )
                p99_ms = found.p99 / 1e3
                idle_ms = idle_ms or p99_ms
                aim = "" if name == NOTHING else f"<= {max(2 * idle_ms, idle_ms + 5):.1f}"
                made.add_row(noun, name, f"{found.p50 / 1e3:.2f}", f"{p99_ms:.2f}", aim)
    bench.show(made)


@contextmanager
def _another_client(noun: str, name: str, target: str, entries: int) -> Iterator[None]:
    """Runs another client in a separate process, so that its Python does not slow down the measurement."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_repeat, args=(noun, name, target, entries, begun), daemon=True)
    process.start()
    begun.wait()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _repeat(noun: str, name: str, target: str, entries: int, begun: Event) -> None:
    with _opened(noun, target, entries) as engine:
        begun.set()
        while True:
            BESIDE[noun][name](engine)


def _opened(noun: str, target: str, entries: int) -> Any:
    """Opens the engine of that noun with the large state."""
    if noun == "execution":
        return ExecutionEngine(UNWRITTEN, name="many-orders", target=target, timeout=CALL_SECONDS)
    if noun == "data":
        return DataEngine(name=f"bars-{min(1_000_000, entries)}", target=target, timeout=CALL_SECONDS)
    return GenericCache(name=f"keys-{entries}", target=target, timeout=CALL_SECONDS)
