"""Requests and responses of the execution service."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from alphaforge.execution.v1 import (
    accounts_pb2,
    engines_pb2,
    events_pb2,
    instruments_pb2,
    market_data_pb2,
    order_pb2,
    orders_pb2,
    sessions_pb2,
)
from alphaforge.type.v1 import error_pb2
from alphaforge_core.execution import (
    Account,
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    Instrument,
    Order,
    OrderChange,
    OrderEvent,
    OrderGroup,
    OrderStatus,
    Position,
    TickResult,
)
from alphaforge_core.execution_wire import (
    EventsResponse,
    decode_events_page,
    decode_fills_page,
    decode_order_response,
    decode_orders_page,
    decode_positions_page,
    encode_modify_orders,
    encode_submit_order_group,
    encode_submit_orders,
)
from alphaforge_core.model import Price, Quantity

from alphaforge_client._wire.answer import malformed, parsed, reads_answer
from alphaforge_client._wire.gap import gap_of
from alphaforge_client._wire.opening import Opening, Service
from alphaforge_client._wire.pages import Pages
from alphaforge_client._wire.request_id import new_request_id
from alphaforge_client._wire.settings import fill_settings, given_options, read_settings
from alphaforge_client._wire.stream_message import StreamMessage
from alphaforge_client._wire.ticks import checked_nanos, reason_name
from alphaforge_client.errors import AlphaForgeError, BatchError, InvalidArgument, UnsupportedValue

SERVICE = Service(
    "alphaforge.execution.v1.ExecutionService",
    "engine",
    "OpenEngine",
    engines_pb2.OpenEngineResponse,
    engines_pb2.ListEnginesResponse,
    engines_pb2.GetStatisticsRequest,
)

# Settings that limit a strategy across all symbols.
_LIMITS_OVER_SYMBOLS = ("max_open_orders", "max_orders_per_second", "starting_cash", "max_loss")

# A larger batch of orders is split into chunks, each one input of the journal.
CHUNK_ORDERS_MAX = 8_192


def opening(name: str, partitions: int, *, config: ExecutionEngineConfig | None, reconfigure: bool) -> Opening:
    given = given_options(config, ExecutionEngineConfig)
    request = engines_pb2.OpenEngineRequest(engine=name, reconfigure=reconfigure)
    request.settings.SetInParent()
    if partitions > 1:
        request.settings.partitions = partitions
        for limit in _LIMITS_OVER_SYMBOLS:
            if given.get(limit) is not None:
                raise InvalidArgument(
                    f"{limit} is a limit over all symbols, which an engine with {partitions} partitions can't "
                    "enforce; use an engine without partitions",
                    reason="SETTING_INVALID",
                )
    fill_settings(request.settings, given)
    return SERVICE.opening(name, request, partitions)


def new_order(order: Order) -> bytes:
    return encode_submit_orders((checked_order(order),))


def new_orders(orders: Iterable[Order]) -> Iterator[tuple[int, bytes]]:
    """The orders as requests of at most CHUNK_ORDERS_MAX, each with its count; all are checked before the first is
    sent."""
    given = [checked_order(order) for order in orders]
    chunks = [given[start : start + CHUNK_ORDERS_MAX] for start in range(0, len(given), CHUNK_ORDERS_MAX)]
    return ((len(chunk), encode_submit_orders(chunk)) for chunk in chunks)


def checked_order(order: Order) -> Order:
    """Returns the order. Raises UnsupportedValue (a TypeError) if it isn't an Order."""
    if not isinstance(order, Order):
        raise UnsupportedValue(f"order must be an Order, not {type(order).__name__}", reason="TYPE_UNSUPPORTED")
    return order


def new_group(group: OrderGroup) -> bytes:
    """The request. Raises UnsupportedValue (a TypeError) if it isn't an OrderGroup."""
    if not isinstance(group, OrderGroup):
        raise UnsupportedValue(f"group must be an OrderGroup, not {type(group).__name__}", reason="TYPE_UNSUPPORTED")
    return encode_submit_order_group(group)


@reads_answer
def group_ids(answer: bytes, count: int) -> list[str]:
    """The ids of a group's `count` orders."""
    results = orders_pb2.SubmitOrderGroupResponse.FromString(answer).results
    if len(results) != count:
        raise malformed(f"has {len(results):,} results for a group of {count:,} orders")
    return [result.order_id for result in results]


def submitted_id(answer: bytes) -> str:
    return parsed(orders_pb2.SubmitOrderResponse, answer).order_id


@reads_answer
def submit_results(answer: bytes, count: int) -> Sequence[str | InvalidArgument]:
    """The id of each of `count` orders, or the error that submitting it alone would have raised."""
    results = orders_pb2.SubmitOrdersResponse.FromString(answer).results
    if len(results) != count:
        raise malformed(f"has {len(results):,} results for {count:,} orders")
    return [
        result.order_id
        if result.error_reason == error_pb2.ERROR_REASON_UNSPECIFIED
        else InvalidArgument(result.error_message, reason=reason_name(result.error_reason))
        for result in results
    ]


