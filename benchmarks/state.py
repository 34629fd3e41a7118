"""Latency with much state: single calls on an engine with a million orders or bars, with and without checkpoints."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from alphaforge_cli.tables import table
from alphaforge_cli.targets import serving
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, Order

from benchmarks.bench import Bench
from benchmarks.execution import numbered
from benchmarks.measure import resident_bytes

__all__ = ["Service", "run"]

INSTRUMENTS = 10_000
SECONDS_EACH = 0.01
# Age of an input after which its engine is checkpointed.
NEVER, ALWAYS = 1_000_000, 1
CALL_SECONDS = 30.0


class Under(NamedTuple):
    """Times of single calls by name, in ms; the service's memory; its checkpoints and their longest hold in ms."""

    calls: dict[str, list[float]]
    peak_bytes: int
    checkpoints: int
    longest_hold_ms: float


class Service:
    """A separate service over a persistent folder, restarted with different settings."""

    def __init__(self, noun: str, folder: Path) -> None:
        self._noun = noun
        self._folder = folder
        self.target = f"unix:{folder}/socket"
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self, *options: str) -> Iterator[None]:
        """Starts the service, and stops it cleanly."""
        command = [sys.executable, "-m", f"services.{self._noun}", "--host", self.target, "--metrics-port", "0"]
        command += ["--data-dir", str(self._folder), "--log-level", "info", *options]
        if self._noun == "execution":
            command += ["--market-data", "off"]
        log = self._folder / "log"
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file)
        try:
            if problem := serving(self._noun, self.target, timeout=120):
                raise RuntimeError(f"the {self._noun} service did not start: {problem}")
            found = re.search(rb"http://[^\s\"]+/metrics", log.read_bytes())
            if found is None:
                raise RuntimeError(f"{log} does not tell where the metrics are")
            self._metrics = found[0].decode()
            yield
        finally:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    @property
    def resident_bytes(self) -> int:
        """The resident memory of the process."""
        assert self._process is not None
        return resident_bytes(self._process.pid)

    def series(self, name: str) -> float:
        """Returns the value of a /metrics series without labels."""
        with urllib.request.urlopen(self._metrics) as response:
            text = response.read().decode()
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])


def run(bench: Bench) -> None:
    """A venue with resting orders, then a data engine with many bars."""
    _execution(bench)
    _data(bench)


