"""A relay with many subscribers: its cost for the data service, compared with an engine without subscribers.

The relay is the service's only subscriber, however many subscribers the relay has. Readers and services share the
processors, so thousands of readers slow down everything on a small machine, and slow subscribers miss bars.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing

from alphaforge_cli.tables import table
from alphaforge_client.data import DataEngine, DataEngineConfig

from benchmarks import subscribers
from benchmarks.bench import Bench
from benchmarks.data import BAR_TYPES, Columns, columns
from benchmarks.measure import precise_cpu_seconds
from benchmarks.stack import running_relay, running_services

__all__ = ["run"]

TICKS_PER_CALL = 10_000
SPARSE = ["1min"]
# Wait after the last call, until its deliveries are done too; the same in all cases.
SETTLE_SECONDS = 0.5


def run(bench: Bench) -> None:
    """Processor time of the service and of the relay per tick: without subscribers, with one and with many at a relay,
    and with many at the service. Once with a bar for every 32 ticks, more than in real markets, and once with minute
    bars.
    """
    for bar_types in (BAR_TYPES, SPARSE):
        _run(bench, bar_types)


def _run(bench: Bench, bar_types: list[str]) -> None:
    count = 2 * max(bench.sizes.subscribers)
    trades = columns(bench.sizes.items)
    numbers = ("service ns/tick", "ratio to none", "relay ns/tick", "bars missed")
    title = f"{count:,} subscribers to the bars ({', '.join(bar_types)}) of {bench.sizes.items:,} ticks"
    made = table(title, ("subscribers",), numbers)
    with ExitStack() as exits:
        limit = ("--max-streams-per-caller", str(count + 100))
        targets, services = exits.enter_context(running_services("data", 1, *limit))
        target = targets[0].partition("=")[2]
        relay, process = exits.enter_context(running_relay(target, *limit))
        config = DataEngineConfig(bar_types=bar_types, durability="none", max_replay_bars=1_000_000)
        nobody, some = (
            exits.enter_context(closing(DataEngine(config, name=name, target=target, timeout=120.0)))
            for name in ("nobody", subscribers.NAME)
        )
        some.wait_ready()
        turn = 0
        for where, at, readers in (
            ("the service", target, 1),
            ("a relay", relay, count),
            ("the service", target, count),
        ):
            quiet, found, bars = [], [], 0
            spent = precise_cpu_seconds([process])
            with subscribers.reading(at, readers) as wait_for:
                for _ in range(bench.sizes.repetitions):
                    turn += 1
                    # Takes turns, so that other load on the machine affects both equally.
                    quiet.append(_feed(nobody, trades, turn, services)[0])
                    cost, closed = _feed(some, trades, turn, services)
                    found.append(cost)
                    bars += closed
                missed = readers * bars - wait_for(bars)["bars"]
            ticks = bench.sizes.repetitions * bench.sizes.items
            relayed = (precise_cpu_seconds([process]) - spent) / ticks
            none, cost = statistics.median(quiet), statistics.median(found)
            made.add_row("none", f"{none * 1e9:,.0f}", "", "", "")
            figures = (f"{cost * 1e9:,.0f}", f"{cost / none:.2f}", f"{relayed * 1e9:,.0f}", f"{missed:,}")
            made.add_row(f"{readers:,} at {where}", *figures)
    bench.show(made)


def _feed(engine: DataEngine, trades: Columns, turn: int, services: Sequence[int]) -> tuple[float, int]:
    """Feeds ticks; returns the services' CPU seconds per tick, and the number of bars closed."""
    count, bars = len(trades.prices), 0
    later = turn * (trades.ts_event[-1] - trades.ts_event[0] + 1)
    columns = trades._replace(ts_event=trades.ts_event + later).keywords()
    before = precise_cpu_seconds(services)
    for start in range(0, count, TICKS_PER_CALL):
        bars += len(engine.process_trade_ticks(**subscribers.piece(columns, start, TICKS_PER_CALL)))
    time.sleep(SETTLE_SECONDS)
    return (precise_cpu_seconds(services) - before) / count, bars