def id_or_error(result: str | InvalidArgument) -> str:
    """The id of one order of a batch. Raises the error that submitting it alone would have raised."""
    if isinstance(result, InvalidArgument):
        raise result
    return result


def order_ids(results: Sequence[str | AlphaForgeError]) -> list[str]:
    """The ids. Raises BatchError if any order has none."""
    errors = [(index, result) for index, result in enumerate(results) if isinstance(result, AlphaForgeError)]
    if errors:
        index, first = errors[0]
        are_malformed = all(isinstance(error, InvalidArgument) for _, error in errors)
        what = "are malformed" if are_malformed else "are malformed, or may not have been submitted"
        raise BatchError(
            f"{len(errors)} of {len(results)} orders {what}, the first at index {index}: {first}; "
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


def checked_ids(order_ids: Iterable[str]) -> list[str]:
    """The ids as a list. Raises UnsupportedValue (a TypeError) if one isn't a str, or for a lone str."""
    ids = [order_ids] if isinstance(order_ids, str) else list(order_ids)
    for each in ids:
        if isinstance(order_ids, str) or not isinstance(each, str):
            raise UnsupportedValue(
                f"order_ids must be an iterable of str, not {type(order_ids).__name__} of {type(each).__name__}",
                reason="TYPE_UNSUPPORTED",
            )
    return ids


def checked_changes(changes: Iterable[OrderChange]) -> list[OrderChange]:
    """The changes as a list. Raises UnsupportedValue (a TypeError) if one isn't an OrderChange."""
    given = list(changes)
    for change in given:
        if not isinstance(change, OrderChange):
            raise UnsupportedValue(
                f"modify_orders takes OrderChanges, not {type(change).__name__}", reason="TYPE_UNSUPPORTED"
            )
    return given


def cancel_requests(order_ids: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Requests of at most CHUNK_ORDERS_MAX, each with its count."""
    for start in range(0, len(order_ids), CHUNK_ORDERS_MAX):
        chunk = order_ids[start : start + CHUNK_ORDERS_MAX]
        request = orders_pb2.CancelOrdersRequest(request_id=new_request_id(), order_ids=chunk)
        yield len(chunk), request.SerializeToString()


@reads_answer
def cancel_results(answer: bytes, count: int) -> Sequence[bool]:
    """Whether each of `count` orders was cancelled."""
    results = orders_pb2.CancelOrdersResponse.FromString(answer).cancelled
    if len(results) != count:
        raise malformed(f"has {len(results):,} results for {count:,} orders")
    return results


def modify_requests(changes: Sequence[OrderChange]) -> Iterator[tuple[int, bytes]]:
    """Requests of at most CHUNK_ORDERS_MAX, each with its count."""
    for start in range(0, len(changes), CHUNK_ORDERS_MAX):
        chunk = changes[start : start + CHUNK_ORDERS_MAX]
        head = orders_pb2.ModifyOrdersRequest(request_id=new_request_id()).SerializeToString()
        yield len(chunk), head + encode_modify_orders(chunk)


@reads_answer
def modify_results(answer: bytes, count: int) -> Sequence[bool | InvalidArgument]:
    """The result of each of `count` changes, or the error that making it alone would have raised."""
    results = orders_pb2.ModifyOrdersResponse.FromString(answer).results
    if len(results) != count:
        raise malformed(f"has {len(results):,} results for {count:,} changes")
    return [
        result.modified
        if result.error_reason == error_pb2.ERROR_REASON_UNSPECIFIED
        else InvalidArgument(result.error_message, reason=reason_name(result.error_reason))
        for result in results
    ]


def changed(results: Sequence[bool | InvalidArgument]) -> list[bool]:
    """The results. Raises BatchError if a change was malformed."""
    errors = [(index, result) for index, result in enumerate(results) if isinstance(result, InvalidArgument)]
    if errors:
        index, first = errors[0]
        raise BatchError(
            f"{len(errors)} of {len(results)} changes are malformed, the first at index {index}: {first}; "
            "the others were made",
            results=list(results),
        )
    return [result for result in results if isinstance(result, bool)]


@reads_answer
def order_or_none(answer: bytes) -> Order | None:
    return decode_order_response(answer)


def checked_instruments(instruments: Iterable[Instrument]) -> list[Instrument]:
    """The instruments as a list. Raises UnsupportedValue (a TypeError) if one isn't an Instrument."""
    given = list(instruments)
    for each in given:
        if not isinstance(each, Instrument):
            raise UnsupportedValue(
                f"register_instruments takes Instruments, not {type(each).__name__}", reason="TYPE_UNSUPPORTED"
            )
    return given


def register(instruments: Sequence[Instrument]) -> bytes:
    request = instruments_pb2.RegisterInstrumentsRequest(request_id=new_request_id())
    for each in instruments:
        fill_settings(request.instruments.add(), each.as_dict())
    return request.SerializeToString()


def instrument_pages(symbol: str | None, limit: int | None, after: str | None) -> Pages[Instrument]:
    request = instruments_pb2.ListInstrumentsRequest(instrument_id=symbol, page_token=after or "")
    return Pages(request, "page_token", _instruments_page, limit=limit)


def _instruments_page(answer: bytes) -> tuple[list[Instrument], str]:
    message = instruments_pb2.ListInstrumentsResponse.FromString(answer)
    return [_instrument(each) for each in message.instruments], message.next_page_token


def _instrument(message: instruments_pb2.Instrument) -> Instrument:
    fields = read_settings(message)
    return Instrument(**{"time_zone": "", **{name: value for name, value in fields.items() if value is not None}})


def account_pages(strategy_id: str | None, limit: int | None, after: str | None) -> Pages[Account]:
    request = accounts_pb2.ListAccountsRequest(strategy_id=strategy_id, page_token=after or "")
    return Pages(request, "page_token", _accounts_page, limit=limit)


def _accounts_page(answer: bytes) -> tuple[list[Account], str]:
    message = accounts_pb2.ListAccountsResponse.FromString(answer)
    return [Account.from_wire(each.SerializeToString()) for each in message.accounts], message.next_page_token


def order_pages(
    strategy_id: str | None,
    status: OrderStatus | Iterable[OrderStatus] | None,
    symbol: str | None,
    limit: int | None,
    after: str | None,
) -> Pages[Order]:
    statuses = () if status is None else (status,) if isinstance(status, OrderStatus) else tuple(status)
    request = orders_pb2.ListOrdersRequest(
        strategy_id=strategy_id,
        statuses=[order_pb2.OrderStatus.ValueType(one.value) for one in statuses],
        instrument_id=symbol,
        with_fills=True,
        page_token=after or "",
        newest=limit is not None and after is None,
    )
    return Pages(request, "page_token", decode_orders_page, limit=limit, newest_first=request.newest)


def fill_pages(
    strategy_id: str | None, order_id: str | None, symbol: str | None, limit: int | None, after: str | None
) -> Pages[Fill]:
    request = orders_pb2.ListFillsRequest(
        strategy_id=strategy_id,
        order_id=order_id,
        instrument_id=symbol,
        page_token=after or "",
        newest=limit is not None and after is None,
    )
    return Pages(request, "page_token", decode_fills_page, limit=limit, newest_first=request.newest)


def position_pages(strategy_id: str | None, symbol: str | None) -> Pages[Position]:
    request = orders_pb2.ListPositionsRequest(strategy_id=strategy_id, instrument_id=symbol)
    return Pages(request, "page_token", decode_positions_page)


def event_pages(from_sequence: int, limit: int | None, strategy_id: str | None) -> Pages[OrderEvent]:
    request = events_pb2.ListOrderEventsRequest(from_sequence=from_sequence, strategy_id=strategy_id)
    return Pages(request, "from_sequence", decode_events_page, limit=limit, moves_on=operator.gt)


@reads_answer
def collect(result: TickResult, answer: bytes, start: int) -> None:
    """Adds the response to the chunk that began at `start`."""
    message = market_data_pb2.ProcessTradeTicksResponse.FromString(answer)
    result.rejected.extend((start + item.index, reason_name(item.reason)) for item in message.rejected)
    result.duplicates.extend(start + index for index in message.duplicate_indexes)


def open_session(strategy_id: str, grace_seconds: float) -> bytes:
    """A strategy's session. Raises InvalidArgument (a ValueError, NUMBER_OUT_OF_RANGE)."""
    if not 1.0 <= grace_seconds <= 3600.0:
        raise InvalidArgument(f"grace must be 1 to 3,600 seconds, not {grace_seconds}", reason="NUMBER_OUT_OF_RANGE")
    request = sessions_pb2.OpenSessionRequest(
        strategy_id=strategy_id, grace_ns=round(grace_seconds * 1e9), request_id=new_request_id()
    )
    return request.SerializeToString()


def session_id(answer: bytes) -> str:
    """The session id, which later calls name."""
    return parsed(sessions_pb2.OpenSessionResponse, answer).session_id


def advance_time(now_ns: int) -> bytes:
    return market_data_pb2.AdvanceTimeRequest(now_ns=checked_nanos(now_ns)).SerializeToString()


@reads_answer
def statistics(answer: bytes) -> ExecutionStatistics:
    message = engines_pb2.GetStatisticsResponse.FromString(answer).statistics
    values = {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
    # Sums are decimals on the wire; the documented attributes are int or float.
    counters = {name: float(value) if isinstance(value, str) else value for name, value in values.items()}
    return ExecutionStatistics(**counters)


class EventsRequest:
    """Creates the request of a subscription to order events, for each connection."""

    def __init__(self, strategy_id: str | None) -> None:
        self._request = events_pb2.SubscribeOrderEventsRequest(strategy_id=strategy_id)

    def __call__(self, from_sequence: int | None) -> bytes:
        if from_sequence is not None:
            self._request.from_sequence = from_sequence
        return self._request.SerializeToString()


@reads_answer
def decode_events_message(message: bytes) -> StreamMessage[OrderEvent]:
    response = EventsResponse.from_wire(message)
    events = response.events
    return StreamMessage(
        response.epoch,
        response.sequence,
        response.previous_sequence,
        events,
        gap_of(response.gap, response.epoch),
        sequences=[event.sequence for event in events],
    )
