"""Scale: the cost of each operation with a thousand items, and with millions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, cycle
from typing import Any

import alphaforge_core.cache
import alphaforge_core.data
import alphaforge_core.execution
import numpy as np
from alphaforge_cli.tables import table
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_core.execution import Order

from benchmarks.bench import Bench
from benchmarks.data import BAR_TYPES, Columns, columns
from benchmarks.execution import order
from benchmarks.measure import latencies

__all__ = ["ENTRIES", "INSTRUMENTS", "ORDERS", "run"]

# The titles by which the page finds the tables.
ENTRIES = "cache by its entries"
INSTRUMENTS = "ticks in columns by instruments"
ORDERS = "venue by its resting orders"
COUNTS = (1, 100, 10_000, 100_000)
SHARES = (0.001, 0.1, 1)
MILLIONS = 5
KEYS_A_CALL = 1_000


def run(bench: Bench) -> None:
    """Rates with growing state: random keys of a cache with more and more entries, ticks of more and more instruments,
    from the first trade of each on, and a venue with more and more resting orders. Medians. What gets slower in the
    core are accesses to memory that the processor's caches don't hold.
    """
    _entries(bench)
    _instruments(bench)
    _orders(bench)


def _entries(bench: Bench) -> None:
    made = table(
        f"{ENTRIES}: random keys, batches of {KEYS_A_CALL:,}",
        (),
        ("entries", "core get/s", "core put/s", "core get_many/s", "remote get p50 us", "remote get_many/s"),
    )
    for entries in (*(int(bench.sizes.entries * share) for share in SHARES), bench.sizes.entries * MILLIONS):
        core = alphaforge_core.cache.GenericCache(max_size=entries, default_ttl=86_400.0)
        target = bench.stack.targets["cache"]
        with GenericCache(entries, name=f"scale-{entries}", target=target, timeout=60.0) as remote:
            for first in range(0, entries, 100_000):
                some = {f"key-{number:012}": number * 0.5 for number in range(first, min(entries, first + 100_000))}
                core.put_many(some)
                remote.put_many(some)
            made.add_row(f"{entries:,}", *_of_random_keys(bench, core, remote, entries))
            remote.drop()
    bench.show(made)


def _of_random_keys(
    bench: Bench, core: alphaforge_core.cache.GenericCache, remote: GenericCache, entries: int
) -> Iterator[str]:
    random = np.random.default_rng(3)
    keys = [f"key-{number:012}" for number in random.integers(0, entries, bench.sizes.items).tolist()]
    shares = [keys[first : first + KEYS_A_CALL] for first in range(0, len(keys), KEYS_A_CALL)]
    yield f"{_rate(bench, len(keys), partial(_each, core.get, keys)):,.0f}"
    yield f"{_rate(bench, len(keys), partial(_each, partial(_put, core), keys)):,.0f}"
    yield f"{_rate(bench, len(keys), partial(_each, core.get_many, shares)):,.0f}"
    single = cycle(keys)
    repetitions = bench.sizes.repetitions
    (alone,) = latencies(
        [lambda: remote.get(next(single))], calls=bench.sizes.calls // repetitions, repetitions=repetitions
    )
    yield f"{alone.p50:,.0f}"
    yield f"{_rate(bench, len(keys), partial(_each, remote.get_many, shares)):,.0f}"


def _put(cache: alphaforge_core.cache.GenericCache, key: str) -> None:
    cache.put(key, 1.5)


def _each(call: Callable[[Any], object], arguments: Sequence[object]) -> None:
    for argument in arguments:
        call(argument)


def _rate(bench: Bench, items: int, operation: Callable[[], object]) -> float:
    """Returns the median rate; the first repetition warms up."""
    seconds = []
    for _ in range(bench.sizes.repetitions + 1):
        started = time.perf_counter()
        operation()
        seconds.append(time.perf_counter() - started)
    return items / statistics.median(seconds[1:])


def _instruments(bench: Bench) -> None:
    trades = columns(bench.sizes.items)
    config = DataEngineConfig(bar_types=BAR_TYPES, durability="none", max_instruments=COUNTS[-1])
    made = table(
        f"{INSTRUMENTS}: {', '.join(BAR_TYPES)}", (),
        ("instruments", "core ticks/s", "core time, ratio to one", "remote ticks/s", "remote time, ratio to one"),
    )  # fmt: skip
    ones: list[float] = []
    for instruments in COUNTS:
        spread = min(instruments, len(trades.prices))
        target = bench.stack.targets["data"]
        with DataEngine(config, name=f"scale-{spread}", target=target, timeout=60.0) as remote:
            engines = (alphaforge_core.data.DataEngine(config), remote)
            rates = [_rate(bench, len(trades.prices), _spread(engine, trades, spread)) for engine in engines]
            remote.drop()
        ones = ones or rates
        shown = [text for rate, one in zip(rates, ones, strict=True) for text in (f"{rate:,.0f}", f"{one / rate:.1f}")]
        made.add_row(f"{spread:,}", *shown)
    bench.show(made)


def _spread(
    engine: alphaforge_core.data.DataEngine | DataEngine, trades: Columns, instruments: int
) -> Callable[[], object]:
    """Returns a function that processes the trades over `instruments` in turn, each time at later times."""
    ts, passed = trades.ts_event, count()
    given = trades.keywords() | {
        "instrument_id": [f"INSTRUMENT-{number}" for number in range(instruments)],
        "instrument_index": np.arange(len(ts), dtype=np.uint32) % instruments,
    }
    paced = ts[0] + (ts - ts[0]) // instruments
    span = int(paced[-1] - paced[0]) + 1

    def process() -> None:
        result = engine.process_trade_ticks(**given | {"ts_event": paced + next(passed) * span})
        assert not result.rejected

    return process


def _orders(bench: Bench) -> None:
    made = table(
        f"{ORDERS}: in the core", (),
        ("resting orders", "submit/s", "get/s", "cancel/s", "ns per tick that reaches no order"),
    )  # fmt: skip
    trades = columns(bench.sizes.items)
    given, items = trades.keywords(), len(trades.prices)
    for resting in (int(bench.sizes.resting * share) for share in SHARES):
        engine = alphaforge_core.execution.ExecutionEngine()
        for first in range(0, resting, 10_000):
            engine.submit_orders([order(number) for number in range(first, min(resting, first + 10_000))])
        numbers = count(resting)
        few = min(items, 20_000)
        rates: dict[str, list[float]] = {"submit": [], "get": [], "cancel": []}
        for _ in range(bench.sizes.repetitions + 1):
            orders: list[Order] = [order(next(numbers)) for _ in range(few)]
            ids = [each.order_id for each in orders]
            for name, call, arguments in (
                ("submit", engine.submit_order, orders),
                ("get", engine.get_order, ids),
                ("cancel", engine.cancel_order, ids),
            ):
                started = time.perf_counter()
                _each(call, arguments)
                rates[name].append(few / (time.perf_counter() - started))
        ticks = _rate(bench, items, partial(engine.process_trade_ticks, **given))
        shown = [f"{statistics.median(found[1:]):,.0f}" for found in rates.values()]
        made.add_row(f"{resting:,}", *shown, f"{1e9 / ticks:.0f}")
    bench.show(made)
