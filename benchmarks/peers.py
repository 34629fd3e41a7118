"""Compares the cache with Redis, and the data engine with NautilusTrader's aggregators.

Neither is a dependency: uv installs each into a separate environment. The run reports what it leaves out.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import alphaforge_core.data
from alphaforge_cli.tables import table
from alphaforge_client.aio.cache import GenericCache as AsyncCache
from alphaforge_client.cache import GenericCache

from benchmarks.bench import Bench
from benchmarks.data import BAR_TYPES, columns, ticks
from benchmarks.stack import free_ports

__all__ = ["run"]

PROGRAMS = Path(__file__).parent / "programs"
# Keys of a batch, and threads that send batches on one client.
SHAPES = ((100, 1), (100, 4), (100, 16), (1_000, 1), (1_000, 4), (10_000, 1), (10_000, 4))
THREADS, TASKS = 64, 256


class PeerEnded(Exception):
    """A peer's program exited before it answered."""


class _Way(NamedTuple):
    """One operation: our name for it, the peer's name, and our function, which returns the number of operations."""

    name: str
    theirs: str
    operation: Callable[[], int]


def run(bench: Bench) -> None:
    """The same keys and floats over TCP, in turn with Redis; the same ticks as NautilusTrader, one by one."""
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if uv is None:
        print("peers: left out, uv is not installed")
        return
    if shutil.which("redis-server") is None:
        print("Redis: left out, redis-server is not installed")
    else:
        _unless_it_ends("Redis", _redis, bench, uv)
    _unless_it_ends("NautilusTrader", _nautilus, bench, uv)


def _unless_it_ends(peer: str, measure: Callable[[Bench, str], None], bench: Bench, uv: str) -> None:
    try:
        measure(bench, uv)
    except PeerEnded as error:
        print(f"{peer}: left out, its program ended: {error}")


def _redis(bench: Bench, uv: str) -> None:
    sizes = bench.sizes
    items = {f"key-{number:012}": number * 0.5 for number in range(sizes.items)}
    singles = list(items)[: sizes.calls * 10]
    with ExitStack() as exits:
        port = exits.enter_context(_redis_server())
        target = bench.stack.targets["cache"]
        cache = exits.enter_context(GenericCache(2 * len(items), name="peers", target=target, timeout=60.0))
        ways = []
        for size, threads in SHAPES:
            shares = [dict(list(items.items())[first : first + size]) for first in range(0, len(items), size)]
            pool = exits.enter_context(ThreadPoolExecutor(threads))
            who = f"{size:,}, {threads} thread{'s' * (threads > 1)}"
            ways += [
                _Way(f"put_many of {who}", f"mset {size} {threads}", _batches(pool, cache.put_many, shares)),
                _Way(f"get_many of {who}", f"mget {size} {threads}", _batches(pool, cache.get_many, shares)),
            ]
        pool = exits.enter_context(ThreadPoolExecutor(THREADS))
        ways += [
            _Way(f"get, {THREADS} threads", f"get {THREADS}", lambda: len(list(pool.map(cache.get, singles)))),
            _Way(f"get, asyncio, {TASKS} tasks", f"tasks {TASKS}", lambda: asyncio.run(_tasks(target, singles))),
        ]
        command = _python_with(bench, uv, "redis[hiredis]")
        command += [str(PROGRAMS / "redis_client.py"), str(port), str(sizes.items), str(len(singles))]
        peer = exits.enter_context(_peer(command))
        if peer is None:
            print("Redis: left out, redis-py could not be installed")
            return
        taken = _in_turn(ways, peer, sizes.repetitions)
        made = table(
            f"floats, compared with Redis (redis-py with hiredis), {sizes.repetitions} repetitions",
            ("way",),
            ("AlphaForge/s", "least", "greatest", "Redis/s", "least", "greatest", "x Redis"),
        )
        for way, (ours, theirs) in taken.items():
            made.add_row(
                way, *_spread(ours), *_spread(theirs), f"{statistics.median(ours) / statistics.median(theirs):.2f}"
            )
        bench.show(made)
        made = table(f"memory of Redis for {sizes.entries:,} entries", ("what",), ("bytes per entry",))
        for what, name in (("entries that expire", "expire"), ("entries that never expire", "forever")):
            made.add_row(what, f"{peer(f'{name} {sizes.entries}')[0]:.0f}")
        bench.show(made)


