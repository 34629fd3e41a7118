"""A redis-py client in a separate environment: runs each line of its input.

Arguments: the server's port, the number of keys in batches and in single calls. Answers with the seconds and the number
of keys, or with the bytes of an entry.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import redis
import redis.asyncio
from redis.backoff import ConstantBackoff
from redis.retry import Retry

PORT, ITEMS, SINGLES = map(int, sys.argv[1:4])
PAIRS = {f"key-{number:012}": number * 0.5 for number in range(ITEMS)}
# Long enough that slow calls on a busy machine are measured too.
PATIENCE: dict[str, float] = {"socket_timeout": 60.0, "socket_connect_timeout": 60.0}
client = redis.Redis(port=PORT, **PATIENCE, retry=Retry(ConstantBackoff(0.1), 50), retry_on_error=[ConnectionError])


@cache
def shares(size: int) -> list[dict[str, float]]:
    return [dict(list(PAIRS.items())[first : first + size]) for first in range(0, ITEMS, size)]


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def mset(size: str, threads: str) -> int:
    list(pool(int(threads)).map(client.mset, shares(int(size))))
    return ITEMS


def mget(size: str, threads: str) -> int:
    list(pool(int(threads)).map(lambda share: list(map(float, client.mget(share))), shares(int(size))))
    return ITEMS


def get(threads: str) -> int:
    list(pool(int(threads)).map(lambda key: float(client.get(key) or 0), list(PAIRS)[:SINGLES]))
    return SINGLES


def tasks(count: str) -> int:
    async def run() -> None:
        connections = redis.asyncio.BlockingConnectionPool(
            port=PORT, max_connections=int(count), timeout=60, **PATIENCE
        )
        shared = redis.asyncio.Redis(connection_pool=connections)

        async def some(first: int) -> None:
            for key in list(PAIRS)[:SINGLES][first :: int(count)]:
                await shared.get(key)

        await asyncio.gather(*map(some, range(int(count))))
        await shared.aclose()

    asyncio.run(run())
    return SINGLES


def bytes_each(entries: int, seconds: int | None) -> float:
    client.flushall()
    before = client.info("memory")["used_memory"]
    for first in range(0, entries, 10_000):
        pipeline = client.pipeline(transaction=False)
        for number in range(first, min(entries, first + 10_000)):
            pipeline.set(f"{number:016}", b"v" * 64, ex=seconds)
        pipeline.execute()
    return float(client.info("memory")["used_memory"] - before) / entries


WAYS: dict[str, Callable[..., int]] = {"mset": mset, "mget": mget, "get": get, "tasks": tasks}

client.ping()
print("ready", flush=True)
for line in sys.stdin:
    name, *arguments = line.split()
    if name in WAYS:
        started = time.perf_counter()
        count = WAYS[name](*arguments)
        answer = [time.perf_counter() - started, count]
    else:
        answer = [bytes_each(int(arguments[0]), {"expire": 86_400, "forever": None}[name])]
    print(json.dumps(answer), flush=True)
