"""Fan-out: how long one trade takes to reach each of many subscribers, compared with bare gRPC streams."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest
from alphaforge_cli.tables import table
from alphaforge_client._grpc.endpoint import CHANNEL_OPTIONS
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_core.model import Price, Quantity, TradeTick

from benchmarks.bench import Bench

__all__ = ["run"]

PROGRAM = Path(__file__).parent / "programs/streams.py"
BARS = "/alphaforge.data.v1.DataService/SubscribeBars"
BARE, PUBLISH = "/benchmark.Streams/Subscribe", "/benchmark.Streams/Publish"
NAME = "fanout"
TICKS_PER_SECOND = 200
# Targets in ms: p50 and p99.
AIMS = {100: (3.5, 12.0), 500: (25.0, 60.0)}


def run(bench: Bench) -> None:
    """200 trades a second, one at a time, each of which closes a bar: the time from before the call until a reader has
    the bar. The readers share a process, and share the processors with the service. The bare server does nothing but
    write as many bytes to as many streams.
    """
    ticks = bench.sizes.calls // 2
    made = table(
        f"a trade to its bar at each subscriber, {TICKS_PER_SECOND} trades per second, ms",
        (),
        ("subscribers", "p50", "p99", "worst", "bare p50", "bare p99", "bare worst", "p50 aim", "p99 aim"),
    )
    for count in (count for count in (1, 10, 100, 500) if count <= max(10, bench.sizes.calls // 4)):
        bare, ours = _bare(count, ticks), _ours(bench.stack.targets["data"], count, ticks)
        figures = [f"{taken[int(len(taken) * share)]:.1f}" for taken in (ours, bare) for share in (0.5, 0.99, 0.9999)]
        made.add_row(f"{count:,}", *figures, *(f"<= {aim:g}" for aim in AIMS.get(count, ())))
    bench.show(made)


def _bare(count: int, ticks: int) -> list[float]:
    with _bare_server() as target, grpc.insecure_channel(target, options=list(CHANNEL_OPTIONS)) as channel:
        publish: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PUBLISH)
        return _delays(target, BARE, b"", count, ticks, lambda _: publish(b"", timeout=5.0))


def _ours(target: str, count: int, ticks: int) -> list[float]:
    config = DataEngineConfig(bar_types=["1tick"], durability="none")
    with DataEngine(config, name=NAME, target=target, timeout=60.0) as engine:

        def trade(number: int) -> None:
            ts = 1_723_075_200_000_000_000 + number * 10**6
            engine.process_trade_tick(TradeTick("BTCUSDT", Price(60_000), Quantity(1), "BUY", "", ts, ts))

        delays = _delays(target, BARS, SubscribeBarsRequest(engine=NAME).SerializeToString(), count, ticks, trade)
        engine.drop()
    return delays


def _delays(
    target: str, method: str, request: bytes, count: int, ticks: int, publish: Callable[[int], object]
) -> list[float]:
    """Returns the sorted delays of each event to each stream, in milliseconds."""
    command = [sys.executable, str(PROGRAM), "read", target, method, request.hex(), str(count)]
    readers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert readers.stdin is not None
    assert readers.stdout is not None
    with readers.stdin, readers.stdout:
        readers.stdout.readline()
        sent = []
        due = time.perf_counter()
        for number in range(ticks):
            time.sleep(max(0.0, due - time.perf_counter()))
            due += 1 / TICKS_PER_SECOND
            sent.append(time.perf_counter_ns())
            publish(number)
        readers.stdin.write(f"{ticks}\n")
        readers.stdin.flush()
        arrivals = [json.loads(readers.stdout.readline()) for _ in range(count)]
        readers.wait(60)
    missed = count * ticks - sum(map(len, arrivals))
    if missed:
        raise AssertionError(f"{missed} events did not reach their readers")
    return sorted((at - begun) / 1e6 for each in arrivals for begun, at in zip(sent, each, strict=True))


@contextmanager
def _bare_server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, str(PROGRAM), "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
