"""Conversions between the execution engine's values and the messages of alphaforge.execution.v1."""

from __future__ import annotations

from functools import lru_cache, partial

from alphaforge.execution.v1.events_pb2 import SubscribeOrderEventsRequest, SubscribeOrderEventsResponse
from alphaforge.execution.v1.instruments_pb2 import RegisterInstrumentsRequest
from alphaforge.execution.v1.orders_pb2 import ModifyOrdersRequest
from alphaforge_core import execution_wire
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import Instrument, OrderEvent, OrderSide
from alphaforge_core.execution_wire import SubmitRequest
from alphaforge_core.model import TradingCalendar
from alphaforge_core.rpc_wire import read_head

from services.base.messages import given, with_messages
from services.streams.feed import Delivery, Filter

__all__ = [
    "ModifyRequest",
    "OrderGroupRequest",
    "OrderRequest",
    "OrdersRequest",
    "RegisterRequest",
    "event_filter",
    "events_response",
    "side_or_none",
]


class OrderRequest:
    """The request of SubmitOrder, as the core decodes it."""

    FromString = staticmethod(partial(SubmitRequest.from_wire, single=True))


class OrdersRequest:
    """The request of SubmitOrders."""

    FromString = staticmethod(SubmitRequest.from_wire)


class ModifyRequest:
    """The request of ModifyOrders, whose changes the core decodes."""

    DESCRIPTOR = ModifyOrdersRequest.DESCRIPTOR

    def __init__(self, request_id: str, changes: execution_wire.ModifyRequest) -> None:
        self.request_id = request_id
        self.changes = changes

    @classmethod
    def FromString(cls, request: bytes) -> ModifyRequest:  # noqa: N802
        """Raises InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED."""
        _, _, request_id = read_head(request, True)
        return cls(request_id, execution_wire.ModifyRequest.from_wire(request))


class OrderGroupRequest:
    """The request of SubmitOrderGroup."""

    FromString = staticmethod(SubmitRequest.group_from_wire)


class RegisterRequest:
    """The request of RegisterInstruments, with its instruments as the core's objects."""

    DESCRIPTOR = RegisterInstrumentsRequest.DESCRIPTOR

    def __init__(self, request_id: str, instruments: list[Instrument]) -> None:
        self.request_id = request_id
        self.instruments = instruments

    @classmethod
    def FromString(cls, request: bytes) -> RegisterRequest:  # noqa: N802
        """Raises InvalidArgument for a malformed instrument.

        The rules of time zones are the request's own: those of this machine may be others when it is replayed.
        """
        message = RegisterInstrumentsRequest.FromString(request)
        # Parsed once for consecutive instruments that have it. Only the last one is kept: it may have many sessions.
        calendar = lru_cache(1)(TradingCalendar)
        instruments = []
        for each in message.instruments:
            terms = {"instrument_id": "", "time_zone": "", **given(each)}
            if terms.get("calendar"):
                terms["calendar"] = calendar(terms["calendar"])
            instruments.append(Instrument(**terms))
        return cls(message.request_id, instruments)


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
    """The filter of a subscription to events; None for all."""
    if not message.HasField("strategy_id"):
        return None
    return Filter(message.strategy_id, groups=frozenset((message.strategy_id,)))


def side_or_none(number: int) -> OrderSide | None:
    """Returns the side; None if it is not given. Raises InvalidArgument (ENUM_UNKNOWN)."""
    if number == 0:
        return None
    try:
        return OrderSide(number)
    except ValueError:
        raise InvalidArgument(f"unknown side {number}", reason="ENUM_UNKNOWN") from None
