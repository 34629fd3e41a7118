"""A user's program as mypy sees it: what is wrong in it is marked, and a mark that marks nothing is an error too."""

from __future__ import annotations

from typing import assert_type

from alphaforge_client.aio.data import DataEngine as AsyncDataEngine
from alphaforge_pyo3.cache import GenericCache, GenericCacheStatistics, NearCache
from alphaforge_pyo3.data import BarList, DataEngine, DataEngineConfig, Gap
from alphaforge_pyo3.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_pyo3.model import Bar, Price, Quantity, TradeTick


def cached(cache: GenericCache) -> None:
    cache.put("key", {"a": [1, 2.5]}, ttl=5.0)
    assert_type(cache.contains("key"), bool)
    assert_type(cache.ttl("key"), float | None)
    assert_type(cache.statistics(), GenericCacheStatistics)
    cache.put(5, "value")  # type: ignore[arg-type]
    cache.get("key", default=None)  # type: ignore[call-arg]
    GenericCache(max_size=10, near_cache=NearCache(max_age=1.0))
    GenericCache(max_size="10")  # type: ignore[arg-type]


def bars(engine: DataEngine, tick: TradeTick) -> None:
    assert_type(engine.process_trade_tick(tick), list[Bar])
    assert_type(engine.process_trade_ticks([tick]), BarList)
    engine.process_trade_tick("tick")  # type: ignore[arg-type]
    DataEngineConfig(bar_types=["1min"], zero_quantity="price_only")
    DataEngineConfig(bar_type="1min")  # type: ignore[call-arg]
    with engine.subscribe_bars(["BTC"], ["1min"]) as stream:
        for bar in stream:
            print(bar.close)  # type: ignore[union-attr]
            if not isinstance(bar, Gap):
                assert_type(bar.close, Price)
                assert_type(bar.volume, Quantity)


def orders(engine: ExecutionEngine) -> None:
    order = Order.limit("BTC", OrderSide.Buy, 1, 100.5, TimeInForce.Day, "s")
    assert_type(engine.submit_order(order), str)
    assert_type(engine.submit_orders([order]), list[str])
    assert_type(engine.get_order("id"), Order | None)
    print(engine.get_order("id").status)  # type: ignore[union-attr]
    Order.market("BTC", "Buy", 1, "s")  # type: ignore[arg-type]


async def awaited(engine: AsyncDataEngine, tick: TradeTick) -> None:
    assert_type(await engine.process_trade_tick(tick), list[Bar])
    print(engine.process_trade_tick(tick).append)  # type: ignore[attr-defined]
    async for bar in engine.subscribe_bars():
        assert_type(bar, Bar | Gap)
