"""The cache: puts and gets of floats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import alphaforge_core.cache
from alphaforge_client.aio.cache import GenericCache as AsyncCache
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_core.cache_wire import encode_get, encode_put

from benchmarks.bench import Bench, Way

__all__ = ["run"]

PUTS_DOCUMENTED, GETS_DOCUMENTED = 1_470_000, 3_250_000
THREADS = 4
CONCURRENT = 64
KEY = "key-000000000000"


def run(bench: Bench) -> None:
    """Rates of single calls and batches, then percentiles of single calls."""
    items = {f"key-{number:012}": number * 0.5 for number in range(bench.sizes.items)}
    core = alphaforge_core.cache.GenericCache(max_size=2 * len(items))
    target = bench.stack.targets["cache"]
    with ExitStack() as exits:
        remote = exits.enter_context(GenericCache(2 * len(items), name="benchmark", target=target))
        alone = exits.enter_context(GenericCache(name="benchmark", target=target, coalesce=False))
        near = exits.enter_context(GenericCache(name="benchmark", target=target, near_cache=NearCache()))
        pool = exits.enter_context(ThreadPoolExecutor(CONCURRENT))
        few = dict(list(items.items())[: bench.sizes.calls])
        bench.rates("cache put", "keys", PUTS_DOCUMENTED, [
            Way("in process, one by one", lambda: _put_each(core, items)),
            Way("in process, put_many", lambda: _put_many(core, items)),
            Way("remote, one by one", lambda: _put_each(remote, few)),
            Way(f"remote, {CONCURRENT} threads, one RPC per key", lambda: _put_threads(pool, alone, few)),
            Way(f"remote, {CONCURRENT} threads, coalesced", lambda: _put_threads(pool, remote, items)),
            *(Way(f"remote, put_many of {size:,}, {THREADS} threads", _puts(pool, remote, items, size))
              for size in (1_000, 10_000)),
            bench.echo_way(exits, len(encode_put(KEY, 0.5, 3600.0))),
        ])  # fmt: skip
        bench.rates("cache get", "keys", GETS_DOCUMENTED, [
            Way("in process, one by one", lambda: _get_each(core, items)),
            Way("in process, get_many", lambda: len(core.get_many(items))),
            Way("remote, one by one", lambda: _get_each(remote, few)),
            Way(f"remote, {CONCURRENT} threads, one RPC per key", lambda: _get_threads(pool, alone, few)),
            Way(f"remote, {CONCURRENT} threads, coalesced", lambda: _get_threads(pool, remote, items)),
            *(Way(f"remote, get_many of {size:,}, {THREADS} threads", _gets(pool, remote, items, size))
              for size in (1_000, 10_000)),
            Way("remote, get_many of 10,000, 1 thread", lambda: _get_shares(remote, items, 10_000)),
            Way("near cache, hits one by one", lambda: _hits(near, few, len(items))),
            bench.echo_way(exits, len(encode_get(KEY))),
        ])  # fmt: skip
        bench.check("cache", core.get_many(items), remote.get_many(items))
        put_bytes, get_bytes = len(encode_put(KEY, 0.5, 3600.0)), len(encode_get(KEY))
        bench.single_calls("cache put", put_bytes, lambda: remote.put(KEY, 0.5), lambda: _async_put(target))
        bench.single_calls("cache get", get_bytes, lambda: remote.get(KEY), lambda: _async_get(target))


Caches = alphaforge_core.cache.GenericCache | GenericCache


def _put_many(cache: Caches, items: dict[str, float]) -> int:
    cache.put_many(items)
    return len(items)


def _put_each(cache: Caches, items: dict[str, float]) -> int:
    put = cache.put
    for key, value in items.items():
        put(key, value)
    return len(items)


def _get_each(cache: Caches, items: dict[str, float]) -> int:
    get = cache.get
    for key in items:
        get(key)
    return len(items)


def _hits(near: GenericCache, few: dict[str, float], count: int) -> int:
    return sum(_get_each(near, few) for _ in range(count // len(few)))


def _shares(items: dict[str, float], size: int) -> list[dict[str, float]]:
    pairs = list(items.items())
    return [dict(pairs[first : first + size]) for first in range(0, len(pairs), size)]


def _put_threads(pool: ThreadPoolExecutor, cache: GenericCache, items: dict[str, float]) -> int:
    return sum(pool.map(lambda share: _put_each(cache, share), _shares(items, -(-len(items) // CONCURRENT))))


def _get_threads(pool: ThreadPoolExecutor, cache: GenericCache, items: dict[str, float]) -> int:
    return sum(pool.map(lambda share: _get_each(cache, share), _shares(items, -(-len(items) // CONCURRENT))))


def _puts(pool: ThreadPoolExecutor, cache: GenericCache, items: dict[str, float], size: int) -> Callable[[], int]:
    shares = _shares(items, size)
    return lambda: _spread(pool, lambda share: _put_many(cache, share), shares)


def _gets(pool: ThreadPoolExecutor, cache: GenericCache, items: dict[str, float], size: int) -> Callable[[], int]:
    shares = _shares(items, size)
    return lambda: _spread(pool, lambda share: len(cache.get_many(share)), shares)


def _get_shares(cache: GenericCache, items: dict[str, float], size: int) -> int:
    return sum(len(cache.get_many(share)) for share in _shares(items, size))


def _spread(
    pool: ThreadPoolExecutor, work: Callable[[dict[str, float]], int], shares: Sequence[dict[str, float]]
) -> int:
    """Distributes the shares over THREADS threads, each of which takes every n-th."""
    return sum(pool.map(lambda first: sum(map(work, shares[first::THREADS])), range(THREADS)))


def _async_put(target: str) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    cache = AsyncCache(name="benchmark", target=target)
    return lambda: cache.put(KEY, 0.5), cache.close


def _async_get(target: str) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    cache = AsyncCache(name="benchmark", target=target)
    return lambda: cache.get(KEY), cache.close
