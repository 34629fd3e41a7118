"""Subscribers: their cost for the engine, and the rate at which they receive bars.

The engine's own time per tick is the same, within 5 %, with no subscribers, 100 and 1,000. Subscribers do take CPU time
as long as readers and service share a processor.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import uvloop
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeBarsResponse
from alphaforge_cli.tables import table
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS
from alphaforge_client.data import DataEngine, DataEngineConfig

from benchmarks.bench import Bench
from benchmarks.data import BAR_TYPES, columns

__all__ = ["NAME", "piece", "reading", "run"]

METHOD = "/alphaforge.data.v1.DataService/SubscribeBars"
NAME = "subscribers"
TICKS_PER_CALL = 1_000
STREAMS_PER_CHANNEL = 50


def run(bench: Bench) -> None:
    """The engine's own time per tick, ticks fed, and bars delivered, without subscribers and with many."""
    trades = columns(bench.sizes.items)
    numbers = ("subscribers", "engine ns/tick", "ratio to none", "ticks/s fed", "bars/s delivered", "bars missed")
    made = table(f"bars of {len(trades.prices):,} ticks to each subscriber", (), numbers)
    alone = 0.0
    for count in bench.sizes.subscribers:
        engine_ns, fed, delivered, missed = _measure(bench, trades.keywords(), count)
        alone = alone or engine_ns
        figures = (f"{engine_ns:,.1f}", f"{engine_ns / alone:.2f}", f"{fed:,.0f}", f"{delivered:,.0f}", f"{missed:,}")
        made.add_row(f"{count:,}", *figures)
    bench.show(made)


def _measure(bench: Bench, trades: dict[str, Any], count: int) -> tuple[float, float, float, int]:
    target = bench.stack.targets["data"]
    config = DataEngineConfig(bar_types=BAR_TYPES, max_replay_bars=1_000_000)
    with DataEngine(config, name=NAME, target=target, timeout=60.0) as engine:
        engine.reset()
        with reading(target, count) as wait_for:
            started = time.perf_counter()
            bars, spent, total_ns, samples = 0, 0.0, 0.0, []
            for start in range(0, bench.sizes.items, TICKS_PER_CALL):
                called = time.perf_counter()
                bars += len(engine.process_trade_ticks(**piece(trades, start, TICKS_PER_CALL)))
                spent += time.perf_counter() - called
                # The statistics give the mean over all ticks so far; this call's share is computed from it.
                counted = engine.statistics()
                total_before, total_ns = total_ns, counted.avg_processing_latency_ns * counted.ticks_processed
                samples.append((total_ns - total_before) / TICKS_PER_CALL)
            answer = wait_for(bars)
            seconds = answer["until"] - started
        engine.drop()
    fed = bench.sizes.items / spent
    delivered = answer["bars"] / seconds if count else 0.0
    return statistics.median(samples), fed, delivered, count * bars - answer["bars"]


def piece(trades: dict[str, Any], start: int, count: int) -> dict[str, Any]:
    """The first trades, as the arguments of `process_trade_ticks`."""
    end = start + count
    return {name: column[start:end] if hasattr(column, "shape") else column for name, column in trades.items()}


@contextmanager
def reading(target: str, count: int) -> Iterator[Callable[[int], dict[str, Any]]]:
    """Starts `count` subscribers at `target` in a process of their own.

    Yields a function that waits until each has the given number of bars; it returns their sum, `bars`, and the time of
    the last, `until`.
    """
    readers = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.subscribers", target, str(count)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert readers.stdin is not None
    assert readers.stdout is not None
    stdin, stdout = readers.stdin, readers.stdout

    def wait_for(bars: int) -> dict[str, Any]:
        stdin.write(f"{bars}\n")
        stdin.flush()
        return dict(json.loads(stdout.readline()))

    with stdin, stdout:
        stdout.readline()
        yield wait_for
        readers.wait(60)


class _Readers:
    """Streams of one process that count the bars they receive."""

    def __init__(self, count: int) -> None:
        self.bars = [0] * count
        self.begun = 0
        self.until = time.perf_counter()

    async def read(self, channel: grpc.aio.Channel, index: int) -> None:
        subscribe: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(METHOD)
        async for message in subscribe(SubscribeBarsRequest(engine=NAME).SerializeToString()):
            response = SubscribeBarsResponse.FromString(message)
            self.begun += not response.bars
            if response.bars:
                self.bars[index] += len(response.bars)
                self.until = time.perf_counter()


async def _subscribe(target: str, count: int) -> None:
    readers = _Readers(count)
    channels = [
        # Each channel has a connection of its own.
        grpc.aio.insecure_channel(target, options=[*CHANNEL_OPTIONS, ("grpc.channel_number", number)])
        for number in range(-(-count // STREAMS_PER_CHANNEL))
    ]
    tasks = [asyncio.ensure_future(readers.read(channels[n // STREAMS_PER_CHANNEL], n)) for n in range(count)]
    # Each stream starts with a message that gives its position.
    while readers.begun < count:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    expected = int(await asyncio.to_thread(sys.stdin.readline))
    patience = time.perf_counter() + 120
    while any(bars < expected for bars in readers.bars) and time.perf_counter() < patience:
        await asyncio.sleep(0.01)
    print(json.dumps({"bars": sum(readers.bars), "until": readers.until}), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_subscribe(sys.argv[1], int(sys.argv[2])))
