"""Messages of the execution service: what the engine's methods say and hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from alphaforge.execution.v1 import engines_pb2, events_pb2, market_data_pb2, order_pb2, orders_pb2, sessions_pb2
from alphaforge.type.v1 import error_pb2
from alphaforge_core.execution import (
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    Order,
    OrderEvent,
    OrderStatus,
    Position,
    TickResult,
    encode_submit_orders,
)
from alphaforge_core.model import Price, Quantity

from alphaforge_client._chunk import Chunk
from alphaforge_client._gap import gap_of
from alphaforge_client._pages import PAGE_ITEMS_MAX, Pages
from alphaforge_client._request_id import new_request_id
from alphaforge_client._settings import fill_settings
from alphaforge_client._summary import EngineSummary, summary_of
from alphaforge_client._ticks import checked_nanos, reason_name
from alphaforge_client.errors import BatchError, InvalidArgument, UnsupportedValue

SERVICE = "alphaforge.execution.v1.ExecutionService"

# More orders travel in pieces, each of which the service journals at once.
PIECE_ORDERS_MAX = 8_192


def open_request(name: str, config: ExecutionEngineConfig | None, reconfigure: bool) -> bytes:
    request = engines_pb2.OpenEngineRequest(engine=name, reconfigure=reconfigure)
    request.settings.SetInParent()
    fill_settings(request.settings, {} if config is None else config.given())
    return request.SerializeToString()


def open_epoch(answer: bytes) -> int:
    return engines_pb2.OpenEngineResponse.FromString(answer).epoch


def summaries(answer: bytes) -> list[EngineSummary]:
    return [summary_of(one.engine, one) for one in engines_pb2.ListEnginesResponse.FromString(answer).engines]


def header(name: str, epoch: int | None) -> bytes:
    """The first two fields of every request of the service."""
    return engines_pb2.GetStatisticsRequest(engine=name, epoch=epoch).SerializeToString()


def new_order(order: Order) -> bytes:
    return encode_submit_orders((checked_order(order),))


def new_orders(orders: Iterable[Order]) -> Iterator[bytes]:
    """The orders as requests of at most PIECE_ORDERS_MAX; all are made before the first is sent."""
    given = [checked_order(order) for order in orders]
    pieces = [given[start : start + PIECE_ORDERS_MAX] for start in range(0, len(given), PIECE_ORDERS_MAX)]
    return map(encode_submit_orders, pieces)


def checked_order(order: Order) -> Order:
    """The order, if it is one. Raises UnsupportedValue (a TypeError)."""
    if not isinstance(order, Order):
        raise UnsupportedValue(f"order must be an Order, not {type(order).__name__}", reason="TYPE_UNSUPPORTED")
    return order


def submitted_id(answer: bytes) -> str:
    return orders_pb2.SubmitOrderResponse.FromString(answer).order_id


def submit_results(answer: bytes) -> list[str | InvalidArgument]:
    """Per order its id, or the error that its single call would have raised."""
    return [
        result.order_id
        if result.error_reason == error_pb2.ERROR_REASON_UNSPECIFIED
        else InvalidArgument(result.error_message, reason=reason_name(result.error_reason))
        for result in orders_pb2.SubmitOrdersResponse.FromString(answer).results
    ]


def id_or_error(result: str | InvalidArgument) -> str:
    """The id of one order of a batch. Raises the error that its single call would have raised."""
    if isinstance(result, InvalidArgument):
        raise result
    return result


def order_ids(results: list[str | InvalidArgument]) -> list[str]:
    """The ids. Raises BatchError if any order has none."""
    errors = [(index, result) for index, result in enumerate(results) if isinstance(result, InvalidArgument)]
    if errors:
        index, first = errors[0]
        raise BatchError(
            f"{len(errors)} of {len(results)} orders are malformed, the first at index {index}: {first}; "
            "the others were submitted",
            results=list(results),
        )
    return [result for result in results if isinstance(result, str)]


def modify_order(
    order_id: str,
    quantity: Quantity | int | str | float | Decimal | None,
    price: Price | int | str | float | Decimal | None,
    stop_price: Price | int | str | float | Decimal | None,
) -> bytes:
    return orders_pb2.ModifyOrderRequest(
        request_id=new_request_id(),
        order_id=order_id,
        quantity=None if quantity is None else str(Quantity(quantity)),
        price=None if price is None else str(Price(price)),
        stop_price=None if stop_price is None else str(Price(stop_price)),
    ).SerializeToString()


def order_or_none(answer: bytes) -> Order | None:
    response = orders_pb2.GetOrderResponse.FromString(answer)
    return Order.from_wire(response.order.SerializeToString()) if response.HasField("order") else None


def order_pages(
    strategy_id: str | None,
    status: OrderStatus | Iterable[OrderStatus] | None,
    symbol: str | None,
    limit: int | None,
    after: str | None,
) -> Pages[Order]:
    def orders(answer: bytes) -> tuple[Iterable[Order], str]:
        page = orders_pb2.ListOrdersResponse.FromString(answer)
        return (Order.from_wire(order.SerializeToString()) for order in page.orders), page.next_page_token

    statuses = () if status is None else (status,) if isinstance(status, OrderStatus) else tuple(status)
    request = orders_pb2.ListOrdersRequest(
        strategy_id=strategy_id,
        statuses=[order_pb2.OrderStatus.ValueType(one.value) for one in statuses],
        instrument_id=symbol,
        with_fills=True,
    )
    return Pages(request, orders, limit, after)


def fill_pages(
    strategy_id: str | None, order_id: str | None, symbol: str | None, limit: int | None, after: str | None
) -> Pages[Fill]:
    def fills(answer: bytes) -> tuple[Iterable[Fill], str]:
        page = orders_pb2.ListFillsResponse.FromString(answer)
        return (Fill.from_wire(fill.SerializeToString()) for fill in page.fills), page.next_page_token

    request = orders_pb2.ListFillsRequest(strategy_id=strategy_id, order_id=order_id, instrument_id=symbol)
    return Pages(request, fills, limit, after)


def position_pages(strategy_id: str | None, symbol: str | None) -> Pages[Position]:
    def positions(answer: bytes) -> tuple[Iterable[Position], str]:
        page = orders_pb2.ListPositionsResponse.FromString(answer)
        return (Position.from_wire(position.SerializeToString()) for position in page.positions), page.next_page_token

    return Pages(orders_pb2.ListPositionsRequest(strategy_id=strategy_id, instrument_id=symbol), positions)


class EventPages:
    """Asks for events until all that there are now, or `limit`, are there."""

    def __init__(self, from_sequence: int, limit: int | None, strategy_id: str | None) -> None:
        self.found: list[OrderEvent] = []
        self._limit = limit
        self._is_done = limit == 0
        self._request = events_pb2.ListOrderEventsRequest(from_sequence=from_sequence, strategy_id=strategy_id)

    def next_page(self) -> bytes | None:
        """The request for the next page; None when there is none left."""
        if self._is_done:
            return None
        if self._limit is not None:
            self._request.limit = min(self._limit - len(self.found), PAGE_ITEMS_MAX)
        return self._request.SerializeToString()

    def add(self, answer: bytes) -> None:
        """Takes a page in."""
        page = events_pb2.ListOrderEventsResponse.FromString(answer)
        self.found.extend(map(_event, page.events))
        self._request.from_sequence = page.next_sequence
        self._is_done = not page.next_sequence or len(self.found) == self._limit


def collect(result: TickResult, answer: bytes, start: int) -> None:
    """Adds the answer to the piece that began at `start`."""
    message = market_data_pb2.ProcessTradeTicksResponse.FromString(answer)
    result.rejected.extend((start + item.index, reason_name(item.reason)) for item in message.rejected)
    result.duplicates.extend(start + index for index in message.duplicate_indexes)


def open_session(strategy_id: str, grace_seconds: float) -> bytes:
    """A strategy's session. Raises InvalidArgument (a ValueError, NUMBER_OUT_OF_RANGE)."""
    if not 1.0 <= grace_seconds <= 3600.0:
        raise InvalidArgument(f"grace is 1 to 3,600 seconds, not {grace_seconds}", reason="NUMBER_OUT_OF_RANGE")
    request = sessions_pb2.OpenSessionRequest(
        strategy_id=strategy_id, grace_ns=round(grace_seconds * 1e9), request_id=new_request_id()
    )
    return request.SerializeToString()


