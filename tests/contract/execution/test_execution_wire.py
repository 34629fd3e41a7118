"""The core and protobuf read each other's messages of the execution service."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeTradesResponse
from alphaforge.execution.v1 import order_pb2
from alphaforge.execution.v1.events_pb2 import ListOrderEventsResponse, SubscribeOrderEventsResponse
from alphaforge.execution.v1.events_pb2 import OrderEvent as OrderEventMessage
from alphaforge.execution.v1.events_pb2 import OrderEventType as OrderEventTypeMessage
from alphaforge.execution.v1.order_pb2 import NewOrder
from alphaforge.execution.v1.orders_pb2 import (
    GetOrderResponse,
    ListFillsResponse,
    ListOrdersResponse,
    ListPositionsResponse,
    SubmitOrderGroupRequest,
    SubmitOrderGroupResponse,
    SubmitOrderRequest,
    SubmitOrderResponse,
    SubmitOrdersRequest,
    SubmitOrdersResponse,
)
from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import TradeTickColumns
from alphaforge.type.v1.stream_pb2 import Gap
from alphaforge_core.data_wire import TradesResponse
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Fill,
    LiquiditySide,
    Order,
    OrderEvent,
    OrderEventType,
    OrderGroup,
    OrderGroupType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TimeInForce,
    TrailingOffsetType,
)
from alphaforge_core.execution_wire import (
    EventsResponse,
    ServiceEngine,
    SubmitRequest,
    decode_events_page,
    decode_fills_page,
    decode_order_response,
    decode_orders_page,
    decode_positions_page,
    encode_submit_order_group,
    encode_submit_orders,
)
from alphaforge_core.model import TradeTick, TradeTickBatch
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = {Order: order_pb2.Order, Fill: order_pb2.Fill, Position: order_pb2.Position, OrderEvent: OrderEventMessage}

NUMBERS = st.sampled_from(("0.000000001", "0.5", "1", "3", "9000000000"))
TEXTS = st.sampled_from(("a", "ä-€", "x" * 64))
TIMES_IN_FORCE = st.sampled_from([each for each in TimeInForce if each is not TimeInForce.GTD])
COMMON = {"order_id": TEXTS, "created_at": st.integers(0, 2**62)}
OFFSETS = st.sampled_from(("0.000000001", "0.5", "9999.999999999"))


def trailing_stop_limits(offset_type: TrailingOffsetType) -> st.SearchStrategy[Order]:
    offsets = st.sampled_from(("1", "9000000000")) if offset_type is TrailingOffsetType.Ticks else OFFSETS
    return st.builds(
        Order.trailing_stop_limit,
        TEXTS,
        st.sampled_from(OrderSide),
        NUMBERS,
        offsets,
        offsets,
        st.just(TimeInForce.GTD),
        TEXTS,
        trailing_offset_type=st.just(offset_type),
        activation_price=st.none() | NUMBERS,
        post_only=st.booleans(),
        reduce_only=st.booleans(),
        expire_time_ns=st.integers(0, 2**62),
        **COMMON,
    )


ORDERS = st.one_of(
    st.sampled_from(TrailingOffsetType).flatmap(trailing_stop_limits),
    st.builds(
        Order.market,
        TEXTS,
        st.sampled_from(OrderSide),
        NUMBERS,
        st.sampled_from(("", "s")),
        TIMES_IN_FORCE,
        **COMMON,
    ),
    st.builds(
        Order.stop_limit,
        TEXTS,
        st.sampled_from(OrderSide),
        NUMBERS,
        NUMBERS,
        NUMBERS,
        TIMES_IN_FORCE,
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
    engine.submit_order_group(
        Order.bracket("X", OrderSide.Buy, 1, "s", take_profit=13, stop_loss=8, price=9, order_id="g", created_at=7)
    )
    engine.process_trade_tick(TradeTick("X", "12.5", 5, "BUY", "", 8))
    held = ("X", OrderSide.Sell, "0.1")
    trailing = Order.trailing_stop_limit(
        *held, 1, "0.5", TimeInForce.GTD, "s", expire_time_ns=9, activation_price=12, reduce_only=True, order_id="e"
    )
    engine.submit_order(trailing)
    engine.submit_order(Order.trailing_stop(*held, 1, TimeInForce.Day, "s", order_id="f"))
    engine.process_trade_tick(TradeTick("X", 11, "0.7", "SELL", "trade-2", 8))
    engine.process_trade_tick(TradeTick("X", 10, "0.7", "SELL", "trade-3", 9))
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
        (OrderGroupType, order_pb2.OrderGroupType, "ORDER_GROUP_TYPE_"),
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
        assert Order.from_wire(message.SerializeToString()) == order


def submit(engine: ServiceEngine, request: SubmitOrderRequest | SubmitOrdersRequest) -> bytes:
    single = isinstance(request, SubmitOrderRequest)
    return engine.submit_request(SubmitRequest.from_wire(request.SerializeToString(), single=single))


def test_a_request_places_what_its_orders_say() -> None:
    direct, over_the_wire = ExecutionEngine(), ServiceEngine()
    orders = [order for order in busy_engine().get_orders() if order.order_id in ("a", "b", "c")]
    fresh = [Order.from_wire(NewOrder.FromString(order.to_wire()).SerializeToString()) for order in orders]
    direct.submit_orders(fresh)
    request = SubmitOrdersRequest.FromString(encode_submit_orders(fresh))
    request.engine, request.epoch = "default", 7
    results = SubmitOrdersResponse.FromString(submit(over_the_wire, request)).results
    assert [(each.order_id, each.status, each.is_repeat) for each in results] == [
        (order.order_id, order_pb2.ORDER_STATUS_SUBMITTED, False) for order in orders
    ]
    assert over_the_wire.state_hash() == direct.state_hash()
    again = SubmitOrdersResponse.FromString(submit(over_the_wire, request)).results
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
    engine = ServiceEngine()
    request = SubmitOrdersRequest(orders=[new_order(**fields), new_order(order_id="good")])
    bad, good = SubmitOrdersResponse.FromString(submit(engine, request)).results
    assert ErrorReason.Name(bad.error_reason) == f"ERROR_REASON_{reason}"
    assert bad.order_id == fields.get("order_id", "o")
    assert bad.error_message
    assert (good.order_id, good.status) == ("good", order_pb2.ORDER_STATUS_SUBMITTED)
    assert [each.order_id for each in engine.get_orders()] == ["good"]
    with pytest.raises(AlphaForgeError) as caught:
        submit(engine, SubmitOrderRequest(order=new_order(**fields)))
    assert caught.value.reason == reason


def test_the_answer_to_one_order_is_its_outcome() -> None:
    engine = ServiceEngine()
    request = SubmitOrderRequest(engine="default", order=new_order())
    assert SubmitOrderResponse.FromString(submit(engine, request)) == SubmitOrderResponse(
        order_id="o", status=order_pb2.ORDER_STATUS_SUBMITTED
    )
    engine.cancel_order("o")
    assert SubmitOrderResponse.FromString(submit(engine, request)) == SubmitOrderResponse(
        order_id="o", status=order_pb2.ORDER_STATUS_CANCELLED, is_repeat=True
    )
    engine.halt()
    halted = SubmitOrderRequest(order=new_order(order_id="p"))
    assert SubmitOrderResponse.FromString(submit(engine, halted)) == SubmitOrderResponse(
        order_id="p",
        status=order_pb2.ORDER_STATUS_REJECTED,
        reject_reason=order_pb2.ORDER_REJECT_REASON_HALTED,
    )
    with pytest.raises(InvalidArgument, match="no order"):
        SubmitRequest.from_wire(b"", single=True)


def group_request(**fields: Any) -> SubmitOrderGroupRequest:
    orders = [new_order(order_id="o"), new_order(order_id="p", price="11")]
    return SubmitOrderGroupRequest(**({"orders": orders, "type": 1} | fields))


def submit_group(engine: ServiceEngine, request: SubmitOrderGroupRequest) -> bytes:
    return engine.submit_request(SubmitRequest.group_from_wire(request.SerializeToString()))


def test_a_group_travels_to_the_engine_unchanged() -> None:
    group = Order.bracket("X", OrderSide.Buy, 2, "s", take_profit=13, stop_loss=8, order_id="g", created_at=7)
    request = SubmitOrderGroupRequest.FromString(encode_submit_order_group(group))
    assert OrderGroup.from_wire(request.SerializeToString()) == group == OrderGroup.from_wire(group.to_wire())
    assert request.type == order_pb2.ORDER_GROUP_TYPE_BRACKET
    assert [each.order_id for each in request.orders] == ["g", "g-tp", "g-sl"]
    assert [each.group_id for each in request.orders] == ["", "", ""]  # the request names the group once
    direct, over_the_wire = ExecutionEngine(), ServiceEngine()
    direct.submit_order_group(group)
    request.engine, request.epoch = "default", 7
    results = SubmitOrderGroupResponse.FromString(submit_group(over_the_wire, request)).results
    assert [(each.order_id, each.status, each.is_repeat) for each in results] == [
        ("g", order_pb2.ORDER_STATUS_SUBMITTED, False),
        ("g-tp", order_pb2.ORDER_STATUS_INITIALIZED, False),
        ("g-sl", order_pb2.ORDER_STATUS_INITIALIZED, False),
    ]
    assert over_the_wire.state_hash() == direct.state_hash()
    again = SubmitOrderGroupResponse.FromString(submit_group(over_the_wire, request)).results
    assert all(each.is_repeat for each in again)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": 0}, "ENUM_UNKNOWN"),
        ({"type": 4}, "ENUM_UNKNOWN"),
        ({"orders": []}, "LIMIT_EXCEEDED"),
        ({"orders": [new_order(order_id=f"o{number}") for number in range(500)]}, "LIMIT_EXCEEDED"),
        ({"orders": [new_order(), new_order(order_id="p", group_type=1)]}, "ORDER_FIELD_SURPLUS"),
        ({"orders": [new_order(), new_order(order_id="p", instrument_id="Y")]}, "ORDER_CONFLICT"),
        ({"orders": [new_order(), new_order(order_id="p", side=0)]}, "ENUM_UNKNOWN"),
        ({"orders": [new_order(), new_order(order_id="p", quantity="0")]}, "QUANTITY_NOT_POSITIVE"),
        ({"orders": [new_order(), new_order(order_id="p", price="1,5")]}, "NUMBER_MALFORMED"),
    ],
    ids=str,
)
def test_a_malformed_group_is_refused_and_places_nothing(fields: dict[str, Any], reason: str) -> None:
    engine = ServiceEngine()
    with pytest.raises(AlphaForgeError) as caught:
        submit_group(engine, group_request(**fields))
    assert caught.value.reason == reason
    assert engine.get_orders() == []
    submit_group(engine, group_request())
    assert len(engine.get_orders()) == 2


def test_an_order_that_names_a_group_is_not_submitted_alone() -> None:
    engine = ServiceEngine()
    member = new_order(group_type=1, group_id="o")
    (result,) = SubmitOrdersResponse.FromString(submit(engine, SubmitOrdersRequest(orders=[member]))).results
    assert ErrorReason.Name(result.error_reason) == "ERROR_REASON_ORDER_FIELD_SURPLUS"
    # The client refuses it too, since a service of an earlier release would place the order without its group.
    with pytest.raises(InvalidArgument, match="submit_order_group"):
        encode_submit_orders([Order.from_wire(member.SerializeToString())])


@given(st.binary(max_size=80), st.integers(0, 90))
def test_hostile_bytes_of_a_group_are_refused_and_never_crash(noise: bytes, at: int) -> None:
    engine = ServiceEngine()
    good = group_request().SerializeToString()
    for damaged in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            answer = engine.submit_request(SubmitRequest.group_from_wire(damaged))
        except ValueError:
            continue
        SubmitOrderGroupResponse.FromString(answer)
    assert engine.validate() == []


def test_bytes_that_are_no_request_are_refused() -> None:
    good = SubmitOrdersRequest(orders=[new_order()]).SerializeToString()
    for size in range(1, len(good)):
        with pytest.raises(InvalidArgument) as caught:
            SubmitRequest.from_wire(good[:size])
        assert caught.value.reason == "MESSAGE_MALFORMED"
    with pytest.raises(InvalidArgument, match="at most 100000 orders"):
        SubmitRequest.from_wire(b"\x22\x00" * 100_001)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_hostile_bytes_are_refused_and_never_crash(noise: bytes, at: int) -> None:
    engine = ServiceEngine()
    good = SubmitOrdersRequest(orders=[new_order(), new_order(order_id="p")]).SerializeToString()
    for damaged in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        try:
            answer = engine.submit_request(SubmitRequest.from_wire(damaged))
        except ValueError:
            continue
        SubmitOrdersResponse.FromString(answer)
    assert engine.validate() == []


def test_responses_are_read_at_once_as_protobuf_reads_them() -> None:
    engine = busy_engine()
    orders, fills, positions = engine.get_orders(), engine.get_fills(), engine.get_positions()
    assert orders
    assert fills
    assert positions
    page = ListOrdersResponse(
        orders=[order_pb2.Order.FromString(each.to_wire()) for each in orders], next_page_token="next"
    ).SerializeToString()
    assert decode_orders_page(page) == (orders, "next")
    page = ListFillsResponse(fills=[order_pb2.Fill.FromString(each.to_wire()) for each in fills]).SerializeToString()
    assert decode_fills_page(page) == (fills, "")
    page = ListPositionsResponse(
        positions=[order_pb2.Position.FromString(each.to_wire()) for each in positions]
    ).SerializeToString()
    assert decode_positions_page(page) == (positions, "")
    one = GetOrderResponse(order=order_pb2.Order.FromString(orders[0].to_wire())).SerializeToString()
    assert decode_order_response(one) == orders[0]
    assert decode_order_response(b"") is None

    events = engine.events()
    encoded = [OrderEventMessage.FromString(each.to_wire()) for each in events]
    listed = ListOrderEventsResponse(events=encoded, next_sequence=77).SerializeToString()
    assert decode_events_page(listed) == (events, 77)
    message = SubscribeOrderEventsResponse(
        epoch=5, sequence=9, previous_sequence=8, events=encoded, gap=Gap(first_sequence=1, last_sequence=2)
    )
    read = EventsResponse.from_wire(message.SerializeToString())
    assert (read.epoch, read.sequence, read.previous_sequence, read.events) == (5, 9, 8, events)
    assert read.gap is not None
    assert Gap.FromString(read.gap) == message.gap


@given(st.binary(max_size=60))
def test_hostile_responses_are_refused_and_never_crash(noise: bytes) -> None:
    for read in (
        decode_orders_page,
        decode_fills_page,
        decode_positions_page,
        decode_order_response,
        decode_events_page,
        EventsResponse.from_wire,
    ):
        with suppress(InvalidArgument):
            read(noise)


def test_the_list_of_sequences_matches_the_events() -> None:
    engine = ServiceEngine(ExecutionEngineConfig(max_events=3))
    assert (engine.first_event_sequence, engine.last_event_sequence) == (1, 0)
    engine.submit_orders([Order.limit("X", OrderSide.Buy, 1, 10, TimeInForce.GTC, "s") for _ in range(5)])
    events = engine.events()
    assert (engine.first_event_sequence, engine.last_event_sequence) == (events[0].sequence, events[-1].sequence)
    restored = ServiceEngine(ExecutionEngineConfig(max_events=3))
    restored.restore(engine.snapshot())
    assert (restored.first_event_sequence, restored.last_event_sequence) == (3, 5)


def test_followed_trades_are_applied_after_those_that_are_known() -> None:
    ticks = [TradeTick("X", 10, 1, "SELL", "", number) for number in range(5)]
    followed, called = ServiceEngine(), ExecutionEngine()
    batch = TradeTickBatch.from_ticks(ticks)
    message = SubscribeTradesResponse(sequence=5, ticks=TradeTickColumns.FromString(batch.to_wire()))
    followed.process_trades(TradesResponse.from_wire(message.SerializeToString()), 2)
    called.process_trade_ticks(ticks[2:])
    assert followed.state_hash() == called.state_hash()
    followed.process_trades(TradesResponse.from_wire(message.SerializeToString()), 5)
    assert followed.state_hash() == called.state_hash()


def test_a_batch_in_pieces_is_the_same_batch() -> None:
    """Uses more ticks and orders than are handled while the lock is held once."""
    orders = [Order.limit("X", OrderSide.Buy, 1, 100 + number % 7, TimeInForce.GTC, "s") for number in range(3_000)]
    numbers = range(2_500)
    columns: dict[str, Any] = {
        "instrument_id": "X",
        "prices": [0 if number % 500 == 3 else 100 + number % 9 for number in numbers],
        "quantities": [1] * 2_500,
        "ts_event": numbers,
        "trade_ids": [str(number - number % 2) if number > 2_000 else "" for number in numbers],
    }
    whole, single = ExecutionEngine(), ExecutionEngine()
    whole.submit_orders(orders)
    for order in orders:
        single.submit_order(order)
    batch = TradeTickBatch.from_columns(**columns)
    result = whole.process_batch(batch)
    for row in range(len(batch)):
        single.process_trade_tick(batch[row])
    assert whole.state_hash() == single.state_hash()
    assert result.rejected == [(number, "PRICE_NOT_POSITIVE") for number in numbers if number % 500 == 3]
    assert len(result.duplicates) == single.statistics().duplicate_ticks
    assert whole.validate() == []
