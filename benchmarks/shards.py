"""One engine over 1, 2, 4 and 8 services: rates of ticks and orders, and their CPU on services and client.

With the client's cost c and the services' cost s, one service and its client do at most 1 / max(c, s) a second on two
processors, and two services 2 / (c + s): two can be at most 2 max(c, s) / (c + s) times as fast.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

import numpy as np
from alphaforge_cli.tables import table
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTickBatch

from benchmarks.bench import Bench
from benchmarks.measure import precise_cpu_seconds
from benchmarks.stack import running_services

__all__ = ["run"]

COUNTS = (1, 2, 4, 8)
INSTRUMENTS = 256
TICKS_A_PARTITION = 32_768
ORDERS_A_PARTITION = 2_000
ROUNDS = 12

# Makes one call on an engine with that number of partitions; returns the number of items in the call.
Call = Callable[[int], int]


class _Cost(NamedTuple):
    """The cost of one item: CPU seconds of the services and of the client, and wall-clock seconds."""

    services: float
    client: float
    elapsed: float


def run(bench: Bench) -> None:
    """Processor time per item, with as many partitions as services; constant if another shard costs nothing."""
    rounds = max(1, min(ROUNDS, bench.sizes.items // 10_000))
    with running_services("data", COUNTS[-1]) as (targets, processes), _data_engines(targets) as calls:
        _show(bench, f"ticks, {TICKS_A_PARTITION:,} per partition and call", _costs(calls, processes, rounds))
    options = ("--market-data", "off")
    with running_services("execution", COUNTS[-1], *options) as (targets, processes), _venues(targets) as calls:
        _show(bench, f"orders, {ORDERS_A_PARTITION:,} per partition and call", _costs(calls, processes, rounds))


def _show(bench: Bench, title: str, costs: dict[int, _Cost]) -> None:
    numbers = ("services ns", "ratio to 1", "client ns", "ratio to 1", "items/s", "ratio to 1", "bound on 2 processors")
    made = table(title, ("services",), numbers)
    one = costs[1]
    bound = 2 * max(one.client, one.services) / (one.client + one.services)
    for count, cost in costs.items():
        made.add_row(
            str(count),
            f"{cost.services * 1e9:,.0f}", f"{cost.services / one.services:.2f}",
            f"{cost.client * 1e9:,.0f}", f"{cost.client / one.client:.2f}",
            f"{1 / cost.elapsed:,.0f}", f"{one.elapsed / cost.elapsed:.2f}", f"{bound:.2f}" if count == 2 else "",
        )  # fmt: skip
    bench.show(made)


def _costs(calls: dict[int, Call], processes: Sequence[int], rounds: int) -> dict[int, _Cost]:
    """Returns the median cost of one item for each number of services, which take turns in each round."""
    found: dict[int, list[_Cost]] = {count: [] for count in calls}
    # The first round connects and opens.
    for number in range(rounds + 1):
        for count, call in calls.items():
            used = processes[:count]
            before = precise_cpu_seconds(used), time.process_time(), time.perf_counter()
            done = call(number)
            after = precise_cpu_seconds(used), time.process_time(), time.perf_counter()
            if number:
                found[count].append(_Cost(*((end - begin) / done for begin, end in zip(before, after, strict=True))))
    return {count: _Cost(*map(statistics.median, zip(*each, strict=True))) for count, each in found.items()}


@contextmanager
def _data_engines(targets: Sequence[str]) -> Iterator[dict[int, Call]]:
    config = DataEngineConfig(bar_types=["1min", "1000tick"], durability="os")
    with ExitStack() as exits:
        calls = {}
        for count in COUNTS:
            engine = DataEngine(config, name=f"p{count}", targets=targets[:count], partitions=count, timeout=120.0)
            calls[count] = _ticks(exits.enter_context(closing(engine)), count)
        yield calls


def _ticks(engine: DataEngine, count: int) -> Call:
    rows = np.arange(count * TICKS_A_PARTITION)
    names = [f"SYM{number}" for number in range(INSTRUMENTS)]

    def call(number: int) -> int:
        batch = TradeTickBatch.from_columns(
            instrument_id=names, instrument_index=rows % INSTRUMENTS, prices=10_000 + (rows * 7) % 101, price_scale=2,
            quantities=np.ones(len(rows), np.int64), ts_event=10**18 + (number * len(rows) + rows) * 10**6,
        )  # fmt: skip
        engine.process_batch(batch)
        return len(rows)

    return call


@contextmanager
def _venues(targets: Sequence[str]) -> Iterator[dict[int, Call]]:
    config = ExecutionEngineConfig(subscribe_market_data=False, durability="os")
    with ExitStack() as exits:
        calls = {}
        for count in COUNTS:
            venue = ExecutionEngine(config, name=f"p{count}", targets=targets[:count], partitions=count, timeout=120.0)
            calls[count] = _orders(exits.enter_context(closing(venue)), count)
        yield calls


def _orders(venue: ExecutionEngine, count: int) -> Call:
    def call(number: int) -> int:
        orders = [
            Order.limit(f"SYM{row % INSTRUMENTS}", OrderSide.Buy, 1, 100, TimeInForce.ImmediateOrCancel, f"s{number}")
            for row in range(count * ORDERS_A_PARTITION)
        ]
        return len(venue.submit_orders(orders))

    return call
