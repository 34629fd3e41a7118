"""Near caches: hits without a call, own writes immediately, others' writes soon, no stale value after a disconnect."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from alphaforge_client.aio.cache import GenericCache as AsyncGenericCache
from alphaforge_client.cache import GenericCache, NearCache

from tests.support.stack import Stack, running_stack
from tests.support.waiting import let_pass, let_pass_async, until

eventually = partial(until, seconds=10.0)


def is_copied(near: GenericCache, plain: GenericCache, key: str) -> bool:
    """Whether a read finds the value without a call to the service."""
    before = plain.statistics().total_operations
    return near.get(key) is not None and plain.statistics().total_operations == before


class Pair:
    """Two clients of one cache; the first keeps copies."""

    def __init__(self, stack: Stack, near: NearCache | None = None) -> None:
        name, target = f"near-{uuid4()}", stack.target("cache")
        self.near = GenericCache(name=name, target=target, timeout=5.0, near_cache=near or NearCache())
        self.plain = GenericCache(name=name, target=target, timeout=5.0)

    def operations(self) -> int:
        return self.plain.statistics().total_operations

    def until_copied(self, key: str) -> None:
        """Reads until the value is in the near cache, so that a read makes no call."""
        eventually(lambda: is_copied(self.near, self.plain, key))


@pytest.fixture
def pair(stack: Stack) -> Iterator[Pair]:
    stack.serve("cache")
    pair = Pair(stack)
    yield pair
    pair.near.close()
    pair.plain.close()


def test_a_value_that_was_read_is_read_again_without_a_call(pair: Pair) -> None:
    pair.plain.put("key", [1, 2])
    pair.until_copied("key")
    before = pair.operations()
    for _ in range(100):
        value = pair.near.get("key")
        assert value == [1, 2]
        value.append(3)
    assert pair.operations() == before


def test_the_service_hears_what_was_served(pair: Pair) -> None:
    pair.plain.put("key", 1)
    pair.until_copied("key")
    for _ in range(100):
        pair.near.get("key")
    eventually(lambda: pair.plain.statistics().near_hits >= 100)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda cache: cache.put("key", 2), 2),
        (lambda cache: cache.put_many({"key": 2, "other": 3}), 2),
        (lambda cache: cache.delete("key"), None),
        (lambda cache: cache.delete_many(["key"]), None),
        (lambda cache: cache.increment("key", 4), 5),
        (lambda cache: cache.clear(), None),
        (lambda cache: cache.reset(), None),
        (lambda cache: cache.compare_and_swap("key", cache.get_entry("key")[1], 7), 7),
    ],
    ids=["put", "put_many", "delete", "delete_many", "increment", "clear", "reset", "compare_and_swap"],
)
def test_own_writes_are_seen_at_once_and_those_of_others_soon(
    pair: Pair, write: Callable[[GenericCache], object], expected: int | None
) -> None:
    pair.plain.put("key", 1)
    pair.until_copied("key")
    write(pair.near)
    assert pair.near.get("key") == expected
    pair.plain.put("key", 1)
    pair.until_copied("key")
    write(pair.plain)
    eventually(lambda: pair.near.get("key") == expected)


def test_a_copy_expires_with_its_entry(pair: Pair) -> None:
    pair.plain.put("warm", 1)
    pair.until_copied("warm")
    pair.plain.put("key", 1, ttl=0.5)
    assert pair.near.get("key") in (1, None)
    eventually(lambda: pair.near.get("key") is None)


def test_an_entry_that_made_room_for_others_leaves_its_copy(stack: Stack) -> None:
    stack.serve("cache")
    name, target = f"near-{uuid4()}", stack.target("cache")
    with (
        GenericCache(2, name=name, target=target, near_cache=NearCache()) as near,
        GenericCache(name=name, target=target) as plain,
    ):
        near.wait_ready()
        plain.put("key", 1)
        eventually(lambda: is_copied(near, plain, "key"))
        plain.put_many({"a": 1, "b": 2, "c": 3})
        eventually(lambda: near.get("key") is None)


def test_no_read_goes_back_in_time_under_many_writers_and_readers(pair: Pair) -> None:
    """A counter only grows, so no reader of the near client may see it fall, whatever call it uses."""
    pair.near.increment("counter")
    stop = threading.Event()
    falls: list[tuple[int, int]] = []
    reads: list[int] = []

    def write(cache: GenericCache) -> None:
        while not stop.is_set():
            cache.increment("counter")
            let_pass(random.random() * 0.005)

    def read() -> None:
        last = 0
        calls = (
            lambda: pair.near.get("counter"),
            lambda: pair.near.get_many(["counter"])["counter"],
            lambda: (pair.near.get_entry("counter") or pytest.fail("the counter is gone"))[0],
        )
        while not stop.is_set():
            value = random.choices(calls, (50, 1, 1))[0]()
            if value < last:
                falls.append((last, value))
            last = value
            reads.append(value)

    threads = [threading.Thread(target=write, args=(cache,)) for cache in (pair.near, pair.plain)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(reads) > 20_000 and reads[-1] > 200, "reads and writes", seconds=200.0, every=0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert falls == []
    assert pair.near.get("counter") == pair.plain.get("counter")


def test_nothing_old_is_served_after_a_restart(tmp_path: Path) -> None:
    with running_stack(tmp_path) as stack:
        stack.serve("cache")
        pair = Pair(stack)
        pair.plain.put("key", "old")
        pair.until_copied("key")
        stack.kill("cache")
        stack.start("cache")
        pair.plain.put("key", "new")
        eventually(lambda: pair.near.get("key") == "new")
        pair.until_copied("key")
        pair.plain.put("key", "newer")
        eventually(lambda: pair.near.get("key") == "newer")
        pair.near.close()
        pair.plain.close()


def test_the_asyncio_client_also_keeps_copies(stack: Stack) -> None:
    stack.serve("cache")
    name, target = f"near-{uuid4()}", stack.target("cache")

    async def run() -> None:
        async with (
            AsyncGenericCache(name=name, target=target, near_cache=NearCache()) as near,
            AsyncGenericCache(name=name, target=target) as plain,
        ):
            await plain.put("key", 1)
            while True:
                before = (await plain.statistics()).total_operations
                values = [await near.get("key") for _ in range(50)]
                assert values == [1] * 50
                if (await plain.statistics()).total_operations == before:
                    break
            await plain.put("key", 2)
            while await near.get("key") != 2:
                await let_pass_async(0.01)

    asyncio.run(asyncio.wait_for(run(), 20.0))
