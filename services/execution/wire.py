"""Between the execution engine's values and the messages of alphaforge.execution.v1."""

from __future__ import annotations

from alphaforge.execution.v1.events_pb2 import SubscribeOrderEventsRequest, SubscribeOrderEventsResponse
from alphaforge.execution.v1.order_pb2 import Order
from alphaforge_core.execution import OrderEvent

from services.common.messages import with_messages
from services.common.streams import Delivery, Filter

__all__ = ["event_filter", "events_response", "without_fills"]


def events_response(delivery: Delivery[OrderEvent]) -> bytes:
    """A message of SubscribeOrderEvents."""
    head = SubscribeOrderEventsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        gap=delivery.gap,
    )
    encoded = (event.to_wire() for event in delivery.events)
    return with_messages(head, SubscribeOrderEventsResponse.EVENTS_FIELD_NUMBER, encoded)


def event_filter(message: SubscribeOrderEventsRequest) -> Filter[OrderEvent] | None:
    """Which events a subscription wants; None for all."""
    if not message.HasField("strategy_id"):
        return None
    strategy_id = message.strategy_id
    return Filter(strategy_id, lambda event: event.strategy_id == strategy_id)


def without_fills(order: bytes) -> bytes:
    """An encoded order for those who did not ask for its fills; their number stays."""
    message = Order.FromString(order)
    message.ClearField("fills")
    return message.SerializeToString()