def session_id(answer: bytes) -> str:
    """What the session's further calls name."""
    return sessions_pb2.OpenSessionResponse.FromString(answer).session_id


def advance_time(now_ns: int) -> bytes:
    return market_data_pb2.AdvanceTimeRequest(now_ns=checked_nanos(now_ns)).SerializeToString()


def statistics(answer: bytes) -> ExecutionStatistics:
    message = engines_pb2.GetStatisticsResponse.FromString(answer).statistics
    values = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    # Sums travel as decimals; the documented attributes are int or float.
    counters = {name: float(value) if isinstance(value, str) else value for name, value in values.items()}
    return ExecutionStatistics(**counters)


class EventsRequest:
    """Makes the request of a subscription to order events, anew for each connection."""

    def __init__(self, strategy_id: str | None) -> None:
        self._request = events_pb2.SubscribeOrderEventsRequest(strategy_id=strategy_id)

    def __call__(self, from_sequence: int | None) -> bytes:
        if from_sequence is not None:
            self._request.from_sequence = from_sequence
        return self._request.SerializeToString()


def events_chunk(message: bytes) -> Chunk[OrderEvent]:
    response = events_pb2.SubscribeOrderEventsResponse.FromString(message)
    gap = gap_of(response.gap, response.epoch) if response.HasField("gap") else None
    events = list(map(_event, response.events))
    sequences = [event.sequence for event in events]
    return Chunk(response.epoch, response.sequence, response.previous_sequence, events, gap, sequences=sequences)


def _event(message: events_pb2.OrderEvent) -> OrderEvent:
    return OrderEvent.from_wire(message.SerializeToString())
