"""The cost of each durability, and the time a restart takes to read the journal."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal

from alphaforge_cli.tables import table
from alphaforge_cli.targets import serving
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig

from benchmarks.bench import Bench, Way
from benchmarks.data import columns
from benchmarks.execution import BATCH, CONCURRENT, batches, each, numbered, orders_of, threads
from benchmarks.measure import latencies

__all__ = ["run"]

LEVELS: tuple[Literal["none", "os", "fsync"], ...] = ("none", "os", "fsync")


def run(bench: Bench) -> None:
    """Ticks and orders at each durability, a lone order's time, and recovery by the number of orders."""
    _ticks(bench)
    _orders(bench)
    _recovery(bench)


def _ticks(bench: Bench) -> None:
    trades = columns(bench.sizes.items)
    given = trades.keywords()
    with ExitStack() as exits:
        ways = []
        for level in LEVELS:
            config = DataEngineConfig(bar_types=["1min", "100tick", "5volume"], durability=level)
            target = bench.stack.targets["data"]
            engine = exits.enter_context(DataEngine(config, name=f"durable-{level}", target=target, timeout=60.0))

            def process(engine: DataEngine = engine) -> int:
                engine.process_trade_ticks(**given)
                return len(trades.prices)

            ways.append(Way(level, process, engine.reset))
        bench.rates("ticks in columns, remote, three bar types, by durability", "ticks", None, ways)


def _orders(bench: Bench) -> None:
    items, calls = bench.sizes.items, bench.sizes.calls
    with ExitStack() as exits:
        pool = exits.enter_context(ThreadPoolExecutor(CONCURRENT))
        ways, alone = [], []
        for level in LEVELS:
            engine = exits.enter_context(
                ExecutionEngine(
                    ExecutionEngineConfig(durability=level), name=f"durable-{level}",
                    target=bench.stack.targets["execution"], timeout=60.0,
                )
            )  # fmt: skip
            ways += [
                orders_of(f"{level}, {BATCH} at a time", items, partial(batches, engine)),
                orders_of(f"{level}, {CONCURRENT} threads", items // 10, partial(threads, pool, engine)),
                orders_of(f"{level}, one by one", calls, partial(each, engine)),
            ]
            alone.append(partial(_one_more, engine))
        bench.rates("orders, remote, by durability", "orders", None, ways)
        repetitions = bench.sizes.repetitions
        made = table("one order at a time, by durability", ("durability",), ("p50 us", "p99 us"))
        for level, found in zip(
            LEVELS, latencies(alone, calls=calls // repetitions, repetitions=repetitions), strict=True
        ):
            made.add_row(level, f"{found.p50:,.0f}", f"{found.p99:,.0f}")
        bench.show(made)


def _one_more(engine: ExecutionEngine) -> None:
    engine.submit_order(numbered())


def _recovery(bench: Bench) -> None:
    made = table(
        "recovery of an execution service that was killed, and of one that was stopped",
        ("orders",),
        ("journal MB", "killed s", "stopped s", "same state"),
    )
    for count in (bench.sizes.resting // 100, bench.sizes.resting // 10, bench.sizes.resting):
        with tempfile.TemporaryDirectory() as folder:
            service = _Service(Path(folder))
            service.start()
            with ExecutionEngine(target=service.target, timeout=60.0) as engine:
                for first in range(0, count, 5_000):
                    engine.submit_orders([numbered() for _ in range(min(5_000, count - first))])
                states = [engine.state_hash()]
                service.end(signal.SIGKILL)
                size = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
                killed = service.start()
                states.append(engine.state_hash())
                service.end(signal.SIGTERM)
                stopped = service.start()
                states.append(engine.state_hash())
                service.end(signal.SIGTERM)
        made.add_row(f"{count:,}", f"{size:,.1f}", f"{killed:.2f}", f"{stopped:.2f}", str(len(set(states)) == 1))
    bench.show(made)


class _Service:
    """A separate execution service, since the benchmark kills it."""

    def __init__(self, folder: Path) -> None:
        self.target = f"unix:{folder}/socket"
        self._command = [sys.executable, "-m", "services.execution", "--host", self.target, "--metrics-port", "0"]
        self._command += ["--data-dir", str(folder), "--market-data", "off"]

    def start(self) -> float:
        """Starts the service; returns the seconds until it serves."""
        started = time.perf_counter()
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if problem := serving("execution", self.target, timeout=120):
            raise RuntimeError(f"the execution service did not start: {problem}")
        return time.perf_counter() - started

    def end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait()