def _python_with(bench: Bench, uv: str, package: str) -> list[str]:
    """Returns the command of a Python with a package; a short run only uses packages already fetched."""
    offline = ["--offline"] if bench.sizes.repetitions == 1 else []
    return [uv, "run", "--quiet", "--no-project", *offline, "--with", package, "python"]


def _in_turn(
    ways: list[_Way], peer: Callable[[str], list[float]], repetitions: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Measures our rate and the peer's for each way, in turn; the first repetition warms up."""
    taken: dict[str, tuple[list[float], list[float]]] = {way.name: ([], []) for way in ways}
    for repetition in range(repetitions + 1):
        for way in ways:
            started = time.perf_counter()
            ours = way.operation() / (time.perf_counter() - started)
            seconds, count = peer(way.theirs)
            if repetition:
                taken[way.name][0].append(ours)
                taken[way.name][1].append(count / seconds)
    return taken


def _batches(
    pool: ThreadPoolExecutor, call: Callable[[dict[str, float]], object], shares: list[dict[str, float]]
) -> Callable[[], int]:
    return lambda: sum(map(len, shares)) if list(pool.map(call, shares)) else 0


async def _tasks(target: str, keys: list[str]) -> int:
    async with AsyncCache(name="peers", target=target, timeout=60.0) as cache:

        async def some(first: int) -> None:
            for key in keys[first::TASKS]:
                await cache.get(key)

        await asyncio.gather(*map(some, range(TASKS)))
    return len(keys)


def _nautilus(bench: Bench, uv: str) -> None:
    sizes = bench.sizes
    command = _python_with(bench, uv, "nautilus_trader==1.221.0")
    command += [str(PROGRAMS / "nautilus_bars.py"), str(sizes.items)]
    objects = ticks(columns(sizes.items), sizes.items)
    engine = alphaforge_core.data.DataEngine(alphaforge_core.data.DataEngineConfig(bar_types=BAR_TYPES))

    def one_by_one() -> int:
        engine.reset()
        process = engine.process_trade_tick
        for tick in objects:
            process(tick)
        return len(objects)

    with _peer(command) as peer:
        if peer is None:
            print("NautilusTrader: left out, it could not be installed")
            return
        taken = _in_turn([_Way("in process, one by one", "bars", one_by_one)], peer, sizes.repetitions)
    made = table(
        f"ticks to the same bars, compared with NautilusTrader's aggregators, {sizes.repetitions} repetitions",
        ("way",),
        ("AlphaForge ticks/s", "least", "greatest", "NautilusTrader ticks/s", "least", "greatest", "x NautilusTrader"),
    )
    for way, (ours, theirs) in taken.items():
        made.add_row(
            way, *_spread(ours), *_spread(theirs), f"{statistics.median(ours) / statistics.median(theirs):.1f}"
        )
    bench.show(made)


def _spread(rates: list[float]) -> tuple[str, str, str]:
    return f"{statistics.median(rates):,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}"


@contextmanager
def _peer(command: list[str]) -> Iterator[Callable[[str], list[float]] | None]:
    """Starts a program that runs each line of its input and answers with a list; None if it does not start."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(what: str) -> list[float]:
            with suppress(BrokenPipeError):
                stdin.write(f"{what}\n")
                stdin.flush()
            answer = stdout.readline()
            if not answer:
                errors.seek(0)
                raise PeerEnded((errors.read().strip().splitlines() or ["it said nothing"])[-1])
            return list(json.loads(answer))

        try:
            yield ask if stdout.readline() == "ready\n" else None
        finally:
            with suppress(BrokenPipeError):
                stdin.close()
            process.wait(60)
            stdout.close()


@contextmanager
def _redis_server() -> Iterator[int]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()
