"""A user's program as type checkers see it: errors are marked, and a mark without an error is an error too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, assert_type

import numpy as np
import pandas as pd
import polars as pl
from alphaforge_client.aio.data import DataEngine as AsyncDataEngine
from alphaforge_client.aio.execution import ExecutionEngine as AsyncExecutionEngine
from alphaforge_pyo3.cache import GenericCache, GenericCacheStatistics, NearCache
from alphaforge_pyo3.data import BarList, DataEngine, DataEngineConfig, EngineSummary, Gap, Subscription
from alphaforge_pyo3.errors import AlphaForgeError, BatchError, Unavailable
from alphaforge_pyo3.execution import (
    ExecutionEngine,
    Fill,
    Order,
    OrderEvent,
    OrderSide,
    Position,
    TimeInForce,
    fills_to_pandas,
    orders_to_polars,
)
from alphaforge_pyo3.model import Bar, Price, Quantity, TradeTick, TradeTickBatch


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


def on_bar(bar: Bar | Gap) -> None:
    print(bar.epoch if isinstance(bar, Gap) else bar.vwap)


def on_price(price: Price) -> None:
    print(price)


def callbacks(engine: DataEngine) -> None:
    subscription = engine.subscribe_bars(instruments=["BTC"], from_sequence=5).listen(on_bar)
    assert_type(subscription, Subscription[Bar])
    assert_type(subscription.wait(1.0), bool)
    engine.subscribe_trades(["BTC"]).listen(print)
    engine.subscribe_bars().listen(on_price)  # type: ignore[arg-type]
    engine.subscribe_bars(5)  # type: ignore[arg-type]


def tables(engine: DataEngine, venue: ExecutionEngine, frame: pd.DataFrame, polar: pl.DataFrame) -> None:
    engine.process_trade_ticks(frame)
    engine.process_trade_ticks(polar)
    venue.process_trade_ticks(frame)
    structured: np.ndarray[Any, np.dtype[np.void]] = np.zeros(2, [("instrument_id", "U8"), ("price", "f8")])
    assert_type(engine.process_trade_ticks(structured), BarList)
    prices = np.array([1.5, 2.5])
    engine.process_trade_ticks(instrument_id="BTC", prices=prices, quantities=frame["quantity"], ts_event=[1, 2])
    TradeTickBatch.from_ticks(frame)
    engine.process_trade_ticks(5)  # type: ignore[arg-type]
    engine.process_trade_ticks("ticks")  # type: ignore[arg-type]
    assert_type(fills_to_pandas(venue.get_fills()), pd.DataFrame)
    assert_type(orders_to_polars(venue.get_orders(), exact=True), pl.DataFrame)
    assert_type(venue.get_positions()[0].as_dict(), dict[str, Any])


def values(price: Price, quantity: Quantity) -> None:
    assert_type(price + 1, Price)
    assert_type(1.5 + price, Price)
    assert_type(price - price, Price)
    assert_type(price * quantity, Decimal)
    assert_type(quantity * price, Decimal)
    assert_type(quantity * 2, Quantity)
    assert_type(price / 2, Price)
    assert_type(price / price, Decimal)
    assert_type(price < Decimal(1), bool)
    assert_type(price.round_to("0.05", "down"), Price)
    price + quantity  # type: ignore[operator]
    print(price < quantity)  # type: ignore[operator]
    price.round_to(1, "sideways")  # type: ignore[arg-type]
    short: TimeInForce = TimeInForce.GTC
    Order.limit("BTC", OrderSide.BUY, 1, 2, short, "s")


def listed(engine: DataEngine) -> None:
    assert_type(engine.list_engines(), list[EngineSummary])


def orders(engine: ExecutionEngine) -> None:
    order = Order.limit("BTC", OrderSide.Buy, 1, 100.5, TimeInForce.Day, "s")
    assert_type(engine.submit_order(order), str)
    assert_type(engine.submit_orders([order]), list[str])
    assert_type(engine.get_order("id"), Order | None)
    print(engine.get_order("id").status)  # type: ignore[union-attr]
    Order.market("BTC", "Buy", 1, "s")  # type: ignore[arg-type]
    assert_type(engine.get_fills("s"), list[Fill])
    assert_type(engine.get_positions("s"), list[Position])


def failures(engine: ExecutionEngine, order: Order) -> None:
    try:
        engine.submit_orders([order])
    except BatchError as error:
        print(error.results[0])
    except Unavailable as error:
        assert_type(error.reason, str)
    except ConnectionError as error:
        print(error.reason)  # type: ignore[attr-defined]
    except AlphaForgeError as error:
        print(error.reason.lower())


async def awaited(engine: AsyncDataEngine, tick: TradeTick) -> None:
    assert_type(await engine.process_trade_tick(tick), list[Bar])
    print(engine.process_trade_tick(tick).append)  # type: ignore[attr-defined]
    async for bar in engine.subscribe_bars():
        assert_type(bar, Bar | Gap)


async def called_back(engine: AsyncExecutionEngine) -> None:
    async def on_event(event: OrderEvent | Gap) -> None:
        print(event.sequence if isinstance(event, OrderEvent) else event.reason)

    async with engine.subscribe_order_events("s") as events:
        await events.listen(on_event)
        assert_type(await events.wait(), bool)
    print(engine.subscribe_order_events("s").wait().real)  # type: ignore[attr-defined]
