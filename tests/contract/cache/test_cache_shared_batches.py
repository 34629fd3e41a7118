"""Concurrent small batches of one client share requests; each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from alphaforge_client import errors
from alphaforge_client.aio.cache import GenericCache as AsyncGenericCache
from alphaforge_client.cache import GenericCache

from tests.support.stack import Stack

BATCHES = 24


def batch(number: int) -> dict[str, list[int]]:
    """Returns some unique keys, and one that every batch has."""
    return {f"key-{number}-{place}": [number, place] for place in range(20)} | {"common": [number]}


async def outcomes(calls: list[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("partitions", [1, 3])
def test_batches_at_once_are_stored_and_read_as_if_each_were_alone(stack: Stack, partitions: int) -> None:
    stack.serve("cache")
    name, target = f"cache-{uuid4()}", stack.target("cache")
    batches = [batch(number) for number in range(BATCHES)]

    async def run() -> None:
        async with AsyncGenericCache(name=name, target=target, partitions=partitions) as cache:
            assert await outcomes([cache.put_many(each) for each in batches]) == [None] * BATCHES
            asked = [[*each, f"none-{number}"] for number, each in enumerate(batches)]
            found = await outcomes([cache.get_many(keys) for keys in asked])
            common = (await cache.get_many(["common"]))["common"]
            for each, values in zip(batches, found, strict=True):
                assert values == each | {"common": common}
                assert list(values) == list(each)
            # Each caller gets its own copy of a mutable value.
            assert len({id(values["common"]) for values in found}) == BATCHES

    asyncio.run(run())


def test_a_batch_that_is_refused_stores_nothing_and_spoils_no_other(stack: Stack) -> None:
    stack.serve("cache")

    async def run() -> None:
        name, target = f"cache-{uuid4()}", stack.target("cache")
        async with AsyncGenericCache(name=name, max_bytes=30_000, target=target) as cache:
            batches: list[dict[str, object]] = [
                {f"key-{number}-{place}": number for place in range(3)} for number in range(BATCHES)
            ]
            # Larger than the cache's limit, so the service refuses it.
            batches[7]["large"] = b"x" * 40_000
            found = await outcomes([cache.put_many(each) for each in batches])
            assert [number for number, each in enumerate(found) if each is not None] == [7], found
            assert isinstance(found[7], errors.InvalidArgument)
            kept = await cache.get_many([key for each in batches for key in each])
            assert kept == {key: value for each in (*batches[:7], *batches[8:]) for key, value in each.items()}

    asyncio.run(run())


def test_threads_that_send_batches_at_once_each_get_their_own(stack: Stack) -> None:
    stack.serve("cache")
    with (
        GenericCache(name=f"cache-{uuid4()}", target=stack.target("cache")) as cache,
        ThreadPoolExecutor(16) as pool,
    ):

        def work(number: int) -> None:
            mine = {f"key-{number}-{place}": number for place in range(20)}
            cache.put_many(mine)
            assert cache.get_many([*mine, "none"]) == mine

        list(pool.map(work, range(400)))


def test_values_of_a_shared_request_may_exceed_one_response(stack: Stack) -> None:
    stack.serve("cache")

    async def run() -> None:
        name, target = f"cache-{uuid4()}", stack.target("cache")
        async with AsyncGenericCache(name=name, target=target, timeout=60.0) as cache:
            large = {f"large-{number}": bytes([number]) * (3 << 20) for number in range(9)}
            for key, value in large.items():
                await cache.put(key, value)
            asked = [[f"large-{first}", f"large-{(first + 4) % 9}"] for first in range(9)]
            found = await outcomes([cache.get_many(keys) for keys in asked])
            assert [set(each) for each in found] == [set(keys) for keys in asked]
            assert all(each[key] == large[key] for each in found for key in each)
            assert await cache.get_many(large) == large

    asyncio.run(run())
