"""Journals in PostgreSQL with a synchronous standby, compared with journals in files: the added cost of a call.

Both PostgreSQL servers, the services and the client share this machine, and a commit passes through four more processes
than a write to a file. A bare synchronous INSERT of one row shows PostgreSQL's share of the cost.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import uvloop
from alphaforge_cli.tables import table
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine

from benchmarks.bench import Bench
from benchmarks.data import columns
from benchmarks.execution import BATCH, batches, numbered
from benchmarks.measure import latencies
from tests.support.cluster import cluster_command
from tests.support.postgres import Pair, is_installed, running_pair
from tests.support.stack import running_stack

__all__ = ["run"]

STORES = ("files", "PostgreSQL")
ROW_BYTES = 200


def run(bench: Bench) -> None:
    """A lone order's time, and rates of batches of orders and of ticks in columns, each in turn with files."""
    if not is_installed():
        print("PostgreSQL is not installed: no figures of journals in it")
        return
    with ExitStack() as exits:
        pair = exits.enter_context(running_pair())
        dsn = pair.database()
        made = cluster_command(dsn, "init")
        if made.returncode:
            raise RuntimeError(made.stderr)
        venues, feeds = [], []
        for journal in (None, dsn):
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            stack = exits.enter_context(running_stack(folder, journal))
            stack.serve("execution")
            venues.append(exits.enter_context(ExecutionEngine(target=stack.target("execution"), timeout=60.0)))
            config = DataEngineConfig(bar_types=["1min", "100tick", "5volume"])
            feeds.append(exits.enter_context(DataEngine(config, target=stack.target("data"), timeout=60.0)))
        _alone(bench, venues, exits.enter_context(_bare_insert(pair)))
        _rates(bench, venues, feeds)


@contextmanager
def _bare_insert(pair: Pair) -> Iterator[Callable[[], object]]:
    """A function that commits one row and returns when the standby has it."""
    dsn = pair.a.dsn
    payload = os.urandom(ROW_BYTES)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        connection = runner.run(asyncpg.connect(dsn))
        runner.run(connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, payload bytea)"))
        yield lambda: runner.run(connection.execute("INSERT INTO bare (payload) VALUES ($1)", payload))
        runner.run(connection.close())


def _one_more(venue: ExecutionEngine) -> None:
    venue.submit_order(numbered())


def _alone(bench: Bench, venues: list[ExecutionEngine], bare: Callable[[], object]) -> None:
    calls, repetitions = max(1, bench.sizes.calls // bench.sizes.repetitions), bench.sizes.repetitions
    ways = [partial(_one_more, venue) for venue in venues]
    found = latencies([*ways, bare], calls=calls, repetitions=repetitions)
    made = table(
        "one order at a time, by where the journal is", ("journal",), ("p50 us", "p99 us", "p50 us more than files")
    )
    for name, each in zip((*STORES, "one row, bare INSERT"), found, strict=True):
        made.add_row(name, f"{each.p50:,.0f}", f"{each.p99:,.0f}", f"{each.p50 - found[0].p50:,.0f}")
    bench.show(made)


def _rates(bench: Bench, venues: list[ExecutionEngine], feeds: list[DataEngine]) -> None:
    items = bench.sizes.items
    trades = columns(items)

    def orders(venue: ExecutionEngine) -> Callable[[], int]:
        return partial(batches, venue, [numbered() for _ in range(items // 10)])

    def ticks(feed: DataEngine) -> Callable[[], int]:
        feed.reset()

        def process() -> int:
            feed.process_trade_ticks(**trades.keywords())
            return items

        return process

    made = table(f"batches, by where the journal is, {bench.sizes.repetitions} repetitions", (), (
        "what", *(f"{name}/s" for name in STORES), "ratio", "least", "greatest",
    ))  # fmt: skip
    for what, ways in (
        (f"orders, {BATCH} at a time", [partial(orders, venue) for venue in venues]),
        ("ticks in columns, three bar types", [partial(ticks, feed) for feed in feeds]),
    ):
        rates: list[list[float]] = [[] for _ in ways]
        # Takes turns, so that other load on the machine affects both equally. The first round is not counted.
        for repetition in range(bench.sizes.repetitions + 1):
            for prepare, found in zip(ways, rates, strict=True):
                operation = prepare()
                started = time.perf_counter()
                count = operation()
                if repetition:
                    found.append(count / (time.perf_counter() - started))
        ratios = [theirs / ours for ours, theirs in zip(*rates, strict=True)]
        medians = [f"{statistics.median(found):,.0f}" for found in rates]
        spread = [f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]
        made.add_row(what, *medians, *spread)
    bench.show(made)
