"""Between the execution engine's values and the messages of alphaforge.execution.v1."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeVar

from alphaforge.execution.v1.events_pb2 import OrderEvent as OrderEventMessage
from alphaforge.execution.v1.events_pb2 import OrderEventType, SubscribeOrderEventsRequest, SubscribeOrderEventsResponse
from alphaforge.execution.v1.order_pb2 import Fill as FillMessage
from alphaforge.execution.v1.order_pb2 import (
    LiquiditySide,
    NewOrder,
    OrderCancelReason,
    OrderRejectReason,
    OrderStatus,
)
from alphaforge.execution.v1.order_pb2 import Order as OrderMessage
from alphaforge.execution.v1.order_pb2 import OrderSide as OrderSideMessage
from alphaforge.execution.v1.order_pb2 import OrderType as OrderTypeMessage
from alphaforge.execution.v1.order_pb2 import Position as PositionMessage
from alphaforge.execution.v1.order_pb2 import TimeInForce as TimeInForceMessage
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import Fill, Order, OrderEvent, OrderSide, OrderType, Position, TimeInForce

from services.common.streams import Delivery, Filter

__all__ = [
    "event_filter",
    "event_message",
    "events_response",
    "fill_message",
    "order_message",
    "order_of",
    "position_message",
    "reject_reason",
]

_HAS_PRICE = {OrderType.Limit, OrderType.StopLimit}
_HAS_STOP = {OrderType.Stop, OrderType.StopLimit}

E = TypeVar("E", bound=Enum)


def order_of(message: NewOrder) -> Order:
    """Raises InvalidArgument for what is no order: a value that can't be, or a field that its type lacks or needs."""
    kind = _member(OrderType, message.order_type)
    side = _member(OrderSide, message.side)
    time_in_force = _member(TimeInForce, message.time_in_force)
    _check_field(message, kind, "price", wanted=kind in _HAS_PRICE)
    _check_field(message, kind, "stop_price", wanted=kind in _HAS_STOP)
    if message.post_only and kind not in _HAS_PRICE:
        raise InvalidArgument(f"a {kind.name} order can't be post_only", reason="ORDER_FIELD_SURPLUS")
    symbol, quantity, strategy = message.instrument_id, message.quantity, message.strategy_id
    order_id, created_at, post_only = message.order_id, message.created_at_ns, message.post_only
    match kind:
        case OrderType.Market:
            return Order.market(
                symbol, side, quantity, strategy, time_in_force, order_id=order_id, created_at=created_at
            )
        case OrderType.Limit:
            return Order.limit(
                *(symbol, side, quantity, message.price, time_in_force, strategy),
                post_only=post_only,
                order_id=order_id,
                created_at=created_at,
            )
        case OrderType.Stop:
            return Order.stop(
                *(symbol, side, quantity, message.stop_price, time_in_force, strategy),
                order_id=order_id,
                created_at=created_at,
            )
        case OrderType.StopLimit:
            return Order.stop_limit(
                *(symbol, side, quantity, message.stop_price, message.price, time_in_force, strategy),
                post_only=post_only,
                order_id=order_id,
                created_at=created_at,
            )


def _member(enum: type[E], number: int) -> E:
    try:
        return enum(number)
    except ValueError:
        raise InvalidArgument(f"{number} is no {enum.__name__}", reason="ENUM_UNKNOWN") from None


def _check_field(message: NewOrder, kind: OrderType, field: str, *, wanted: bool) -> None:
    given = field in {descriptor.name for descriptor, _ in message.ListFields()}
    if given and not wanted:
        raise InvalidArgument(f"a {kind.name} order has no {field}", reason="ORDER_FIELD_SURPLUS")
    if wanted and not given:
        raise InvalidArgument(f"a {kind.name} order needs a {field}", reason="ORDER_FIELD_MISSING")


def _text(number: float | Decimal) -> str:
    return f"{Decimal(repr(number)) if isinstance(number, float) else number:f}"


def _optional(number: float | Decimal | None) -> str | None:
    return None if number is None else _text(number)


def reject_reason(name: str | None) -> OrderRejectReason.ValueType:
    """The reason's number; UNSPECIFIED where there is none."""
    return OrderRejectReason.Value(f"ORDER_REJECT_REASON_{name or 'UNSPECIFIED'}")


def _cancel_reason(name: str | None) -> OrderCancelReason.ValueType:
    return OrderCancelReason.Value(f"ORDER_CANCEL_REASON_{name or 'UNSPECIFIED'}")


