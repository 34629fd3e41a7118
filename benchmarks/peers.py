"""Redis beside the cache. No dependency of the project: skipped, with the reason, where it is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alphaforge_cli.tables import table

from benchmarks.bench import Bench

__all__ = ["run"]

# redis-py in an environment of its own. Each line is one way: its name and the rates of its repetitions.
_CLIENT = """
import asyncio, json, os, sys, time
from concurrent.futures import ThreadPoolExecutor
import redis, redis.asyncio
socket, items, calls, repetitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
pairs = {f"key-{number:012}": number * 0.5 for number in range(items)}
keys = list(pairs)
client = redis.Redis(unix_socket_path=socket)

def pieces(size):
    return [dict(list(pairs.items())[first:first + size]) for first in range(0, items, size)]

def report(name, count, operation):
    rates = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        operation()
        rates.append(count / (time.perf_counter() - started))
    print(json.dumps([name, rates[1:]]), flush=True)

def each(keys):
    for key in keys:
        client.get(key)

async def tasks():
    pool = redis.asyncio.BlockingConnectionPool.from_url(f"unix://{socket}", max_connections=256)
    shared = redis.asyncio.Redis(connection_pool=pool)
    async def some(part):
        for key in part:
            await shared.get(key)
    await asyncio.gather(*(some(keys[first:calls * 4:256]) for first in range(256)))
    await shared.aclose()

for size in (1_000, 10_000):
    parts = pieces(size)
    with ThreadPoolExecutor(4) as pool:
        report(f"mset of {size:,}, 4 threads", items, lambda: list(pool.map(client.mset, parts)))
        report(f"mget of {size:,}, 4 threads, as float", items,
               lambda: list(pool.map(lambda part: list(map(float, client.mget(part))), parts)))
report("get, one by one", calls, lambda: each(keys[:calls]))
report("get, asyncio, 256 tasks", len(keys[:calls * 4]), lambda: asyncio.run(tasks()))
entries = int(sys.argv[5])
for name, seconds in (("bytes an entry that expires", 86_400), ("bytes an entry forever", None)):
    client.flushall()
    before = client.info("memory")["used_memory"]
    for first in range(0, entries, 10_000):
        pipeline = client.pipeline(transaction=False)
        for number in range(first, min(entries, first + 10_000)):
            pipeline.set(f"{number:016}", b"v" * 64, ex=seconds)
        pipeline.execute()
    print(json.dumps([name, [(client.info("memory")["used_memory"] - before) / entries]]), flush=True)
"""


def run(bench: Bench) -> None:
    """The same keys and floats, over a Unix socket, which is the faster way to a Redis on the same host."""
    sizes = bench.sizes
    if (problem := _missing()) is not None:
        print(f"Redis: skipped, {problem}")
        return
    with _server() as socket:
        counts = [str(count) for count in (sizes.items, sizes.calls, sizes.repetitions, sizes.entries)]
        command = ["uv", "run", "--quiet", "--no-project", "--with", "redis[hiredis]", "python", "-c", _CLIENT, socket]
        done = subprocess.run([*command, *counts], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"Redis: skipped, redis-py could not be had or failed: {done.stderr.strip()[-300:]}")
        return
    made = table("Redis, redis-py with hiredis, Unix socket", ("way",), ("median", "least", "greatest"))
    for line in done.stdout.splitlines():
        name, rates = json.loads(line)
        made.add_row(name, *(f"{value:,.0f}" for value in (sorted(rates)[len(rates) // 2], min(rates), max(rates))))
    bench.show(made)


def _missing() -> str | None:
    for program in ("redis-server", "uv"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"]
        process = subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL, env=dict(os.environ))
        try:
            deadline = time.monotonic() + 10
            while not Path(socket).exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            yield socket
        finally:
            process.terminate()
            process.wait()
