"""An engine spread over sixteen small services, with thousands of instruments and hundreds of filtered subscribers.

The subscribers run in a separate process, which feeds the same ticks to an engine in process and compares every bar
that arrives with the expected one: a subscriber must get all bars of its instruments, once each and in order.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from alphaforge_cli.tables import table
from alphaforge_client.aio.data import DataEngine as AioDataEngine
from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.model import TradeTickBatch
from alphaforge_core.data import DataEngine as Core
from alphaforge_core.model import Bar

from benchmarks.bench import Bench
from benchmarks.measure import precise_cpu_seconds, resident_bytes
from benchmarks.stack import running_services

__all__ = ["run"]

SERVICES = 16
INSTRUMENTS_EACH = 3
NAME = "spread"
BAR_TYPES = ["1s", "5tick"]
PATIENCE_SECONDS = 600.0
START_NS = 1_700_000_000 * 10**9


class Size(NamedTuple):
    """The size of the measurement."""

    instruments: int
    subscribers: int
    seconds: int
    """Of market time; each instrument has a trade in each, and a batch has them all."""


FULL = Size(10_000, 500, 20)
QUICK = Size(200, 10, 3)


def run(bench: Bench) -> None:
    """Processor time, memory and events of sixteen services; every delivered bar is compared with the expected one."""
    size = FULL if bench.sizes.items > 10_000 else QUICK
    with running_services("data", SERVICES) as (targets, processes):
        command = [sys.executable, "-m", "benchmarks.spread", json.dumps(targets), json.dumps(size)]
        # Opened before the subscribers connect.
        with closing(_engine(targets)) as engine:
            engine.wait_ready(60.0)
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as readers:
                assert readers.stdin is not None
                assert readers.stdout is not None
                assert readers.stdout.readline() == "ready\n"
                began, spent, own = time.perf_counter(), precise_cpu_seconds(processes), time.process_time()
                reading = precise_cpu_seconds([readers.pid])
                bars = sum(len(engine.process_batch(batch)) for batch in _batches(size))
                fed = time.perf_counter() - began
                readers.stdin.write("fed\n")
                readers.stdin.flush()
                found = json.loads(readers.stdout.readline())
                figures = {
                    "ticks": f"{size.instruments * size.seconds:,}",
                    "bars": f"{bars:,}",
                    "delivered and compared": f"{found['delivered']:,}",
                    "wrong, missed or doubled": f"{found['wrong']:,}",
                    "seconds": f"{fed:.1f}",
                    "services CPU s": f"{precise_cpu_seconds(processes) - spent:.1f}",
                    "client CPU s": f"{time.process_time() - own:.1f}",
                    "subscribers CPU s": f"{precise_cpu_seconds([readers.pid]) - reading:.1f}",
                    "MB per service": f"{sum(map(resident_bytes, processes)) / len(processes) / 1e6:.0f}",
                }
                readers.stdin.write("end\n")
                readers.stdin.flush()
    title = f"{SERVICES} services, {size.instruments:,} instruments, {size.subscribers:,} subscribers"
    made = table(title, (), tuple(figures))
    made.add_row(*figures.values())
    bench.show(made)
    if found["wrong"]:
        raise RuntimeError(f"{found['wrong']:,} bars were wrong, missed or doubled: {found['first']}")


def _engine(targets: Sequence[str]) -> DataEngine:
    config = DataEngineConfig(bar_types=BAR_TYPES, durability="os", max_replay_bars=100_000)
    return DataEngine(config, name=NAME, targets=targets, partitions=SERVICES, timeout=120.0)


def _names(size: Size) -> list[str]:
    return [f"I{number:05}" for number in range(size.instruments)]


def _batches(size: Size) -> Iterator[TradeTickBatch]:
    names, rows = _names(size), np.arange(size.instruments)
    for second in range(size.seconds):
        yield TradeTickBatch.from_columns(
            instrument_id=names, instrument_index=rows, prices=10_000 + (rows * 7 + second * 13) % 101, price_scale=2,
            quantities=1 + (rows + second) % 5, ts_event=START_NS + second * 10**9 + rows * 1_000,
        )  # fmt: skip


# --- The subscribers' process.


def _due(size: Size) -> dict[str, list[Bar]]:
    """Returns the expected bars of each instrument, from an engine in process."""
    engine = Core(DataEngineConfig(bar_types=BAR_TYPES))
    due: dict[str, list[Bar]] = {name: [] for name in _names(size)}
    for batch in _batches(size):
        for bar in engine.process_batch(batch):
            due[bar.instrument_id].append(bar)
    return due


class _Reader:
    """One subscriber and its counts."""

    def __init__(self, due: dict[str, list[Bar]], instruments: list[str]) -> None:
        self.instruments = instruments
        self.delivered = self.wrong = 0
        self.first = ""
        self.left = sum(len(due[name]) for name in instruments)
        self._due = {name: iter(due[name]) for name in instruments}

    async def read(self, engine: AioDataEngine) -> None:
        async for bar in engine.subscribe_bars(self.instruments, from_sequence=1):
            self.delivered += 1
            wanted = None if isinstance(bar, Gap) else next(self._due.get(bar.instrument_id, iter(())), None)
            if bar != wanted:
                self.wrong += 1
                self.first = self.first or f"{bar} where {wanted} is due"
            self.left -= 1


async def _subscribe(targets: Sequence[str], size: Size) -> None:
    due, dice = _due(size), random.Random(5)
    readers = [_Reader(due, dice.sample(_names(size), INSTRUMENTS_EACH)) for _ in range(size.subscribers)]
    config = DataEngineConfig(bar_types=BAR_TYPES, durability="os", max_replay_bars=100_000)
    async with AioDataEngine(config, name=NAME, targets=targets, partitions=SERVICES, timeout=120.0) as engine:
        await engine.wait_ready(60.0)
        tasks = [asyncio.ensure_future(reader.read(engine)) for reader in readers]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        until = time.monotonic() + PATIENCE_SECONDS
        while any(reader.left > 0 for reader in readers) and time.monotonic() < until:
            for task in tasks:
                if task.done():
                    # Raises the error that ended the subscription.
                    task.result()
            await asyncio.sleep(0.05)
        print(json.dumps(_summary(readers)), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _summary(readers: Sequence[_Reader]) -> dict[str, Any]:
    return {
        "delivered": sum(reader.delivered for reader in readers),
        # Bars beyond the expected ones are already counted as wrong.
        "wrong": sum(reader.wrong + max(0, reader.left) for reader in readers),
        "first": next((reader.first for reader in readers if reader.first), "some are missing"),
    }


if __name__ == "__main__":
    # Hides warnings about subscriptions that wait for an instrument's first trade.
    logging.disable(logging.WARNING)
    asyncio.run(_subscribe(json.loads(sys.argv[1]), Size(*json.loads(sys.argv[2]))))