def _new_order_message(order: Order) -> NewOrder:
    return NewOrder(
        order_id=order.order_id,
        instrument_id=order.symbol,
        side=OrderSideMessage.ValueType(order.side.value),
        order_type=OrderTypeMessage.ValueType(order.order_type.value),
        quantity=_text(order.quantity),
        price=_optional(order.price),
        stop_price=_optional(order.stop_price),
        time_in_force=TimeInForceMessage.ValueType(order.time_in_force.value),
        strategy_id=order.strategy_id,
        created_at_ns=order.created_at,
        post_only=order.post_only,
    )


def order_message(order: Order, *, with_fills: bool) -> OrderMessage:
    """An order as it stands."""
    return OrderMessage(
        order_id=order.order_id,
        instrument_id=order.symbol,
        side=OrderSideMessage.ValueType(order.side.value),
        order_type=OrderTypeMessage.ValueType(order.order_type.value),
        quantity=_text(order.quantity),
        price=_optional(order.price),
        stop_price=_optional(order.stop_price),
        time_in_force=TimeInForceMessage.ValueType(order.time_in_force.value),
        strategy_id=order.strategy_id,
        created_at_ns=order.created_at,
        post_only=order.post_only,
        status=OrderStatus.ValueType(order.status.value),
        filled_quantity=_text(order.filled_quantity),
        leaves_quantity=_text(order.leaves_quantity if order.is_active else 0.0),
        avg_fill_price=_optional(order.avg_fill_price),
        commission=_text(order.commission),
        submitted_at_ns=order.submitted_at or 0,
        updated_at_ns=order.updated_at or 0,
        triggered_at_ns=order.triggered_at,
        reject_reason=reject_reason(order.reject_reason),
        cancel_reason=_cancel_reason(order.cancel_reason),
        fills=map(fill_message, order.fills) if with_fills else (),
        fill_count=order.fill_count,
    )


def fill_message(fill: Fill) -> FillMessage:
    """A fill; every number exact."""
    return FillMessage(
        fill_id=fill.fill_id,
        order_id=fill.order_id,
        strategy_id=fill.strategy_id,
        instrument_id=fill.symbol,
        side=OrderSideMessage.ValueType(fill.side.value),
        price=str(fill.price),
        quantity=str(fill.quantity),
        commission=_text(fill.commission),
        liquidity_side=LiquiditySide.ValueType(fill.liquidity_side.value),
        ts_event_ns=fill.ts_event,
        trade_id=fill.trade_id,
        sequence=fill.sequence,
    )


def position_message(position: Position) -> PositionMessage:
    """A position; every number exact."""
    return PositionMessage(
        strategy_id=position.strategy_id,
        instrument_id=position.symbol,
        net_quantity=_text(position.net_quantity),
        average_price=_optional(position.average_price),
        cost=_text(position.cost),
        realized_pnl=_text(position.realized_pnl),
        unrealized_pnl=_text(position.unrealized_pnl),
        commission=_text(position.commission),
        last_price=_optional(position.last_price),
    )


def event_message(event: OrderEvent) -> OrderEventMessage:
    """An event; every number exact."""
    return OrderEventMessage(
        sequence=event.sequence,
        type=OrderEventType.ValueType(event.type.value),
        order_id=event.order_id,
        strategy_id=event.strategy_id,
        instrument_id=event.symbol,
        ts_event_ns=event.ts_event,
        status=OrderStatus.ValueType(event.status.value),
        filled_quantity=_text(event.filled_quantity),
        leaves_quantity=_text(event.leaves_quantity),
        fill=None if event.fill is None else fill_message(event.fill),
        reject_reason=reject_reason(event.reject_reason),
        cancel_reason=_cancel_reason(event.cancel_reason),
        order=None if event.order is None else _new_order_message(event.order),
        quantity=_optional(event.quantity),
        price=_optional(event.price),
        stop_price=_optional(event.stop_price),
    )


def events_response(delivery: Delivery[OrderEvent]) -> bytes:
    """A message of SubscribeOrderEvents."""
    return SubscribeOrderEventsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        events=map(event_message, delivery.events),
        gap=delivery.gap,
    ).SerializeToString()


def event_filter(message: SubscribeOrderEventsRequest) -> Filter[OrderEvent] | None:
    """Which events a subscription wants; None for all."""
    if not message.HasField("strategy_id"):
        return None
    strategy_id = message.strategy_id
    return Filter(strategy_id, lambda event: event.strategy_id == strategy_id)
