"""Queries and subscriptions of an execution engine: query the core and encode the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import accumulate

from alphaforge.execution.v1.accounts_pb2 import ListAccountsRequest, ListAccountsResponse
from alphaforge.execution.v1.engines_pb2 import (
    GetEngineStatusRequest,
    GetEngineStatusResponse,
    GetStatisticsRequest,
    GetStatisticsResponse,
    ValidateEngineRequest,
    ValidateEngineResponse,
)
from alphaforge.execution.v1.events_pb2 import (
    ListOrderEventsRequest,
    ListOrderEventsResponse,
    SubscribeOrderEventsRequest,
)
from alphaforge.execution.v1.instruments_pb2 import Instrument, ListInstrumentsRequest, ListInstrumentsResponse
from alphaforge.execution.v1.market_data_pb2 import (
    GetProducerStateRequest,
    GetProducerStateResponse,
)
from alphaforge.execution.v1.orders_pb2 import (
    GetOrderRequest,
    GetOrderResponse,
    ListFillsRequest,
    ListOrdersRequest,
    ListPositionsRequest,
)
from alphaforge.execution.v1.statistics_pb2 import ExecutionStatistics
from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import OrderStatus

from services.base.messages import fill, with_message, with_messages
from services.base.pages import limit_of
from services.execution.engine import NamedExecutionEngine
from services.execution.wire import event_filter

# The core's sequences have 63 bits.
_SEQUENCE_MAX = 2**63 - 1
# The time zones and calendars of a page of instruments have at most as many bytes, unless it is a page of one.
_RULES_BYTES_MAX = 16 * 2**20


def get_order(engine: NamedExecutionEngine, message: GetOrderRequest) -> bytes:
    """The current state of one order."""
    order = engine.core.get_order(message.order_id)
    if order is None:
        return b""
    return with_message(GetOrderResponse(), GetOrderResponse.ORDER_FIELD_NUMBER, order.to_wire())


def list_orders(engine: NamedExecutionEngine, message: ListOrdersRequest) -> bytes:
    """A page of orders."""
    return engine.core.list_orders_wire(
        message.strategy_id if message.HasField("strategy_id") else None,
        [_status(status) for status in message.statuses] or None,
        message.instrument_id if message.HasField("instrument_id") else None,
        limit_of(message.limit),
        message.page_token or None,
        message.with_fills,
        message.newest,
    )


def list_fills(engine: NamedExecutionEngine, message: ListFillsRequest) -> bytes:
    """A page of fills."""
    return engine.core.list_fills_wire(
        message.strategy_id if message.HasField("strategy_id") else None,
        message.order_id if message.HasField("order_id") else None,
        message.instrument_id if message.HasField("instrument_id") else None,
        limit_of(message.limit),
        message.page_token or None,
        message.newest,
    )


def list_positions(engine: NamedExecutionEngine, message: ListPositionsRequest) -> bytes:
    """A page of positions."""
    return engine.core.list_positions_wire(
        message.strategy_id if message.HasField("strategy_id") else None,
        message.instrument_id if message.HasField("instrument_id") else None,
        limit_of(message.limit),
        message.page_token or None,
    )


def list_instruments(engine: NamedExecutionEngine, message: ListInstrumentsRequest) -> bytes:
    """A page of registered instruments."""
    limit = limit_of(message.limit)
    symbol = message.instrument_id if message.HasField("instrument_id") else None
    found = engine.core.get_instruments(symbol=symbol, limit=limit + 1, after=message.page_token or None)
    sizes = accumulate(len(each.time_zone) + len(each.calendar) for each in found)
    page = found[: max(1, min(limit, sum(size <= _RULES_BYTES_MAX for size in sizes)))]
    return ListInstrumentsResponse(
        instruments=[fill(Instrument(), each.as_dict()) for each in page],
        next_page_token=page[-1].instrument_id if len(found) > len(page) else "",
    ).SerializeToString()


def list_accounts(engine: NamedExecutionEngine, message: ListAccountsRequest) -> bytes:
    """A page of accounts."""
    limit = limit_of(message.limit)
    strategy_id = message.strategy_id if message.HasField("strategy_id") else None
    found = engine.core.get_accounts(strategy_id, limit=limit + 1, after=message.page_token or None)
    token = found[limit - 1].strategy_id if len(found) > limit else ""
    encoded = (each.to_wire() for each in found[:limit])
    return with_messages(
        ListAccountsResponse(next_page_token=token), ListAccountsResponse.ACCOUNTS_FIELD_NUMBER, encoded
    )


def list_order_events(engine: NamedExecutionEngine, message: ListOrderEventsRequest) -> bytes:
    """Returns a page of the stored events."""
    first = engine.core.first_event_sequence
    start = min(max(message.from_sequence, first), _SEQUENCE_MAX)
    strategy_id = message.strategy_id if message.HasField("strategy_id") else None
    events = engine.core.list_events_wire(start, limit_of(message.limit), strategy_id)
    if not 0 < message.from_sequence < first:
        return events
    gap = Gap(
        first_sequence=message.from_sequence,
        last_sequence=first - 1,
        reason=GapReason.GAP_REASON_NOT_RETAINED,
    )
    return ListOrderEventsResponse(gap=gap).SerializeToString() + events


def subscribe_order_events(engine: NamedExecutionEngine, message: SubscribeOrderEventsRequest) -> AsyncGenerator[bytes]:
    """Streams events."""
    from_sequence = message.from_sequence if message.HasField("from_sequence") else None
    return engine.events.subscribe(from_sequence, event_filter(message))


def producer_state(engine: NamedExecutionEngine, message: GetProducerStateRequest) -> bytes:
    """The last sequence of a producer."""
    last = engine.producers.last_sequence(message.producer_id)
    return GetProducerStateResponse(last_sequence=last, epoch=engine.epoch).SerializeToString()


def statistics(engine: NamedExecutionEngine, message: GetStatisticsRequest) -> bytes:
    """The engine's counters."""
    statistics = fill(ExecutionStatistics(), engine.core.statistics().as_dict())
    return GetStatisticsResponse(statistics=statistics).SerializeToString()


def status(engine: NamedExecutionEngine, message: GetEngineStatusRequest) -> bytes:
    """Returns whether the engine is halted, and the state of its market data link."""
    return GetEngineStatusResponse(
        halted=engine.core.is_halted,
        event_sequence=engine.core.last_event_sequence,
        market_data_state=engine.market_data.state,
        market_data_epoch=engine.market_data.epoch,
        market_data_sequence=engine.market_data.sequence,
        market_data_missed=engine.market_data.missed,
    ).SerializeToString()


async def validate(engine: NamedExecutionEngine, message: ValidateEngineRequest) -> bytes:
    """Checks the engine's invariants and hashes its state, while other calls continue."""
    async with engine.walking:
        found = await asyncio.to_thread(engine.core.check)
    assert found is not None
    state_hash, violations = found
    return ValidateEngineResponse(state_hash=state_hash, violations=violations).SerializeToString()


def _status(number: int) -> OrderStatus:
    try:
        return OrderStatus(number)
    except ValueError:
        raise InvalidArgument(f"{number} is not an order status", reason="ENUM_UNKNOWN") from None
