"""Messages of services are complete: each is checked field by field against the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from alphaforge.cache.v1.caches_pb2 import CacheSettings, CacheStatistics
from alphaforge.data.v1 import ticks_pb2 as data_ticks
from alphaforge.data.v1.queries_pb2 import GetBarsResponse
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.statistics_pb2 import DataEngineStatistics
from alphaforge.execution.v1 import market_data_pb2 as execution_ticks
from alphaforge.execution.v1.events_pb2 import OrderEvent as OrderEventMessage
from alphaforge.execution.v1.market_data_pb2 import ProcessTradeTicksResponse
from alphaforge.execution.v1.order_pb2 import Fill as FillMessage
from alphaforge.execution.v1.order_pb2 import NewOrder, OrderStatus
from alphaforge.execution.v1.order_pb2 import Order as OrderMessage
from alphaforge.execution.v1.order_pb2 import Position as PositionMessage
from alphaforge.execution.v1.orders_pb2 import (
    GetOrderResponse,
    ListOrdersResponse,
    SubmitOrderRequest,
    SubmitOrdersRequest,
    SubmitOrdersResponse,
)
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge.execution.v1.statistics_pb2 import ExecutionStatistics
from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import Bar as BarMessage
from alphaforge_core.cache_wire import CacheEngine
from alphaforge_core.data import DataEngine
from alphaforge_core.data_wire import ProcessRequest, encode_bars
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, Instrument, Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import ServiceEngine
from alphaforge_core.model import Bar, BarType, Price, Quantity, TradeTick, TradeTickBatch
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.base.messages import fill, given, with_message
from services.cache.engine import NamedCache
from services.cache.memory import Memory
from services.data.engine import NamedDataEngine
from services.engines.rows import Table
from services.execution.engine import NamedExecutionEngine
from services.execution.wire import OrderRequest, OrdersRequest
from services.streams.feed import Subscribers

TICK = TradeTick("BTCUSD", Price("99.5"), Quantity("0.25"), "SELL", "trade-1", 1_000, 2_000)

TABLE = Table([])


def names(message: Message) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.fields}


def set_fields(message: Message) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


def subscribers() -> Subscribers:
    return Subscribers(10, 1.0)


def bar_message(bar: Bar) -> BarMessage:
    return GetBarsResponse.FromString(encode_bars([bar], GetBarsResponse.BARS_FIELD_NUMBER)).bars[0]


def test_every_field_of_a_bar_is_sent() -> None:
    bar = Bar(
        *(
            "X",
            BarType("1min"),
            2,
            4,
            1,
            3,
            Quantity("10"),
            Decimal(21),
            5,
            Quantity(6),
            Quantity(4),
            60,
            120,
            121,
            7,
        ),
        is_partial=True,
        is_gap_fill=True,
        is_oversize=True,
        revision=8,
    )
    message = bar_message(bar)
    assert set_fields(message) == names(message)
    assert {field.name: str(value) for field, value in message.ListFields()} == {
        "instrument_id": "X",
        "bar_type": "1min",
        "open": "2.00",
        "high": "4.00",
        "low": "1.00",
        "close": "3.00",
        "volume": "10",
        "value": "21",
        "trade_count": "5",
        "buy_volume": "6",
        "sell_volume": "4",
        "vwap": "2.10",
        "ts_open_ns": "60",
        "ts_event_ns": "120",
        "ts_init_ns": "121",
        "sequence": "7",
        "is_partial": "True",
        "is_gap_fill": "True",
        "is_oversize": "True",
        "revision": "8",
    }


def test_a_bar_without_volume_has_no_vwap() -> None:
    bar = Bar("X", BarType("1min"), 1, 1, 1, 1, Quantity(0), Decimal(0), 0, Quantity(0), Quantity(0), 0, 60, 0, 1)
    assert not bar_message(bar).HasField("vwap")


def executed() -> ServiceEngine:
    """An engine in which every kind of thing has happened."""
    engine = ServiceEngine(ExecutionEngineConfig(maker_commission_rate="0.001", taker_commission_rate="0.002"))
    terms: dict[str, Any] = {"order_id": "filled", "created_at": 5}
    engine.submit_order(
        Order.stop_limit(
            *("BTCUSD", OrderSide.Buy, "0.5", "99", "100", TimeInForce.GoodTillCancel, "s"), post_only=False, **terms
        )
    )
    engine.submit_order(
        Order.limit("BTCUSD", OrderSide.Buy, 1, 50, TimeInForce.GoodTillCancel, "s", order_id="cancelled")
    )
    engine.modify_order("cancelled", price=51)
    stop = ("BTCUSD", OrderSide.Buy, "1", "200", TimeInForce.GoodTillCancel, "s")
    engine.modify_order(engine.submit_order(Order.stop(*stop)), stop_price=201)
    engine.process_trade_tick(TICK)
    engine.cancel_order("cancelled")
    trailing = ("BTCUSD", OrderSide.Sell, "0.1", 1, "0.5", TimeInForce.GTD, "s")
    engine.submit_order(
        Order.trailing_stop_limit(
            *trailing, activation_price=1, reduce_only=True, expire_time_ns=2**62, order_id="trail"
        )
    )
    bracket = Order.bracket("BTCUSD", OrderSide.Buy, 1, "s", take_profit=60, stop_loss=40, price=50)
    engine.submit_order_group(bracket)
    engine.halt()
    engine.submit_order(
        Order.limit(
            *("BTCUSD", OrderSide.Sell, 1, 50, TimeInForce.Day, "s"), post_only=True, order_id="rejected", created_at=6
        )
    )
    return engine


def fills_of_contracts() -> list[FillMessage]:
    """Fills of an instrument with a multiplier, since only these have a separate value."""
    engine = ServiceEngine(ExecutionEngineConfig())
    engine.register_instruments([Instrument("FUT", multiplier=10)])
    engine.process_trade_tick(TradeTick("FUT", 100, 1, "BUY", "1", 1_000, 1_000))
    engine.submit_order(Order.market("FUT", OrderSide.Buy, 1, "s"))
    return [FillMessage.FromString(fill.to_wire()) for fill in engine.get_fills()]


def union(messages: Iterable[Message]) -> set[str]:
    return {name for message in messages for name in set_fields(message)}


def test_every_field_of_an_order_and_of_its_fills_is_sent() -> None:
    engine = executed()
    orders = [OrderMessage.FromString(order.to_wire()) for order in engine.get_orders()]
    assert union(orders) == names(orders[0])
    fills = [fill for order in orders for fill in order.fills]
    assert union([*fills, *fills_of_contracts()]) == names(fills[0])
    assert [FillMessage.FromString(fill.to_wire()) for fill in engine.get_fills()] == fills
    whole, bare = (
        ListOrdersResponse.FromString(engine.list_orders_wire(None, None, None, 10_000, None, with_fills, False)).orders
        for with_fills in (True, False)
    )
    assert list(whole) == orders
    assert set_fields(orders[0]) - set_fields(bare[0]) == {"fills"}
    assert (fills[0].price, fills[0].quantity, fills[0].commission) == ("99.50", "0.25", "0.04975")


def test_every_field_of_an_event_is_sent() -> None:
    events = [OrderEventMessage.FromString(event.to_wire()) for event in executed().events()]
    assert union(events) == names(events[0])
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_every_field_of_a_position_is_sent() -> None:
    engine = executed()
    engine.resume()
    engine.submit_order(Order.limit("BTCUSD", OrderSide.Sell, "0.05", 90, TimeInForce.GoodTillCancel, "s"))
    engine.process_trade_tick(TradeTick("BTCUSD", Price(120), Quantity(1), "BUY", "", 2_000, 2_000))
    (position,) = engine.get_positions()
    message = PositionMessage.FromString(position.to_wire())
    assert set_fields(message) == names(message)


def execution() -> NamedExecutionEngine:
    return NamedExecutionEngine("a", 1, {}, TABLE, subscribers(), 1000)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"order_type": 0}, "ENUM_UNKNOWN"),
        ({"side": 3}, "ENUM_UNKNOWN"),
        ({"time_in_force": 9}, "ENUM_UNKNOWN"),
        ({"price": None}, "ORDER_FIELD_MISSING"),
        ({"stop_price": "1"}, "ORDER_FIELD_SURPLUS"),
        ({"order_type": 1, "price": None, "post_only": True}, "ORDER_FIELD_SURPLUS"),
        ({"order_type": 3, "stop_price": "1"}, "ORDER_FIELD_SURPLUS"),
        ({"quantity": "0"}, "QUANTITY_NOT_POSITIVE"),
        ({"price": "-1"}, "PRICE_NOT_POSITIVE"),
        ({"quantity": "x"}, "NUMBER_MALFORMED"),
        ({"instrument_id": ""}, "NAME_INVALID"),
        ({"order_id": ""}, "NAME_INVALID"),
    ],
)
def test_what_is_no_order_is_refused_with_its_reason(fields: Mapping[str, Any], reason: str) -> None:
    good = {"order_id": "a", "instrument_id": "X", "side": 1, "order_type": 2, "quantity": "1", "price": "1"}
    order = NewOrder(**{**good, "time_in_force": 2, "strategy_id": "s", **fields})
    with pytest.raises(InvalidArgument) as caught:
        execution().submit_orders(OrderRequest.FromString(SubmitOrderRequest(order=order).SerializeToString()))
    assert caught.value.reason == reason
    batch = SubmitOrdersRequest(orders=[order, NewOrder(**good, time_in_force=2)]).SerializeToString()
    first, second = SubmitOrdersResponse.FromString(execution().submit_orders(OrdersRequest.FromString(batch))).results
    assert ErrorReason.Name(first.error_reason) == f"ERROR_REASON_{reason}"
    assert (second.order_id, second.status) == ("a", OrderStatus.ORDER_STATUS_SUBMITTED)


def test_statistics_have_a_value_for_every_field() -> None:
    statistics: list[tuple[Message, Mapping[str, Any]]] = [
        (CacheStatistics(), CacheEngine().statistics().as_dict()),
        (DataEngineStatistics(), DataEngine().statistics().as_dict()),
        (ExecutionStatistics(), ExecutionEngine().statistics().as_dict()),
    ]
    for message, values in statistics:
        assert names(message) <= set(values), message.DESCRIPTOR.name
        fill(message, dict.fromkeys(values, 1))
        assert set_fields(message) == names(message)


# Fields that are absent if there is no bound, no bar type with a time zone, and no instrument is named.
ABSENT = {"max_bytes", "max_price_age_ns", "max_order_quantity", "max_order_notional", "max_open_orders"}
ABSENT |= {"max_orders_per_second", "max_loss", "starting_cash", "time_zones", "negative_price_instruments"}
ABSENT |= {"calendars"}


def test_settings_in_force_are_all_of_them() -> None:
    engines: list[tuple[Message, Mapping[str, Any]]] = [
        (CacheSettings(), NamedCache("a", 1, {}, TABLE, subscribers(), Memory(2**30, "evict")).described),
        (DataEngineSettings(), NamedDataEngine("a", 1, {}, TABLE, subscribers()).described),
        (ExecutionEngineSettings(), NamedExecutionEngine("a", 1, {}, TABLE, subscribers(), 1000).described),
    ]
    for message, settings in engines:
        assert set_fields(fill(message, settings)) == names(message) - ABSENT, message.DESCRIPTOR.name


@pytest.mark.parametrize("message", [CacheSettings(), DataEngineSettings(), ExecutionEngineSettings()])
def test_every_setting_that_is_given_reaches_the_engine(message: Message) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.name == "partitions":
            # Belongs to the registry, not to the engine.
            continue
        one = type(message)()
        if field.is_repeated:
            texts = {"time_zones": "Europe/Paris 3600", "calendars": "X 2024-07-03 13:30-17:00"}
            getattr(one, field.name).append(texts.get(field.name, "5min"))
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(one, field.name, "0.5")
        else:
            setattr(one, field.name, 1_048_576 if field.name == "max_memory_bytes" else 1)
        settings = given(one)
        assert list(settings) == [field.name]
        engine: Any
        if isinstance(message, CacheSettings):
            engine = NamedCache("a", 1, settings, TABLE, subscribers(), Memory(2**30, "evict"))
        elif isinstance(message, DataEngineSettings):
            engine = NamedDataEngine("a", 1, settings, TABLE, subscribers())
        else:
            engine = NamedExecutionEngine("a", 1, settings, TABLE, subscribers(), 1000)
        assert given(fill(type(message)(), engine.settings))[field.name] == settings[field.name], field.name


@pytest.mark.parametrize("bounds", [{"max_size": 0}, {"max_bytes": 0}])
def test_a_cache_refuses_bounds_of_nothing_made_or_reconfigured(bounds: dict[str, int]) -> None:
    async def run() -> None:
        with pytest.raises(InvalidArgument):
            NamedCache("a", 1, bounds, TABLE, subscribers(), Memory(2**30, "evict"))
        cache = NamedCache("a", 1, {}, TABLE, subscribers(), Memory(2**30, "evict"))
        with pytest.raises(InvalidArgument) as refusal:
            await cache.reconfigure(bounds)
        assert refusal.value.reason == "SETTING_INVALID"
        assert cache.settings == {"max_size": 10_000, "max_bytes": None}

    asyncio.run(run())


def test_the_ticks_of_execution_are_requested_as_those_of_data() -> None:
    for kind in ("ProcessTradeTickRequest", "ProcessTradeTicksRequest"):
        ours = getattr(execution_ticks, kind).DESCRIPTOR.fields
        theirs = getattr(data_ticks, kind).DESCRIPTOR.fields_by_name
        for field in ours:
            other = theirs[field.name]
            assert (field.number, field.type) == (other.number, other.type), field.name
            assert field.message_type is other.message_type


def test_refused_ticks_are_told_with_their_reason() -> None:
    batch = TradeTickBatch.from_ticks([TICK, TradeTick("X", Price(0), Quantity(1), "BUY", "", 5, 5), TICK])
    request = ProcessRequest(batch, producer_id="p", producer_sequence=1)
    outcome = execution().process(request)
    response = ProcessTradeTicksResponse.FromString(outcome.answer)
    assert (response.processed_count, response.duplicate_count, response.epoch) == (1, 1, 1)
    assert response.duplicate_indexes == [2]
    assert [(tick.index, ErrorReason.Name(tick.reason)) for tick in response.rejected] == [
        (1, "ERROR_REASON_PRICE_NOT_POSITIVE")
    ]


def test_a_message_within_a_message_is_written_as_protobuf_writes_it() -> None:
    order = OrderMessage(order_id="x" * 300)
    expected = GetOrderResponse(order=order).SerializeToString()
    assert with_message(GetOrderResponse(), GetOrderResponse.ORDER_FIELD_NUMBER, order.SerializeToString()) == expected
