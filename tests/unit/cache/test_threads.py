"""Many threads on one cache."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from alphaforge_core.cache import GenericCache

from tests.support.waiting import until

THREADS = 8


def in_threads(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(work, number) for number in range(THREADS)]:
            future.result()


def test_nothing_is_lost_or_torn_under_load() -> None:
    cache = GenericCache(500, 0.02)
    operations = 1_500

    def work(number: int) -> None:
        rng = random.Random(number)
        for _ in range(operations):
            key = f"key{rng.randrange(800)}"
            match rng.randrange(6):
                case 0 | 1:
                    cache.put(key, [key, rng.random()], rng.choice((None, 0.001, math.inf)))
                case 2:
                    value = cache.get(key)
                    assert value is None or value[0] == key
                case 3:
                    keys = [f"key{rng.randrange(800)}" for _ in range(5)]
                    assert all(value[0] == key for key, value in cache.get_many(keys).items())
                case 4:
                    cache.delete(key)
                case 5:
                    cache.put_many({f"key{n}": [f"key{n}"] for n in range(5)})

    in_threads(work)
    cache.validate()
    statistics = cache.statistics()
    # Between the two calls entries may expire, but none is added.
    assert len(cache.keys()) <= statistics.entries <= 500
    assert statistics.hits + statistics.misses <= statistics.total_operations


def test_increments_of_many_threads_add_up() -> None:
    cache = GenericCache()
    in_threads(lambda number: [cache.increment("n", number) for _ in range(1_000)] and None)
    assert cache.get("n") == 1_000 * sum(range(THREADS))


def test_of_many_swaps_of_one_version_one_succeeds() -> None:
    cache = GenericCache()
    cache.put("a", 0)
    wins: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            value, version, _ = cache.get_entry("a") or pytest.fail("the entry is gone")
            if cache.compare_and_swap("a", version, value + 1):
                wins.append(number)

    in_threads(work)
    assert cache.get("a") == len(wins)


def test_one_computes_and_the_others_wait() -> None:
    cache = GenericCache()
    calls: list[int] = []
    arrived: list[int] = []

    def work(number: int) -> None:
        def compute() -> str:
            calls.append(number)
            # The cache is not locked while a caller's function runs.
            cache.put("other", number)
            until(lambda: len(arrived) == THREADS)
            return "computed"

        arrived.append(number)
        assert cache.get_or_compute("key", compute) == "computed"

    in_threads(work)
    assert len(calls) == 1


def test_who_waited_tries_again_where_the_computing_failed() -> None:
    cache = GenericCache()
    calls: list[int] = []
    failures: list[int] = []
    arrived: list[int] = []

    def work(number: int) -> None:
        def compute() -> str:
            calls.append(number)
            until(lambda: len(arrived) == THREADS)
            if len(calls) < 3:
                raise LookupError("not yet")
            return "computed"

        arrived.append(number)
        try:
            assert cache.get_or_compute("key", compute) == "computed"
        except LookupError:
            failures.append(number)

    in_threads(work)
    assert len(calls) == 3
    assert failures == calls[:2]


@pytest.mark.parametrize("call", ["clear", "delete_many", "size"])
def test_large_removals_do_not_hold_others_up(call: str) -> None:
    now = 0
    cache = GenericCache(400_000, 10.0, clock=lambda: now)
    keys = [f"key{n}" for n in range(300_000)]
    cache.put_many(dict.fromkeys(keys, 1.0))
    done = threading.Event()

    def remove() -> None:
        nonlocal now
        if call == "size":
            now = 20 * 1_000_000_000
            assert cache.size() < 1_000
        elif call == "clear":
            cache.clear()
        else:
            cache.delete_many(keys)
        done.set()

    thread = threading.Thread(target=remove)
    thread.start()
    calls = 0
    while not done.is_set():
        cache.put(f"other{calls % 100}", calls)
        calls += 1
    thread.join()
    assert calls > 10
    cache.validate()
