# Generated from aio/execution.py by `make gen`; edit that file.
"""The execution client: orders on a simulated venue, their fills, positions and events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from heapq import merge
from typing import Any, TypeVar

from alphaforge.execution.v1 import accounts_pb2, engines_pb2, order_pb2, orders_pb2
from alphaforge_core._tables import TickTable
from alphaforge_core.data_wire import encode_tick_request
from alphaforge_core.execution import (
    Account,
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    Instrument,
    LiquiditySide,
    Order,
    OrderChange,
    OrderEvent,
    OrderEventType,
    OrderGroup,
    OrderGroupType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TickResult,
    TimeInForce,
    TrailingOffsetType,
    events_to_arrow,
    events_to_pandas,
    events_to_polars,
    fills_to_arrow,
    fills_to_pandas,
    fills_to_polars,
    orders_to_arrow,
    orders_to_pandas,
    orders_to_polars,
    positions_to_arrow,
    positions_to_pandas,
    positions_to_polars,
    read_instruments,
)
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch

from alphaforge_client._calls.coalescer import Coalescer
from alphaforge_client._calls.connection import Connection
from alphaforge_client._calls.producer import Producer
from alphaforge_client._calls.strategy_session import StrategySession
from alphaforge_client._calls.subscription import Subscription
from alphaforge_client._grpc.placement import Placement
from alphaforge_client._grpc.transport import outcomes, together
from alphaforge_client._parts.engine import RemoteEngine
from alphaforge_client._parts.merge import execution_statistics, merged_hash, merged_ticks
from alphaforge_client._parts.orders import Submitted, merged_changes, merged_flags, merged_orders, split_orders
from alphaforge_client._parts.parts import Parts, producers_of, read_pages
from alphaforge_client._parts.place import begin_of
from alphaforge_client._parts.session import StrategySessions
from alphaforge_client._parts.subscription import subscription
from alphaforge_client._parts.ticks import split_ticks
from alphaforge_client._wire import execution as messages
from alphaforge_client._wire.answer import parsed
from alphaforge_client._wire.gap import Gap
from alphaforge_client._wire.request_id import with_id
from alphaforge_client._wire.summary import EngineSummary
from alphaforge_client._wire.ticks import (
    CHUNK_TICKS_MAX,
    TickColumns,
    batch_of,
    checked_tick,
    chunks,
    many_ticks,
)
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import AlphaForgeError, InvalidArgument

__all__ = [
    "Account",
    "EngineSummary",
    "ExecutionEngine",
    "ExecutionEngineConfig",
    "ExecutionStatistics",
    "Fill",
    "Gap",
    "Instrument",
    "LiquiditySide",
    "Order",
    "OrderChange",
    "OrderEvent",
    "OrderEventType",
    "OrderGroup",
    "OrderGroupType",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "Position",
    "StrategySession",
    "Subscription",
    "TickResult",
    "TimeInForce",
    "TrailingOffsetType",
    "events_to_arrow",
    "events_to_pandas",
    "events_to_polars",
    "fills_to_arrow",
    "fills_to_pandas",
    "fills_to_polars",
    "orders_to_arrow",
    "orders_to_pandas",
    "orders_to_polars",
    "positions_to_arrow",
    "positions_to_pandas",
    "positions_to_polars",
    "read_instruments",
]

T = TypeVar("T")

# Heartbeats come at least every 5 s.
_SILENCE_SECONDS_MAX = 15.0


class ExecutionEngine(RemoteEngine):
    """Orders on a service's simulated venue, which fills them only against trades.

    Creating it sends nothing: the first call connects and opens the engine, with the settings set in `config` and
    defaults for the rest. If the engine exists, only those settings are compared; a difference raises EngineError (a
    RuntimeError, SETTINGS_DIFFER), unless `reconfigure` is set.

    name: name of the engine on the service, "default" if None; all clients that use the name share it.
    target: address of the service, "host:port" or "unix:path"; else the environment variable
        ALPHAFORGE_EXECUTION_TARGET, else "localhost:50053".
    targets: addresses of several services, each as "host:port" or "name=host:port"; the name of the engine decides
        which of them has it (rule 5.8). Else the environment variable ALPHAFORGE_EXECUTION_TARGETS, comma-separated.
    partitions: number of partitions of the engine, each with a part of its symbols; fixed when the engine is created.
        Use the number of the data engine of that name, whose trades they follow. Limits over all symbols are refused
        (rule 5.9).
    timeout: timeout of each call in seconds, retries included; can be set per call.
    coalesce: concurrent calls of one kind, from several tasks or threads, share a request. A lone call, and one with
        its own timeout, is always sent immediately.
    producer_id: id of this sender of ticks, 1 to 64 bytes, so that a new process continues where the last one stopped;
        used by one client at a time. Random if None.
    read_from: with several candidates as the target, which of them answer queries and subscriptions: the "primary", or
        "any". A follower's answers are somewhat old (`lag_seconds`), and may lack this client's last calls.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError). After any of them an order can safely be submitted again: its id ensures that it is placed once. May
    be used by many tasks or threads at once.

    >>> order = Order.limit("BTCUSD", OrderSide.Buy, 0.1, 45000, TimeInForce.GoodTillCancel, "my_strategy")
    >>> with ExecutionEngine(name="paper") as engine:
    ...     order_id = engine.submit_order(order)
    ...     (engine.get_order(order_id)).status
    OrderStatus.Submitted
    """

    def __init__(
        self,
        config: ExecutionEngineConfig | None = None,
        *,
        name: str | None = None,
        target: str | None = None,
        targets: Sequence[str] | None = None,
        partitions: int = 1,
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        producer_id: str | None = None,
        credentials: Credentials | None = None,
        read_from: str = "primary",
    ) -> None:
        placement = Placement.of("execution", target, targets, credentials, read_from)
        opening = partial(messages.opening, config=config, reconfigure=reconfigure)
        super().__init__(name, Parts(placement, name, opening, partitions, timeout))
        self._producers = producers_of(self._parts, producer_id)
        self._orders = [
            Coalescer(partial(_submit_one, each), partial(_submit_together, each), timeout, messages.CHUNK_ORDERS_MAX)
            for each in self._parts.connections
        ]
        self._ticks = [
            Coalescer(partial(_process_one, each), partial(_process_together, each), timeout, CHUNK_TICKS_MAX)
            for each in self._producers
        ]
        self._coalesces = coalesce
        # For engines with partitions: the partition of each order.
        self._submitted = Submitted()

    def submit_order(self, order: Order, *, timeout: float | None = None) -> str:
        """Places the order and returns its id. Submitting it again changes nothing and returns the id.

        An order refused by a rule is Rejected, with a reject_reason, without an error. Raises InvalidArgument (a
        ValueError) for a malformed order, and with reason ORDER_CONFLICT for an id that was submitted with other
        fields.
        """
        request = messages.new_order(order)
        part = self._parts.index_of(order.symbol)
        if self._parts.count > 1:
            self._submitted.note(order.order_id, part)
        if timeout is None and self._coalesces:
            return messages.id_or_error(self._orders[part].call(request))
        return messages.submitted_id(self._parts.connections[part].call("SubmitOrder", request, timeout))

    def submit_orders(self, orders: Iterable[Order], *, timeout: float | None = None) -> list[str]:
        """Places the orders in turn and returns their ids; a large batch is sent in chunks, each within `timeout`.

        If an order is malformed, places the others and raises BatchError (a ValueError) with `.results`. It does the
        same if some partitions fail: the results of their orders are that error, and these orders can be submitted
        again.
        """
        if self._parts.count == 1:
            return messages.order_ids(_submit_many(self._connection, list(orders), timeout))
        shares = split_orders(orders, self._parts.count)
        for share in shares:
            self._submitted.note_all(share)
        results = outcomes(
            [partial(_submit_many, self._parts.connections[share.part], share.orders, timeout) for share in shares]
        )
        return messages.order_ids(merged_orders(shares, results))

    def submit_order_group(self, group: OrderGroup, *, timeout: float | None = None) -> list[str]:
        """Places all orders of the group, or none, and returns their ids; submitting it again changes nothing.

        If a rule refuses one of them, all are Rejected, without an error. Raises InvalidArgument (a ValueError) with
        reason ORDER_CONFLICT if an id was submitted with other fields or in another group.

        >>> group = Order.bracket("BTCUSD", OrderSide.Buy, 1, "my_strategy", take_profit=47000, stop_loss=44000)
        >>> engine.submit_order_group(group) == group.order_ids
        True
        """
        request = messages.new_group(group)
        part = self._parts.index_of(group.orders[0].symbol)
        if self._parts.count > 1:
            for order_id in group.order_ids:
                self._submitted.note(order_id, part)
        answer = self._parts.connections[part].call("SubmitOrderGroup", request, timeout)
        return messages.group_ids(answer, len(group.orders))

    def cancel_order(self, order_id: str, *, timeout: float | None = None) -> bool:
        """Cancels an order; True if it was active or asleep and is now Cancelled, False if it is unknown or final."""
        request = with_id(orders_pb2.CancelOrderRequest, order_id=order_id)
        answers = self._ask("CancelOrder", order_id, request, timeout)
        return any(parsed(orders_pb2.CancelOrderResponse, answer).cancelled for answer in answers)

    def cancel_orders(self, order_ids: Iterable[str], *, timeout: float | None = None) -> list[bool]:
        """Cancels the orders in turn. Returns the result of `cancel_order` for each, in the same order.

        A large batch is sent in chunks, each within `timeout`; if a chunk fails, the orders of earlier chunks have been
        cancelled.
        """
        ids = messages.checked_ids(order_ids)
        shares = self._submitted.shares(ids, self._parts.count)
        calls = [partial(_cancel_many, self._parts.connections[share.part], share.items, timeout) for share in shares]
        return merged_flags(len(ids), shares, together(calls))

    def cancel_all_orders(
        self,
        strategy_id: str | None = None,
        *,
        symbol: str | None = None,
        side: OrderSide | None = None,
        timeout: float | None = None,
    ) -> int:
        """Cancels the active and sleeping orders of one strategy (None: of all), of one symbol and on one side if
        given, by priority. Returns how many."""
        if symbol is not None or side is not None:
            return self._cancel_matching(strategy_id, symbol, side, timeout)
        request = with_id(orders_pb2.CancelAllOrdersRequest, strategy_id=strategy_id)
        answers = self._parts.all("CancelAllOrders", request, timeout)
        return sum(parsed(orders_pb2.CancelAllOrdersResponse, answer).cancelled_count for answer in answers)

    def modify_order(
        self,
        order_id: str,
        *,
        quantity: Quantity | int | str | float | None = None,
        price: Price | int | str | float | None = None,
        stop_price: Price | int | str | float | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Changes an active order; `quantity` is the new total. Equal values change nothing and return True.

        A decrease keeps the priority; a new price or an increase takes a new priority, and the order arrives again.
        Returns False if the order is unknown or final, if the quantity is not above the filled quantity, for a new stop
        price after the trigger, and, except for a decrease, while halted or beyond a limit. Raises InvalidArgument (a
        ValueError) for numbers not above 0 and for a field that does not apply to the order's type.

        >>> order_id = engine.submit_order(order)
        >>> engine.modify_order(order_id, price=44900), engine.modify_order("unknown", price=44900)
        (True, False)
        """
        request = partial(messages.modify_order, order_id, quantity, price, stop_price)
        answers = self._ask("ModifyOrder", order_id, request, timeout)
        return any(parsed(orders_pb2.ModifyOrderResponse, answer).modified for answer in answers)

    def modify_orders(self, changes: Iterable[OrderChange], *, timeout: float | None = None) -> list[bool]:
        """Changes the orders in turn. Returns the result of `modify_order` for each, in the same order.

        If a change is malformed, makes the others and raises BatchError (a ValueError) with `.results`. A large batch
        is sent in chunks, each within `timeout`; if a chunk fails, the changes of earlier chunks have been made.

        >>> order_id = engine.submit_order(order)
        >>> engine.modify_orders([OrderChange(order_id, price=44900), OrderChange("unknown", price=44900)])
        [True, False]
        """
        given = messages.checked_changes(changes)
        shares = self._submitted.shares([change.order_id for change in given], self._parts.count)
        calls = [
            partial(
                _modify_many, self._parts.connections[share.part], [given[place] for place in share.places], timeout
            )
            for share in shares
        ]
        return messages.changed(merged_changes(len(given), shares, together(calls)))

    def get_order(self, order_id: str, *, timeout: float | None = None) -> Order | None:
        """The current state of the order, with its fills; None if it is unknown."""
        request = orders_pb2.GetOrderRequest(order_id=order_id).SerializeToString
        answers = self._ask("GetOrder", order_id, request, timeout)
        return next((order for answer in answers if (order := messages.order_or_none(answer)) is not None), None)

    def get_active_orders(self, strategy_id: str, *, timeout: float | None = None) -> list[Order]:
        """The strategy's open orders, in order of submission."""
        return self.get_orders(strategy_id, (OrderStatus.Submitted, OrderStatus.PartiallyFilled), timeout=timeout)

    def get_orders(
        self,
        strategy_id: str | None = None,
        status: OrderStatus | Iterable[OrderStatus] | None = None,
        *,
        symbol: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        timeout: float | None = None,
    ) -> list[Order]:
        """The orders that match all given filters, in order of submission; the newest `limit`.

        after: for pages from the first order on: "", then the last order_id of the previous page. Raises
            InvalidArgument (PAGE_TOKEN_INVALID) if it is unknown.

        With partitions, the orders of different partitions are merged by `created_at`, and `after` needs a symbol.
        """

        def read(connection: Connection) -> list[Order]:
            pages = messages.order_pages(strategy_id, status, symbol, limit, after)
            return read_pages(connection, "ListOrders", pages, timeout)

        return self._listed(read, symbol, lambda order: order.created_at, limit, after, newest=True)

    def get_fills(
        self,
        strategy_id: str | None = None,
        *,
        order_id: str | None = None,
        symbol: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        timeout: float | None = None,
    ) -> list[Fill]:
        """The fills that match all given filters, in order of execution; the newest `limit`.

        after: for pages from the first fill on: "", then the last fill_id of the previous page. Raises InvalidArgument
            (PAGE_TOKEN_INVALID) if it is unknown.

        With partitions, the fills of different partitions are merged by `ts_event`, and `after` needs a symbol.
        """

        def read(connection: Connection) -> list[Fill]:
            pages = messages.fill_pages(strategy_id, order_id, symbol, limit, after)
            return read_pages(connection, "ListFills", pages, timeout)

        return self._listed(read, symbol, lambda fill: fill.ts_event, limit, after, newest=True)

    def get_positions(
        self, strategy_id: str | None = None, *, symbol: str | None = None, timeout: float | None = None
    ) -> list[Position]:
        """Positions by strategy, then symbol, including flat ones."""

        def read(connection: Connection) -> list[Position]:
            return read_pages(connection, "ListPositions", messages.position_pages(strategy_id, symbol), timeout)

        return self._listed(read, symbol, lambda position: (position.strategy_id, position.symbol))

    def register_instruments(self, instruments: Iterable[Instrument], *, timeout: float | None = None) -> None:
        """Registers instruments, or replaces their definitions; all or none. Existing orders keep their terms.

        Raises ResourceExhausted (INSTRUMENT_LIMIT) beyond max_instruments; EngineError (a RuntimeError,
        INSTRUMENT_IN_USE) for an instrument that was traded with another multiplier, kind or currency, or has had
        orders or trades with negative_prices. If a partition fails, other partitions may have registered their
        instruments: repeat the call.

        >>> engine.register_instruments([Instrument("BTCUSD", tick_size="0.5", lot_size="0.001")])
        """
        shares: dict[int, list[Instrument]] = {}
        for each in messages.checked_instruments(instruments):
            shares.setdefault(self._parts.index_of(each.instrument_id), []).append(each)
        together(
            [
                partial(self._parts.connections[part].call, "RegisterInstruments", messages.register(share), timeout)
                for part, share in sorted(shares.items())
            ]
        )

    def get_instruments(
        self,
        *,
        symbol: str | None = None,
        limit: int | None = None,
        after: str | None = None,
        timeout: float | None = None,
    ) -> list[Instrument]:
        """The registered instruments by id, at most `limit`; `after` is the last id of the previous page."""

        def read(connection: Connection) -> list[Instrument]:
            pages = messages.instrument_pages(symbol, limit, after)
            return read_pages(connection, "ListInstruments", pages, timeout)

        return self._listed(read, symbol, lambda each: each.instrument_id, limit)

    def get_accounts(
        self,
        strategy_id: str | None = None,
        *,
        limit: int | None = None,
        after: str | None = None,
        timeout: float | None = None,
    ) -> list[Account]:
        """The accounts of the strategies that have submitted orders, by id, at most `limit`; `after` is the last id of
        the previous page.

        With partitions, a strategy has an account in each partition in which it has submitted orders.
        """

        def read(connection: Connection) -> list[Account]:
            return read_pages(connection, "ListAccounts", messages.account_pages(strategy_id, limit, after), timeout)

        return self._listed(read, None, lambda account: account.strategy_id, limit)

    def resume_strategy(self, strategy_id: str, *, timeout: float | None = None) -> bool:
        """Accepts new orders of a strategy that max_loss halted; its losses count from now on. False if it was not
        halted."""
        request = with_id(accounts_pb2.ResumeStrategyRequest, strategy_id=strategy_id)
        answers = self._parts.all("ResumeStrategy", request, timeout)
        return any(parsed(accounts_pb2.ResumeStrategyResponse, answer).resumed for answer in answers)

    def process_trade_tick(self, tick: TradeTick, *, timeout: float | None = None) -> None:
        """Applies one tick to the orders of its symbol. Refused and duplicate ticks change nothing and are counted."""
        checked_tick(tick)
        part = self._parts.index_of(tick.instrument_id)
        if timeout is None and self._coalesces:
            self._ticks[part].call(tick)
        else:
            _process_one(self._producers[part], tick, timeout)

    def process_batch(self, batch: TradeTickBatch, *, timeout: float | None = None) -> TickResult:
        """Applies the ticks of a batch in order; a large batch is sent in chunks, each within `timeout`.

        If a chunk fails, the earlier ones have been applied, and those of other partitions may have been.
        """
        if self._parts.count == 1:
            return _process_many(self._producers[0], batch, timeout)
        shares = split_ticks(batch, self._parts.count)
        calls = [partial(_process_many, self._producers[share.part], share.batch, timeout) for share in shares]
        return merged_ticks(shares, together(calls))

    def process_trade_ticks(
        self,
        ticks: Iterable[TradeTick] | TradeTickBatch | TickTable | None = None,
        *,
        instrument_id: Any = None,
        prices: Any = None,
        quantities: Any = None,
        ts_event: Any = None,
        ts_init: Any = None,
        sides: Any = None,
        trade_ids: Any = None,
        price_scale: int = 0,
        quantity_scale: int = 0,
        instrument_index: Any = None,
        timeout: float | None = None,
    ) -> TickResult:
        """Applies many ticks in order: a sequence of TradeTick, a table as
        accepted by TradeTickBatch.from_ticks(), or columns as accepted by from_columns().

        The result's `rejected` has (index, reason) of refused ticks, its `duplicates` the indices of duplicates. Raises
        ValueError if something is not a tick; then nothing is applied.
        """
        columns = TickColumns(
            instrument_id=instrument_id,
            prices=prices,
            quantities=quantities,
            ts_event=ts_event,
            ts_init=ts_init,
            sides=sides,
            trade_ids=trade_ids,
            price_scale=price_scale,
            quantity_scale=quantity_scale,
            instrument_index=instrument_index,
        )
        return self.process_batch(batch_of(ticks, columns), timeout=timeout)

    def advance_time(self, now_ns: int, *, timeout: float | None = None) -> None:
        """Advances market time of all symbols, never back. DAY and GTD orders whose time has come are cancelled.

        Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.
        """
        self._parts.all("AdvanceTime", partial(messages.advance_time, now_ns), timeout)

    def cancel_on_disconnect(
        self, strategy_id: str, *, grace: float = 30.0, timeout: float | None = None
    ) -> StrategySession:
        """Opens a session, a dead-man switch: the strategy's active orders are cancelled if this client does not renew
        it for `grace` seconds, 1 to 3,600. A second session of a strategy replaces the first.

        The session is renewed in the background until it is closed, which keeps the orders.

        >>> with engine.cancel_on_disconnect("my_strategy", grace=10.0) as session:
        ...     print(session.has_lapsed)
        False
        """
        request = partial(messages.open_session, strategy_id, grace)
        answers = self._parts.all("OpenSession", request, timeout)
        sessions = [
            StrategySession(connection, strategy_id, grace, messages.session_id(answer))
            for connection, answer in zip(self._parts.connections, answers, strict=True)
        ]
        return sessions[0] if len(sessions) == 1 else StrategySessions(sessions)

    def halt(self, *, timeout: float | None = None) -> None:
        """Rejects new orders. Open orders can still fill, be reduced and be cancelled. Survives a restart.

        Returns when every partition is halted. If the call fails, some partitions may be halted: repeat it.
        """
        self._parts.all("Halt", with_id(engines_pb2.HaltRequest), timeout)

    def resume(self, *, timeout: float | None = None) -> None:
        """Accepts new orders again, after `halt`."""
        self._parts.all("Resume", with_id(engines_pb2.ResumeRequest), timeout)

    def events(
        self,
        from_sequence: int = 0,
        limit: int | None = None,
        *,
        strategy_id: str | None = None,
        timeout: float | None = None,
    ) -> list[OrderEvent]:
        """The kept events from that sequence on, at most `limit`.

        Each partition has its own sequence. For an engine with partitions, returns all kept events, merged by
        `ts_event`.
        """
        if from_sequence > 1:
            self._parts.check_one("each partition has its own sequence; list all events, or subscribe with a token")

        def read(connection: Connection) -> list[OrderEvent]:
            pages = messages.event_pages(from_sequence, limit, strategy_id)
            return read_pages(connection, "ListOrderEvents", pages, timeout)

        return self._listed(read, None, lambda event: event.ts_event, limit)

    def subscribe_order_events(
        self,
        strategy_id: str | None = None,
        *,
        from_sequence: int | None = None,
        epoch: int | None = None,
        token: str | None = None,
    ) -> Subscription[OrderEvent]:
        """Streams every change of orders, of one strategy (None: of all).

        from_sequence: where to begin: `next_sequence` of an earlier subscription, or 1 for all events kept; None: with
            the next event.
        epoch: the `epoch` of that subscription; if the engine's epoch has changed, a Gap comes first.
        token: instead of from_sequence and epoch: the `token` of that subscription. Each partition has its own
            sequences, so for an engine with partitions give only a token, or from_sequence=1; each symbol's events are
            in order.

        >>> with engine.subscribe_order_events("my_strategy") as events:
        ...     order_id = engine.submit_order(order)
        ...     for event in events:
        ...         print("reload the orders" if isinstance(event, Gap) else event.type.name)
        ...         break
        Submitted
        """
        return subscription(
            self._parts,
            "SubscribeOrderEvents",
            lambda _names, _place: messages.EventsRequest(strategy_id),
            messages.decode_events_message,
            (),
            begin_of(self._parts.count, from_sequence, epoch, token),
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )

    def statistics(self, *, timeout: float | None = None) -> ExecutionStatistics:
        """The counters since the engine was created or reset, of all partitions together."""
        answers = self._parts.all("GetStatistics", bytes, timeout)
        return execution_statistics([messages.statistics(answer) for answer in answers])

    def validate(self, *, timeout: float | None = None) -> list[str]:
        """Checks the whole state and describes violated invariants; empty unless there is a bug."""
        answers = self._parts.all("ValidateEngine", bytes, timeout)
        return [each for answer in answers for each in parsed(engines_pb2.ValidateEngineResponse, answer).violations]

    def state_hash(self, *, timeout: float | None = None) -> int:
        """A hash of the whole state; equal histories have equal hashes."""
        answers = self._parts.all("ValidateEngine", bytes, timeout)
        return merged_hash([parsed(engines_pb2.ValidateEngineResponse, answer).state_hash for answer in answers])

    def reset(self, *, timeout: float | None = None) -> None:
        """Removes all orders, fills, positions and counters. Starts a new epoch."""
        request = with_id(engines_pb2.ResetEngineRequest)
        self._parts.each(lambda connection: _reset(connection, request(), timeout))

    def list_engines(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """Lists the engines of the service, or of all services in `targets`, with their settings, by name. Opens
        none."""
        return self._parts.summaries("ListEngines", messages.SERVICE.summaries, timeout)

    def drop(self, *, timeout: float | None = None) -> bool:
        """Drops the engine with all its state, on disk too; False if there was none."""
        answers = self._parts.drop("DropEngine", with_id(engines_pb2.DropEngineRequest), timeout)
        return any(parsed(engines_pb2.DropEngineResponse, answer).dropped for answer in answers)

    def _cancel_matching(
        self, strategy_id: str | None, symbol: str | None, side: OrderSide | None, timeout: float | None
    ) -> int:
        number = None if side is None else order_pb2.OrderSide.ValueType(side.value)
        request = with_id(
            orders_pb2.CancelMatchingOrdersRequest, strategy_id=strategy_id, instrument_id=symbol, side=number
        )
        if symbol is not None:
            answers = [self._parts.of(symbol).call("CancelMatchingOrders", request(), timeout)]
        else:
            answers = self._parts.all("CancelMatchingOrders", request, timeout)
        return sum(parsed(orders_pb2.CancelMatchingOrdersResponse, answer).cancelled_count for answer in answers)

    def _ask(self, method: str, order_id: str, request: Callable[[], bytes], timeout: float | None) -> list[bytes]:
        """The responses about an order, from the partition that this client submitted it to, else from all."""
        part = 0 if self._parts.count == 1 else self._submitted.part_of(order_id)
        if part is None:
            return self._parts.all(method, request, timeout)
        return [self._parts.connections[part].call(method, request(), timeout)]

    def _listed(
        self,
        read: Callable[[Connection], list[T]],
        symbol: str | None,
        key: Callable[[T], Any],
        limit: int | None = None,
        after: str | None = None,
        *,
        newest: bool = False,
    ) -> list[T]:
        """The first `limit` items, or the newest, of the symbol's partition, or of all partitions, merged by `key`."""
        if symbol is not None or self._parts.count == 1:
            return read(self._parts.of(symbol or ""))
        if after is not None:
            self._parts.check_one("`after` is an item of one partition; give a symbol, or omit `after`")
        found = list(merge(*self._parts.each(read), key=key))
        if limit is None:
            return found
        return found[max(0, len(found) - limit) :] if newest else found[:limit]


# Called by the coalescers, without a reference to the client, so that the client can be freed.


def _submit_one(connection: Connection, request: bytes) -> str | InvalidArgument:
    return messages.submitted_id(connection.call("SubmitOrder", request))


def _submit_together(
    connection: Connection, requests: Sequence[bytes], timeout: float
) -> Sequence[str | InvalidArgument]:
    # SubmitOrder and SubmitOrders have orders in the same field, so concatenated requests are one request.
    answer = connection.call("SubmitOrders", b"".join(requests), timeout)
    return messages.submit_results(answer, len(requests))


def _submit_many(connection: Connection, orders: Sequence[Order], timeout: float | None) -> list[str | AlphaForgeError]:
    results: list[str | AlphaForgeError] = []
    for count, chunk in messages.new_orders(orders):
        results += messages.submit_results(connection.call("SubmitOrders", chunk, timeout), count)
    return results


def _cancel_many(connection: Connection, order_ids: Sequence[str], timeout: float | None) -> list[bool]:
    results: list[bool] = []
    for count, chunk in messages.cancel_requests(order_ids):
        results += messages.cancel_results(connection.call("CancelOrders", chunk, timeout), count)
    return results


def _modify_many(
    connection: Connection, changes: Sequence[OrderChange], timeout: float | None
) -> list[bool | InvalidArgument]:
    results: list[bool | InvalidArgument] = []
    for count, chunk in messages.modify_requests(changes):
        results += messages.modify_results(connection.call("ModifyOrders", chunk, timeout), count)
    return results


def _process_many(producer: Producer, batch: TradeTickBatch, timeout: float | None) -> TickResult:
    result = TickResult()
    for start, chunk in chunks(batch):
        messages.collect(result, producer.send("ProcessTradeTicks", chunk, timeout), start)
    return result


def _reset(connection: Connection, request: bytes, timeout: float | None) -> None:
    answer = connection.call("ResetEngine", request, timeout)
    connection.adopt_epoch(parsed(engines_pb2.ResetEngineResponse, answer).epoch)


def _process_one(producer: Producer, tick: TradeTick, timeout: float | None = None) -> None:
    producer.send("ProcessTradeTick", encode_tick_request(tick), timeout)


def _process_together(producer: Producer, ticks: Sequence[TradeTick], timeout: float) -> Sequence[None]:
    producer.send("ProcessTradeTicks", many_ticks(ticks), timeout)
    return [None] * len(ticks)
