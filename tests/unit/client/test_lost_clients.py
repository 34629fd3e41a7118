"""Clients that are dropped without close() leave neither connections nor threads behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alphaforge_client.aio.cache import GenericCache as AioCache
from alphaforge_client.aio.execution import ExecutionEngine as AioExecutionEngine
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide

from tests.support.service import running_service
from tests.support.waiting import until

CLIENTS = int(os.environ.get("LOST_CLIENTS", "1000"))

# Threads and descriptors that grpc opens and closes on its own.
SLACK = 12

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")


def held() -> int:
    """The descriptors and threads of this process."""
    return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))


@pytest.fixture(scope="module")
def cache_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service("cache", tmp_path_factory.mktemp("cache")) as service:
        yield service.address


@pytest.fixture(scope="module")
def execution_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service("execution", tmp_path_factory.mktemp("execution"), "--market-data", "off") as service:
        with ExecutionEngine(target=service.address) as engine:
            engine.submit_order(Order.market("BTCUSD", OrderSide.Buy, 1, "lost"))
        yield service.address


@pytest.mark.slow
def test_clients_are_closed_when_they_are_dropped(cache_target: str) -> None:
    def use_and_drop() -> None:
        GenericCache(name="shared", target=cache_target).put("key", 1)

    use_and_drop()
    before = held()
    for _ in range(CLIENTS):
        use_and_drop()
        # Immediately, not at the next run of the garbage collector.
        assert held() <= before + SLACK


@pytest.mark.slow
def test_asyncio_clients_are_closed_when_they_are_dropped(cache_target: str) -> None:
    async def use_and_drop() -> None:
        await AioCache(name="shared", target=cache_target).put("key", 1)

    async def use_many() -> None:
        await use_and_drop()
        before = held()
        for number in range(CLIENTS):
            await use_and_drop()
            if number % 100 == 0:
                gc.collect()
                assert held() <= before + SLACK

    asyncio.run(use_many())


def test_a_dropped_client_with_a_near_cache_takes_its_thread_along(cache_target: str) -> None:
    def use_and_drop() -> None:
        cache = GenericCache(name="shared", target=cache_target, near_cache=NearCache())
        cache.put("key", 1)
        assert cache.get("key") == 1

    before = threading.active_count()
    for _ in range(20):
        use_and_drop()
    until(lambda: threading.active_count() <= before, "the followers' threads have ended")


def test_one_client_in_many_event_loops_keeps_the_connection_of_one(cache_target: str) -> None:
    cache = AioCache(name="shared", target=cache_target)

    async def use() -> None:
        await cache.put("key", 1)

    asyncio.run(use())
    before = held()
    for _ in range(100):
        asyncio.run(use())
    gc.collect()
    assert held() <= before + SLACK
    assert len(cache._connection._other_sessions) <= 1


def test_a_client_that_changes_between_two_open_loops_keeps_one_connection_for_each(cache_target: str) -> None:
    cache = AioCache(name="shared", target=cache_target)
    loops = [asyncio.new_event_loop() for _ in range(2)]
    sessions = set()
    for _ in range(10):
        for loop in loops:
            loop.run_until_complete(cache.put("key", 1))
            sessions.add(id(cache._connection._session))
    assert len(sessions) == 2
    for loop in loops:
        loop.close()


def test_a_stream_that_is_left_by_break_is_closed(execution_target: str) -> None:
    engine = ExecutionEngine(target=execution_target)
    before = held()
    for _ in range(200):
        for event in engine.subscribe_order_events(from_sequence=1):
            assert event is not None
            break
    assert held() <= before + SLACK
    engine.close()


def test_an_asyncio_stream_that_is_left_by_break_is_closed(execution_target: str) -> None:
    async def leave_many() -> None:
        async with AioExecutionEngine(target=execution_target) as engine:
            before = held()
            for _ in range(200):
                async for event in engine.subscribe_order_events(from_sequence=1):
                    assert event is not None
                    break
            assert held() <= before + SLACK

    asyncio.run(leave_many())
