"""Calls and streams give up a connection whose other end has vanished within 10 s."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from alphaforge_client.aio.execution import ExecutionEngine as AioExecutionEngine
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.errors import DeadlineExceeded, Unavailable
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide

from tests.support.proxy import Proxy, proxied
from tests.support.service import running_service
from tests.support.waiting import until

# What docs/guarantees.md promises, and what a loaded machine may add to it.
PROMISED_SECONDS = 10.0
SLACK_SECONDS = 10.0

SYMBOL = "BTCUSD"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service("execution", tmp_path_factory.mktemp("half-open"), "--market-data", "off") as service:
        yield service.address


@pytest.fixture
def proxy(target: str) -> Iterator[Proxy]:
    with proxied(target) as proxy:
        yield proxy


def order() -> Order:
    return Order.market(SYMBOL, OrderSide.Buy, 1, "half-open")


def test_calls_work_again(proxy: Proxy) -> None:
    with ExecutionEngine(target=proxy.address, timeout=1.0) as engine:
        engine.statistics()
        proxy.swallow()

        def works() -> bool:
            try:
                engine.statistics()
            except (DeadlineExceeded, Unavailable):
                return False
            return True

        until(works, "a call works again", PROMISED_SECONDS + SLACK_SECONDS)


def test_a_long_call_is_repeated_on_a_new_connection(proxy: Proxy) -> None:
    with ExecutionEngine(target=proxy.address, timeout=PROMISED_SECONDS + SLACK_SECONDS) as engine:
        engine.statistics()
        proxy.swallow()
        assert engine.submit_order(order())


def test_a_stream_goes_on(proxy: Proxy, target: str) -> None:
    found: list[str] = []
    with (
        ExecutionEngine(target=proxy.address) as engine,
        ExecutionEngine(target=target) as elsewhere,
        engine.subscribe_order_events().listen(lambda event: found.append(event.order_id)),
    ):
        first = elsewhere.submit_order(order())
        until(lambda: first in found, "the stream works")
        proxy.swallow()
        second = elsewhere.submit_order(order())
        until(lambda: second in found, "the stream continues", PROMISED_SECONDS + SLACK_SECONDS)


def test_calls_and_a_stream_of_an_asyncio_client_go_on(proxy: Proxy, target: str) -> None:
    async def follow() -> None:
        found: asyncio.Queue[str] = asyncio.Queue()

        async def arrives(order_id: str) -> None:
            async with asyncio.timeout(PROMISED_SECONDS + SLACK_SECONDS):
                while await found.get() != order_id:
                    pass

        async with (
            AioExecutionEngine(target=proxy.address) as engine,
            AioExecutionEngine(target=target) as elsewhere,
            await engine.subscribe_order_events().listen(lambda event: found.put_nowait(event.order_id)),
        ):
            await arrives(await elsewhere.submit_order(order()))
            proxy.swallow()
            second = await elsewhere.submit_order(order())
            assert await engine.get_order(second, timeout=PROMISED_SECONDS + SLACK_SECONDS)
            await arrives(second)

    asyncio.run(follow())


def test_a_near_cache_hears_of_changes_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its heartbeats come every second, so that it is dark before the connection is given up."""
    with (
        running_service("cache", tmp_path_factory.mktemp("cache")) as service,
        proxied(service.address) as proxy,
        GenericCache(name="near", target=proxy.address, timeout=20.0, near_cache=NearCache(max_age=3600.0)) as near,
        GenericCache(name="near", target=service.address) as cache,
    ):
        cache.put("key", 1)
        assert near.get("key") == 1
        proxy.swallow()
        cache.put("key", 2)
        until(lambda: near.get("key") == 2, "the new value is read", PROMISED_SECONDS + SLACK_SECONDS)
