"""What the core writes as messages of the execution service is what protobuf reads, and the other way round."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from alphaforge.execution.v1 import order_pb2
from alphaforge.execution.v1.events_pb2 import OrderEvent as OrderEventMessage
from alphaforge.execution.v1.events_pb2 import OrderEventType as OrderEventTypeMessage
from alphaforge.execution.v1.events_pb2 import SubscribeOrderEventsResponse
from alphaforge.execution.v1.order_pb2 import NewOrder
from alphaforge.execution.v1.orders_pb2 import (
    SubmitOrderRequest,
    SubmitOrderResponse,
    SubmitOrdersRequest,
    SubmitOrdersResponse,
)
from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Fill,
    LiquiditySide,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TimeInForce,
    encode_submit_orders,
)
from alphaforge_core.model import TradeTick
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = {Order: order_pb2.Order, Fill: order_pb2.Fill, Position: order_pb2.Position, OrderEvent: OrderEventMessage}

NUMBERS = st.sampled_from(("0.000000001", "0.5", "1", "3", "9000000000"))
TEXTS = st.sampled_from(("a", "ä-€", "x" * 64))
COMMON = {"order_id": TEXTS, "created_at": st.integers(0, 2**62)}
ORDERS = st.one_of(
    st.builds(
        Order.market,
        TEXTS,
        st.sampled_from(OrderSide),
        NUMBERS,
        st.sampled_from(("", "s")),
        st.sampled_from(TimeInForce),
        **COMMON,
    ),
    st.builds(
        Order.stop_limit,
        TEXTS,
        st.sampled_from(OrderSide),
        NUMBERS,
        NUMBERS,
        NUMBERS,
        st.sampled_from(TimeInForce),
        TEXTS,
        post_only=st.booleans(),
        **COMMON,
    ),
)


def busy_engine() -> ExecutionEngine:
    """Orders, fills, positions and events of every kind."""
    engine = ExecutionEngine(ExecutionEngineConfig(taker_commission_rate="0.001", maker_commission_rate="-0.0001"))

    def limit(order_id: str, side: OrderSide, price: int, **more: Any) -> None:
        engine.submit_order(
            Order.limit("X", side, 2, price, TimeInForce.GoodTillCancel, "s", order_id=order_id, created_at=5, **more)
        )

    limit("a", OrderSide.Buy, 10)
    limit("b", OrderSide.Sell, 12)
    stop = Order.stop_limit("X", OrderSide.Buy, 9, 11, 13, TimeInForce.Day, "t", order_id="c", created_at=6)
    engine.submit_order(stop)
    engine.process_trade_tick(TradeTick("X", "9.5", "0.7", "SELL", "trade-1", 7))
    engine.modify_order("a", quantity="1.5")
    engine.process_trade_tick(TradeTick("X", "12.5", 5, "BUY", "", 8))
    engine.halt()
    limit("d", OrderSide.Buy, 10, post_only=True)
    engine.cancel_order("a")
    return engine


def values() -> list[Any]:
    engine = busy_engine()
    return [*engine.get_orders(), *engine.get_fills(), *engine.get_positions(), *engine.events()]


@pytest.mark.parametrize("value", values(), ids=repr)
def test_values_are_written_as_protobuf_writes_them(value: Any) -> None:
    message = MESSAGES[type(value)].FromString(value.to_wire())
    assert message.SerializeToString(deterministic=True) == value.to_wire()
    assert type(value).from_wire(message.SerializeToString()) == value


def test_an_order_shows_its_fields() -> None:
    (order,) = [each for each in busy_engine().get_orders() if each.order_id == "a"]
    message = order_pb2.Order.FromString(order.to_wire())
    assert (message.order_id, message.instrument_id, message.strategy_id) == ("a", "X", "s")
    assert message.status == order_pb2.ORDER_STATUS_CANCELLED
    assert message.cancel_reason == order_pb2.ORDER_CANCEL_REASON_REQUESTED
    assert (message.quantity, message.filled_quantity, message.leaves_quantity) == ("1.5", "0.7", "0.8")
    assert (message.price, message.avg_fill_price, message.commission) == ("10.00", "10.00", "-0.0007")
    assert not message.HasField("stop_price")
    assert (message.created_at_ns, message.fill_count) == (5, 1)
    (fill,) = message.fills
    assert (fill.fill_id, fill.price, fill.quantity, fill.trade_id) == ("a-1", "10.00", "0.7", "trade-1")
    assert fill.liquidity_side == order_pb2.LIQUIDITY_SIDE_MAKER


def test_unknown_fields_and_other_orders_of_fields_are_read() -> None:
    order = busy_engine().get_orders()[0]
    fields = order_pb2.Order.FromString(order.to_wire())
    later = b"\xfa\x3e\x03new" + fields.SerializeToString() + b"\xf0\x3e\x01"
    assert Order.from_wire(later) == order


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (OrderSide, order_pb2.OrderSide, "ORDER_SIDE_"),
        (OrderType, order_pb2.OrderType, "ORDER_TYPE_"),
        (OrderStatus, order_pb2.OrderStatus, "ORDER_STATUS_"),
        (TimeInForce, order_pb2.TimeInForce, "TIME_IN_FORCE_"),
        (LiquiditySide, order_pb2.LiquiditySide, "LIQUIDITY_SIDE_"),
        (OrderEventType, OrderEventTypeMessage, "ORDER_EVENT_TYPE_"),
    ],
)
def test_members_have_the_numbers_of_the_wire(ours: Any, theirs: Any, prefix: str) -> None:
    def flat(name: str) -> str:
        return name.replace("_", "").upper()

    wire = {flat(name.removeprefix(prefix)): number for name, number in theirs.items() if number}
    assert {flat(member.name): member.value for member in ours} == wire


@pytest.mark.parametrize(
    ("field", "reasons"),
    [("reject_reason", order_pb2.OrderRejectReason), ("cancel_reason", order_pb2.OrderCancelReason)],
)
def test_reasons_have_the_names_of_the_wire(field: str, reasons: Any) -> None:
    tag = {"reject_reason": b"\xa0\x01", "cancel_reason": b"\xa8\x01"}[field]
    prefix = f"ORDER_{field.upper()}_"
    for name, number in reasons.items():
        shown = getattr(Order.from_wire(tag + bytes([number])), field)
        assert shown == (name.removeprefix(prefix) if number else None)


@given(st.lists(ORDERS, max_size=5))
def test_orders_travel_to_the_engine_unchanged(orders: list[Order]) -> None:
    request = SubmitOrdersRequest.FromString(encode_submit_orders(orders))
    for order, message in zip(orders, request.orders, strict=True):
        assert NewOrder.FromString(message.SerializeToString()).order_id == order.order_id
        assert Decimal(message.quantity) == Decimal(repr(order.quantity))
        assert Order.from_wire(message.SerializeToString()).to_wire().startswith(message.SerializeToString())


def test_a_request_places_what_its_orders_say() -> None:
    direct, over_the_wire = ExecutionEngine(), ExecutionEngine()
    orders = [order for order in busy_engine().get_orders() if order.order_id != "d"]
    fresh = [Order.from_wire(NewOrder.FromString(order.to_wire()).SerializeToString()) for order in orders]
    direct.submit_orders(fresh)
    request = SubmitOrdersRequest.FromString(encode_submit_orders(fresh))
    request.engine, request.epoch = "default", 7
    results = SubmitOrdersResponse.FromString(over_the_wire.submit_orders_wire(request.SerializeToString())).results
    assert [(each.order_id, each.status, each.is_repeat) for each in results] == [
        (order.order_id, order_pb2.ORDER_STATUS_SUBMITTED, False) for order in orders
    ]
    assert over_the_wire.state_hash() == direct.state_hash()
    again = SubmitOrdersResponse.FromString(over_the_wire.submit_orders_wire(request.SerializeToString())).results
    assert all(each.is_repeat for each in again)


def new_order(**fields: Any) -> NewOrder:
    good: dict[str, Any] = {
        "order_id": "o",
        "instrument_id": "X",
        "side": 1,
        "order_type": 2,
        "quantity": "1",
        "price": "10",
        "time_in_force": 2,
        "strategy_id": "s",
    }
    return NewOrder(**(good | fields))


MALFORMED = [
    ({"order_id": ""}, "NAME_INVALID"),
    ({"instrument_id": ""}, "NAME_INVALID"),
    ({"side": 0}, "ENUM_UNKNOWN"),
    ({"side": 77}, "ENUM_UNKNOWN"),
    ({"order_type": 9}, "ENUM_UNKNOWN"),
    ({"time_in_force": 0}, "ENUM_UNKNOWN"),
    ({"quantity": ""}, "QUANTITY_NOT_POSITIVE"),
    ({"quantity": "0"}, "QUANTITY_NOT_POSITIVE"),
    ({"quantity": "-1"}, "QUANTITY_NOT_POSITIVE"),
    ({"quantity": "1,5"}, "NUMBER_MALFORMED"),
    ({"price": "0.1234567891"}, "NUMBER_TOO_PRECISE"),
    ({"price": "1e30"}, "NUMBER_OUT_OF_RANGE"),
    ({"price": None}, "ORDER_FIELD_MISSING"),
    ({"stop_price": "1"}, "ORDER_FIELD_SURPLUS"),
    ({"order_type": 1}, "ORDER_FIELD_SURPLUS"),
    ({"created_at_ns": -1}, "TIME_OUT_OF_RANGE"),
]


@pytest.mark.parametrize(("fields", "reason"), MALFORMED, ids=str)
def test_a_malformed_order_is_refused_and_sinks_no_other(fields: dict[str, Any], reason: str) -> None:
    engine = ExecutionEngine()
    request = SubmitOrdersRequest(orders=[new_order(**fields), new_order(order_id="good")])
    bad, good = SubmitOrdersResponse.FromString(engine.submit_orders_wire(request.SerializeToString())).results
    assert ErrorReason.Name(bad.error_reason) == f"ERROR_REASON_{reason}"
    assert bad.order_id == fields.get("order_id", "o")
    assert bad.error_message
    assert (good.order_id, good.status) == ("good", order_pb2.ORDER_STATUS_SUBMITTED)
    assert [each.order_id for each in engine.get_orders()] == ["good"]
    with pytest.raises(AlphaForgeError) as caught:
        engine.submit_order_wire(SubmitOrderRequest(order=new_order(**fields)).SerializeToString())
    assert caught.value.reason == reason


def test_one_order_is_answered_with_what_became_of_it() -> None:
    engine = ExecutionEngine()
    request = SubmitOrderRequest(engine="default", order=new_order()).SerializeToString()
    assert SubmitOrderResponse.FromString(engine.submit_order_wire(request)) == SubmitOrderResponse(
        order_id="o", status=order_pb2.ORDER_STATUS_SUBMITTED
    )
    engine.cancel_order("o")
    assert SubmitOrderResponse.FromString(engine.submit_order_wire(request)) == SubmitOrderResponse(
        order_id="o", status=order_pb2.ORDER_STATUS_CANCELLED, is_repeat=True
    )
    engine.halt()
    halted = SubmitOrderRequest(order=new_order(order_id="p")).SerializeToString()
    assert SubmitOrderResponse.FromString(engine.submit_order_wire(halted)) == SubmitOrderResponse(
        order_id="p",
        status=order_pb2.ORDER_STATUS_REJECTED,
        reject_reason=order_pb2.ORDER_REJECT_REASON_HALTED,
    )
    with pytest.raises(InvalidArgument, match="no order"):
        engine.submit_order_wire(b"")


def test_bytes_that_are_no_request_place_nothing() -> None:
    engine = ExecutionEngine()
    good = SubmitOrdersRequest(orders=[new_order()]).SerializeToString()
    for size in range(1, len(good)):
        with pytest.raises(InvalidArgument) as caught:
            engine.submit_orders_wire(good[:size])
        assert caught.value.reason == "MESSAGE_MALFORMED"
    with pytest.raises(InvalidArgument, match="at most 100000 orders"):
        engine.submit_orders_wire(b"\x22\x00" * 100_001)
    assert engine.get_orders() == []


@given(st.binary(max_size=80), st.integers(0, 60))
def test_hostile_bytes_are_refused_and_never_crash(noise: bytes, at: int) -> None:
    engine = ExecutionEngine()
    good = SubmitOrdersRequest(orders=[new_order(), new_order(order_id="p")]).SerializeToString()
    for damaged in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            answer = engine.submit_orders_wire(damaged)
        except ValueError:
            continue
        SubmitOrdersResponse.FromString(answer)
    assert engine.validate() == []


def test_events_of_a_stream_are_the_engines() -> None:
    engine = busy_engine()
    response = SubscribeOrderEventsResponse.FromString(
        SubscribeOrderEventsResponse(epoch=5, sequence=9).SerializeToString() + engine.events_wire(3, 4)
    )
    assert (response.epoch, response.sequence) == (5, 9)
    assert [OrderEvent.from_wire(each.SerializeToString()) for each in response.events] == engine.events(3, 4)