def _execution(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service("execution", Path(folder))
        found: dict[str, Under] = {}
        for name, age in (("no checkpoints", NEVER), ("checkpoints", ALWAYS)):
            with service.running("--journal-checkpoint-seconds", str(age)), ExitStack() as exits:

                def engine(durability: str, exits: ExitStack = exits) -> ExecutionEngine:
                    config = ExecutionEngineConfig(durability=durability)
                    return exits.enter_context(
                        ExecutionEngine(config, name=durability, target=service.target, timeout=CALL_SECONDS)
                    )

                full, unwritten = engine("fsync"), engine("none")
                if not found:
                    for first in range(0, bench.sizes.resting, 5_000):
                        full.submit_orders([numbered() for _ in range(min(5_000, bench.sizes.resting - first))])
                known = numbered()
                full.submit_order(known)
                calls: dict[str, Callable[[], object]] = {
                    "get_order": partial(full.get_order, known.order_id),
                    "submit_order, none, another engine": partial(_submit, unwritten),
                    "submit_order, fsync": partial(_submit, full),
                }
                found[name] = _measured(service, bench.sizes.calls, calls, partial(_churn, full))
        _show(bench, "the venue", f"a venue with {bench.sizes.resting:,} resting orders that change", found)


def _submit(engine: ExecutionEngine) -> None:
    engine.submit_order(numbered())


def _churn(engine: ExecutionEngine) -> None:
    """Submits a hundred orders and cancels ten of them."""
    orders: list[Order] = [numbered() for _ in range(100)]
    engine.submit_orders(orders)
    for order in orders[:10]:
        engine.cancel_order(order.order_id)


def _data(bench: Bench) -> None:
    bars = bench.sizes.growth // 2
    each = max(1, min(1_000, bars // INSTRUMENTS))
    instruments = max(1, bars // each)
    names = [f"INSTRUMENT-{number}" for number in range(instruments)]
    config = DataEngineConfig(bar_types=["1tick"], max_memory_bytes=2**33, durability="os")
    with tempfile.TemporaryDirectory() as folder:
        service = Service("data", Path(folder))
        found: dict[str, Under] = {}
        for name, age in (("no checkpoints", NEVER), ("checkpoints", ALWAYS)):
            with service.running("--journal-checkpoint-seconds", str(age)), ExitStack() as exits:
                engine = exits.enter_context(DataEngine(config, target=service.target, timeout=CALL_SECONDS))
                done = 0

                def feed(count: int, engine: DataEngine = engine) -> None:
                    nonlocal done
                    numbers = np.arange(count)
                    some = [names[(done + number) % instruments] for number in range(min(count, instruments))]
                    engine.process_trade_ticks(
                        instrument_id=some,
                        instrument_index=(numbers % instruments).astype(np.uint32),
                        prices=6_000_000 + numbers % 997, quantities=1 + numbers % 199, price_scale=2, quantity_scale=3,
                        ts_event=1_723_075_200_000_000_000 + (done + numbers) * 1_000_000,
                        sides=(2 + numbers % 2).astype(np.uint8),
                    )  # fmt: skip
                    done += count

                if not found:
                    for first in range(0, bars, 100_000):
                        feed(min(100_000, bars - first))
                else:
                    done = bars * 2
                calls: dict[str, Callable[[], object]] = {
                    "get_bars, 10 of one instrument": partial(engine.get_bars, names[0], "1tick", limit=10),
                    "statistics": engine.statistics,
                }
                found[name] = _measured(service, bench.sizes.calls, calls, partial(feed, 500))
        _show(
            bench,
            "the data engine",
            f"a data engine with {bars:,} bars of {instruments:,} instruments, fed with ticks",
            found,
        )


def _measured(
    service: Service, count: int, calls: Mapping[str, Callable[[], object]], load: Callable[[], None]
) -> Under:
    """Makes each call in turn, `count` times, under a load of about ten calls a second."""
    stopped = threading.Event()
    peak = [service.resident_bytes]

    def keep_loading() -> None:
        while not stopped.wait(0.1):
            load()

    def watch() -> None:
        while not stopped.wait(0.02):
            peak[0] = max(peak[0], service.resident_bytes)

    threads = [threading.Thread(target=work) for work in (keep_loading, watch)]
    for thread in threads:
        thread.start()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    try:
        for _ in range(count):
            for name, call in calls.items():
                started = time.perf_counter()
                call()
                taken[name].append((time.perf_counter() - started) * 1e3)
            time.sleep(SECONDS_EACH)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    checkpoints = int(service.series("alphaforge_journal_checkpoints_total"))
    hold_ms = service.series("alphaforge_checkpoint_longest_hold_seconds") * 1e3
    return Under({name: sorted(each) for name, each in taken.items()}, peak[0], checkpoints, hold_ms)


def _show(bench: Bench, what: str, title: str, found: Mapping[str, Under]) -> None:
    made = table(f"{title}: single calls, ms", ("call", ""), ("p50", "p99", "p99.9", "worst"))
    for call in next(iter(found.values())).calls:
        for name, under in found.items():
            taken = under.calls[call]
            shares = (taken[int(len(taken) * share)] for share in (0.5, 0.99, 0.999))
            made.add_row(call, name, *(f"{value:.2f}" for value in (*shares, taken[-1])))
    bench.show(made)
    made = table(
        f"memory of {what}, and its checkpoints", ("",), ("checkpoints", "longest hold ms", "peak memory MB", "ratio")
    )
    without = next(iter(found.values())).peak_bytes
    for name, under in found.items():
        made.add_row(
            name, str(under.checkpoints), f"{under.longest_hold_ms:.2f}", f"{under.peak_bytes / 1e6:,.0f}",
            f"{under.peak_bytes / without:.2f}",
        )  # fmt: skip
    bench.show(made)
