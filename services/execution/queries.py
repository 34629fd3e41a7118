"""What can be asked of an execution engine: decode, ask the core, encode."""

from __future__ import annotations

from alphaforge.execution.v1.engines_pb2 import (
    GetEngineStatusRequest,
    GetEngineStatusResponse,
    GetStatisticsRequest,
    GetStatisticsResponse,
    ValidateEngineRequest,
    ValidateEngineResponse,
)
from alphaforge.execution.v1.events_pb2 import ListOrderEventsRequest, ListOrderEventsResponse
from alphaforge.execution.v1.market_data_pb2 import (
    GetProducerStateRequest,
    GetProducerStateResponse,
)
from alphaforge.execution.v1.orders_pb2 import (
    GetOrderRequest,
    GetOrderResponse,
    ListFillsRequest,
    ListFillsResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    ListPositionsRequest,
    ListPositionsResponse,
)
from alphaforge.execution.v1.statistics_pb2 import ExecutionStatistics
from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import OrderStatus

from services.common.messages import fill, with_message, with_messages
from services.common.pages import limit_of, page
from services.execution.engine import NamedExecutionEngine
from services.execution.wire import without_fills


def get_order(engine: NamedExecutionEngine, message: GetOrderRequest) -> bytes:
    """One order as it stands now."""
    order = engine.core.get_order(message.order_id)
    if order is None:
        return b""
    return with_message(GetOrderResponse(), GetOrderResponse.ORDER_FIELD_NUMBER, order.to_wire())


def list_orders(engine: NamedExecutionEngine, message: ListOrdersRequest) -> bytes:
    """A page of orders."""
    limit = limit_of(message.limit)
    orders = engine.core.get_orders(
        message.strategy_id if message.HasField("strategy_id") else None,
        [_status(status) for status in message.statuses] or None,
        symbol=message.instrument_id if message.HasField("instrument_id") else None,
        limit=limit + 1,
        after=message.page_token or None,
    )
    token = orders[limit - 1].order_id if len(orders) > limit else ""
    encoded = (order.to_wire() for order in orders[:limit])
    if not message.with_fills:
        encoded = (without_fills(order) for order in encoded)
    head = ListOrdersResponse(next_page_token=token)
    return with_messages(head, ListOrdersResponse.ORDERS_FIELD_NUMBER, encoded)


def list_fills(engine: NamedExecutionEngine, message: ListFillsRequest) -> bytes:
    """A page of fills."""
    limit = limit_of(message.limit)
    fills = engine.core.get_fills(
        message.strategy_id if message.HasField("strategy_id") else None,
        order_id=message.order_id if message.HasField("order_id") else None,
        symbol=message.instrument_id if message.HasField("instrument_id") else None,
        limit=limit + 1,
        after=message.page_token or None,
    )
    token = fills[limit - 1].fill_id if len(fills) > limit else ""
    head = ListFillsResponse(next_page_token=token)
    return with_messages(head, ListFillsResponse.FILLS_FIELD_NUMBER, (fill.to_wire() for fill in fills[:limit]))


def list_positions(engine: NamedExecutionEngine, message: ListPositionsRequest) -> bytes:
    """A page of positions."""
    positions = engine.core.get_positions(
        message.strategy_id if message.HasField("strategy_id") else None,
        symbol=message.instrument_id if message.HasField("instrument_id") else None,
    )
    found, token = page(positions, message.limit, message.page_token)
    head = ListPositionsResponse(next_page_token=token)
    encoded = (position.to_wire() for position in found)
    return with_messages(head, ListPositionsResponse.POSITIONS_FIELD_NUMBER, encoded)


def list_order_events(engine: NamedExecutionEngine, message: ListOrderEventsRequest) -> bytes:
    """A page of events that are kept."""
    limit = limit_of(message.limit)
    first = engine.core.first_event_sequence
    start = max(message.from_sequence, first)
    strategy_id = message.strategy_id if message.HasField("strategy_id") else None
    events = engine.core.events(start, limit + 1, strategy_id=strategy_id)
    response = ListOrderEventsResponse(next_sequence=events[limit].sequence if len(events) > limit else 0)
    if 0 < message.from_sequence < first:
        gap = Gap(
            first_sequence=message.from_sequence,
            last_sequence=first - 1,
            reason=GapReason.GAP_REASON_NOT_RETAINED,
        )
        response.gap.CopyFrom(gap)
    encoded = (event.to_wire() for event in events[:limit])
    return with_messages(response, ListOrderEventsResponse.EVENTS_FIELD_NUMBER, encoded)


def producer_state(engine: NamedExecutionEngine, message: GetProducerStateRequest) -> bytes:
    """How far a producer has got."""
    last = engine.producers.last_sequence(message.producer_id)
    return GetProducerStateResponse(last_sequence=last, epoch=engine.epoch).SerializeToString()


def statistics(engine: NamedExecutionEngine, message: GetStatisticsRequest) -> bytes:
    """The engine's counters."""
    statistics = fill(ExecutionStatistics(), engine.core.statistics().as_dict())
    return GetStatisticsResponse(statistics=statistics).SerializeToString()


def status(engine: NamedExecutionEngine, message: GetEngineStatusRequest) -> bytes:
    """Halt and market data link."""
    return GetEngineStatusResponse(
        halted=engine.core.is_halted,
        event_sequence=engine.core.last_event_sequence,
        market_data_state=engine.market_data.state,
        market_data_epoch=engine.market_data.epoch,
        market_data_sequence=engine.market_data.sequence,
        market_data_missed=engine.market_data.missed,
    ).SerializeToString()


def validate(engine: NamedExecutionEngine, message: ValidateEngineRequest) -> bytes:
    """Whether the engine's invariants hold."""
    violations = engine.core.validate()
    return ValidateEngineResponse(state_hash=engine.core.state_hash(), violations=violations).SerializeToString()


def _status(number: int) -> OrderStatus:
    try:
        return OrderStatus(number)
    except ValueError:
        raise InvalidArgument(f"{number} is no order status", reason="ENUM_UNKNOWN") from None
