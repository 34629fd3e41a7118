"""An engine with partitions gives the results of one engine per instrument; other calls are refused."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest
from alphaforge_client.aio.data import DataEngine as AsyncDataEngine
from alphaforge_client.cache import NearCache
from alphaforge_client.data import DataEngineConfig, Gap
from alphaforge_client.errors import BatchError
from alphaforge_client.execution import (
    ExecutionEngineConfig,
    Instrument,
    Order,
    OrderChange,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from alphaforge_client.model import TradeTick
from alphaforge_core.data import DataEngine as CoreDataEngine
from alphaforge_core.execution import ExecutionEngine as CoreExecutionEngine

from tests.support.native import plain_bar
from tests.support.partitioned import NAMES, Clients, new_name, real_ticks
from tests.support.shards import Shards

TYPES = ["1min", "50tick", "20volume", "1000000dollar"]
ALONE = ExecutionEngineConfig(subscribe_market_data=False)


@pytest.mark.parametrize("partitions", [2, 5])
def test_real_trades_give_the_bars_of_one_engine(clients: Clients, partitions: int) -> None:
    ticks = real_ticks(4_000)
    ticks[100:100] = [ticks[99], TradeTick("B", 0, 1, "BUY", "", ticks[99].ts_event)]  # a duplicate, and one refused
    many = clients.data(DataEngineConfig(bar_types=TYPES), name=new_name(), partitions=partitions)
    one = CoreDataEngine(DataEngineConfig(bar_types=TYPES))
    many.start()
    one.start()
    for start in range(0, len(ticks), 1_500):
        piece = ticks[start : start + 1_500]
        # The same bars in the same order.
        found, expected = many.process_trade_ticks(piece), one.process_trade_ticks(piece)
        assert list(map(plain_bar, found)) == list(map(plain_bar, expected))
        assert (found.rejected, found.duplicates) == (expected.rejected, expected.duplicates)
    assert many.process_trade_tick(ticks[0]) == one.process_trade_tick(ticks[0])
    now = ticks[-1].ts_event + 120 * 10**9
    closed = many.advance_time(now)
    assert closed
    assert [bar.ts_event for bar in closed] == sorted(bar.ts_event for bar in closed)
    assert sorted(map(repr, closed)) == sorted(map(repr, one.advance_time(now)))
    assert sorted(many.instruments()) == sorted(one.instruments()) == sorted(NAMES)
    for name in NAMES:
        assert many.open_bars(name) == one.open_bars(name)
        for bar_type in TYPES:
            assert many.get_bars(name, bar_type) == one.get_bars(name, bar_type)
    counted = ("ticks_processed", "bars_generated", "ticks_rejected", "late_ticks", "duplicate_ticks", "instruments")
    totals, expected_totals = many.statistics().as_dict(), one.statistics().as_dict()
    assert [totals[each] for each in counted] == [expected_totals[each] for each in counted]


def test_orders_on_real_trades_end_as_in_one_engine(clients: Clients) -> None:
    ticks = real_ticks(1_500)
    dice = random.Random(5)
    many = clients.execution(ALONE, name=new_name(), partitions=4)
    one = CoreExecutionEngine(ALONE)
    orders = []
    for start in range(0, len(ticks), 250):
        piece = ticks[start : start + 250]
        many.process_trade_ticks(piece)
        one.process_trade_ticks(piece)
        batch = [
            Order.limit(
                tick.instrument_id, dice.choice((OrderSide.Buy, OrderSide.Sell)), dice.randint(1, 5),
                round(float(tick.price) * dice.uniform(0.9995, 1.0005), 2), TimeInForce.GoodTillCancel,
                dice.choice(("s", "t")), created_at=start * 1_000 + place,
            )
            for place, tick in enumerate(dice.sample(piece, 30))
        ]  # fmt: skip
        orders += batch
        assert many.submit_orders(batch) == one.submit_orders(batch) == [order.order_id for order in batch]
        cancelled = dice.choice(orders).order_id
        assert many.cancel_order(cancelled) == one.cancel_order(cancelled)
    for order in orders:
        assert repr(many.get_order(order.order_id)) == repr(one.get_order(order.order_id))
    assert [each.order_id for each in many.get_orders()] == [order.order_id for order in orders]
    assert [each.order_id for each in many.get_orders(limit=7)] == [order.order_id for order in orders[-7:]]
    for name in NAMES:
        found = many.get_fills(symbol=name)
        assert [(fill.order_id, fill.price, fill.quantity) for fill in found] == [
            (fill.order_id, fill.price, fill.quantity) for fill in one.get_fills(symbol=name)
        ]
    assert len(many.get_fills()) == len(one.get_fills()) > 50
    assert list(map(repr, many.get_positions())) == list(map(repr, one.get_positions()))
    exact = ("orders_submitted", "orders_filled", "orders_cancelled", "orders_open", "fills", "ticks_processed")
    totals, expected = many.statistics().as_dict(), one.statistics().as_dict()
    assert [totals[each] for each in exact] == [expected[each] for each in exact]
    assert totals["total_notional"] == pytest.approx(expected["total_notional"])
    (whole,), shares = one.get_accounts("s"), many.get_accounts("s")
    assert 1 < len(shares) <= 4
    for amount in ("cash", "equity", "exposure", "net_exposure"):
        assert sum(getattr(share, amount) for share in shares) == getattr(whole, amount)
    assert many.validate() == []
    assert many.cancel_all_orders("s") == one.cancel_all_orders("s")


@pytest.mark.parametrize("other", [1, 2, 8])
def test_another_number_of_partitions_is_refused_before_anything_is_written(clients: Clients, other: int) -> None:
    name = new_name()
    tick = TradeTick("X", 1, 1, "BUY", "", 1)
    clients.data(name=name, partitions=4).process_trade_tick(tick)
    clients.execution(ALONE, name=name, partitions=4).process_trade_tick(tick)
    clients.cache(name=name, partitions=4).put("k", 1)
    for reconfigure in (False, True):
        for call in (
            lambda reconfigure=reconfigure: clients.data(
                name=name, partitions=other, reconfigure=reconfigure
            ).process_trade_tick(tick),
            lambda reconfigure=reconfigure: clients.execution(
                name=name, partitions=other, reconfigure=reconfigure
            ).process_trade_tick(tick),
            lambda reconfigure=reconfigure: clients.cache(name=name, partitions=other, reconfigure=reconfigure).put(
                "k", 2
            ),
        ):
            with pytest.raises(RuntimeError, match=f"has 4 partitions, not {other}.*partitions=4") as caught:
                call()
            assert caught.value.reason == "SETTINGS_DIFFER"
    listed = [one.name for one in clients.data(name=name).list_engines() if one.name.startswith(name)]
    assert set(listed) <= {name, *(f"{name}~{index}" for index in range(1, 4))}
    assert next(one for one in clients.data(name=name).list_engines() if one.name == name).partitions == 4


def test_an_engine_that_was_dropped_may_have_another_number(clients: Clients) -> None:
    name = new_name()
    cache = clients.cache(name=name, partitions=3)
    cache.put_many({str(number): number for number in range(30)})
    assert cache.drop() is True
    assert cache.drop() is False
    again = clients.cache(name=name, partitions=2)
    assert again.size() == 0
    again.put("k", 1)
    assert again.get("k") == 1


def test_calls_whose_meaning_partitions_would_change_are_refused(clients: Clients) -> None:
    data = clients.data(name=new_name(), partitions=2)
    venue = clients.execution(name=new_name(), partitions=2)
    for refused in (
        lambda: clients.data(name=new_name(), partitions=2, producer_id="mine"),
        lambda: clients.execution(ExecutionEngineConfig(max_open_orders=5), name=new_name(), partitions=2),
        lambda: clients.execution(ExecutionEngineConfig(max_orders_per_second=5), name=new_name(), partitions=2),
        lambda: clients.execution(ExecutionEngineConfig(starting_cash=5), name=new_name(), partitions=2),
        lambda: clients.execution(ExecutionEngineConfig(max_loss=5), name=new_name(), partitions=2),
        lambda: data.producer_state("mine"),
        lambda: data.subscribe_bars(from_sequence=7),
        lambda: data.subscribe_trades(epoch=7),
        lambda: data.subscribe_trades(token="3/1.2,3.4,5.6"),
        lambda: data.subscribe_trades(token="nonsense"),
        lambda: venue.events(from_sequence=7),
        lambda: venue.get_orders(after="x"),
        lambda: venue.get_fills(after="x"),
        lambda: clients.data(name="x~1", partitions=2),
        lambda: clients.data(name="x", partitions=0),
    ):
        with pytest.raises(ValueError, match=r"partition|token"):
            refused()
    with data.subscribe_trades() as trades, pytest.raises(RuntimeError, match="token"):
        _ = trades.next_sequence


def test_a_batch_of_orders_has_its_results_in_the_callers_order(clients: Clients) -> None:
    venue = clients.execution(ALONE, name=new_name(), partitions=3)
    orders = [Order.market(symbol, OrderSide.Buy, 1, "s", order_id=f"{symbol}{n}") for n in (1, 2) for symbol in NAMES]
    orders[5] = Order.market(NAMES[0], OrderSide.Sell, 9, "s", order_id=orders[0].order_id)
    with pytest.raises(BatchError) as caught:
        venue.submit_orders(orders)
    results = caught.value.results
    assert [result for index, result in enumerate(results) if index != 5] == [
        order.order_id for index, order in enumerate(orders) if index != 5
    ]
    assert results[5].reason == "ORDER_CONFLICT"


def test_an_order_of_another_client_is_found_in_any_partition(clients: Clients) -> None:
    name = new_name()
    mine = clients.execution(ALONE, name=name, partitions=4)
    orders = [Order.limit(each, OrderSide.Buy, 2, 10, TimeInForce.GoodTillCancel, "s") for each in NAMES]
    mine.submit_orders(orders)
    other = clients.execution(name=name, partitions=4)
    assert [other.get_order(order.order_id).symbol for order in orders] == list(NAMES)
    assert other.get_order("unknown") is None
    assert other.modify_order(orders[0].order_id, quantity=1)
    assert other.cancel_order(orders[1].order_id)
    assert not other.cancel_order("unknown")
    assert mine.get_order(orders[1].order_id).status is OrderStatus.Cancelled
    other.halt()
    assert mine.submit_orders([Order.market(each, OrderSide.Buy, 1, "s") for each in NAMES])
    assert mine.statistics().orders_rejected == len(NAMES)
    other.resume()
    with mine.cancel_on_disconnect("s", grace=5) as session:
        assert not session.has_lapsed


def test_an_order_of_another_client_may_get_a_negative_price_in_any_partition(clients: Clients) -> None:
    """The partitions that don't have the order can't know whether its instrument may have that price."""
    name = new_name()
    mine = clients.execution(ALONE, name=name, partitions=4)
    mine.register_instruments([Instrument(each, negative_prices=True) for each in NAMES])
    tif = TimeInForce.GoodTillCancel
    orders = [Order.limit(each, OrderSide.Buy, 2, -1, tif, "s", negative_prices=True) for each in NAMES]
    mine.submit_orders(orders)
    other = clients.execution(name=name, partitions=4)
    assert [other.modify_order(order.order_id, price=-2) for order in orders] == [True] * len(orders)
    assert other.modify_orders([OrderChange(order.order_id, price=-3) for order in orders]) == [True] * len(orders)
    assert [order.price for order in mine.get_orders()] == [-3] * len(orders)
    assert not other.modify_order("unknown", price=-2)


def test_a_subscription_has_every_event_once_and_resumes_by_its_token(clients: Clients) -> None:
    ticks = real_ticks(1_200)
    name = new_name()
    data = clients.data(DataEngineConfig(bar_types=["1tick"]), name=name, partitions=4)
    received: list[TradeTick] = []
    with data.subscribe_trades() as trades:
        assert trades.token is not None
        data.process_trade_ticks(ticks)
        while len(received) < 700:
            received.append(next(trades))
        token = trades.token
    assert token is not None
    assert token.startswith("4/")
    with clients.data(name=name, partitions=4).subscribe_trades(token=token) as rest:
        while len(received) < len(ticks):
            received.append(next(rest))
    by_name: dict[str, list[Any]] = defaultdict(list)
    for tick in received:
        assert not isinstance(tick, Gap)
        by_name[tick.instrument_id].append(tick)
    assert by_name == {each: [tick for tick in ticks if tick.instrument_id == each] for each in NAMES}
    data.reset("A")
    with data.subscribe_trades(["A"], token=token) as trades:
        gap = next(trades)
        assert isinstance(gap, Gap)
        assert gap.reason == "EPOCH_CHANGED"


def test_asyncio_clients_also_have_partitions(shards: Shards) -> None:
    shards.serve("data")
    ticks = real_ticks(300)

    async def run() -> None:
        config = DataEngineConfig(bar_types=["1tick"])
        async with AsyncDataEngine(config, name=new_name(), targets=shards.targets("data"), partitions=4) as data:
            async with data.subscribe_bars(NAMES[:3], ["1tick"]) as bars:
                closed = await data.process_trade_ticks(ticks)
                wanted = sum(bar.instrument_id in NAMES[:3] for bar in closed)
                assert wanted > 100
                found = [await anext(bars) for _ in range(wanted)]
                assert {bar.instrument_id for bar in found if not isinstance(bar, Gap)} == set(NAMES[:3])
            alone = await asyncio.gather(*(data.process_trade_tick(tick) for tick in ticks))
            assert len(alone) == len(ticks)
            totals = await data.statistics()
            assert (totals.ticks_processed, totals.duplicate_ticks) == (600, 600)

    asyncio.run(run())


@pytest.mark.parametrize("near", [None, NearCache(max_size=100)])
def test_keys_of_a_cache_are_spread_and_put_together(clients: Clients, near: NearCache | None) -> None:
    cache = clients.cache(name=new_name(), partitions=5, near_cache=near)
    items = {f"key-{number}": number for number in range(200)}
    cache.put_many(items)
    asked = [*reversed(items), "missing"]
    assert list(cache.get_many(asked).items()) == [(key, items[key]) for key in reversed(items)]
    assert all(cache.get(key) == value for key, value in items.items())
    assert all(cache.get(key) == value for key, value in items.items())
    pages, cursor = [], ""
    while True:
        page = cache.keys("key-", 33, cursor)
        assert len(page) <= 33
        pages += page
        if not (cursor := page.next_cursor):
            break
    assert sorted(pages) == sorted(items)
    assert cache.size() == 200
    with pytest.raises(ValueError, match="cursor"):
        cache.keys(cursor="9:x")
    with pytest.raises(TypeError):
        cache.put_many({"a": 1, "b": object()})
    assert not cache.contains("a")
    assert cache.delete_many(["key-1", "key-2", "missing"]) == 2
    assert cache.get("key-1") is None
    cache.clear()
    assert cache.get("key-5") is None
    assert cache.statistics().entries == 0
