# Generated from aio/execution.py by `make gen`; edit that file.
"""The execution engine on a service: orders on a simulated venue, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alphaforge.execution.v1 import engines_pb2, orders_pb2
from alphaforge_core.data import encode_tick_request
from alphaforge_core.execution import (
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    LiquiditySide,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TickResult,
    TimeInForce,
)
from alphaforge_core.model import Price, Quantity, TradeTick, TradeTickBatch

from alphaforge_client import _execution_messages as messages
from alphaforge_client._coalescer import Coalescer
from alphaforge_client._connection import Connection, Opening
from alphaforge_client._endpoint import Endpoint
from alphaforge_client._engine import RemoteEngine
from alphaforge_client._gap import Gap
from alphaforge_client._producer import Producer
from alphaforge_client._request_id import new_request_id
from alphaforge_client._strategy_session import StrategySession
from alphaforge_client._subscription import Subscription
from alphaforge_client._summary import EngineSummary
from alphaforge_client._ticks import (
    PIECE_TICKS_MAX,
    TickColumns,
    batch_of,
    checked_tick,
    many_ticks,
    pieces,
)
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import InvalidArgument

__all__ = [
    "EngineSummary",
    "ExecutionEngine",
    "ExecutionEngineConfig",
    "ExecutionStatistics",
    "Fill",
    "Gap",
    "LiquiditySide",
    "Order",
    "OrderEvent",
    "OrderEventType",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "Position",
    "StrategySession",
    "Subscription",
    "TickResult",
    "TimeInForce",
]

# Heartbeats come at least every 5 s.
_SILENCE_SECONDS_MAX = 15.0


class ExecutionEngine(RemoteEngine):
    """Orders on a service's simulated venue, which fills them against real trades, and never without a trade.

    Nothing is sent when it is made: the first call connects and opens the engine, with the settings that `config` was
    given and defaults for the rest. If the engine exists, only those are compared; one that differs raises EngineError
    (a RuntimeError, SETTINGS_DIFFER), unless `reconfigure` is set.

    name: of the engine on the service, "default" if None; all clients that use the name share it.
    target: address of the service, "host:port" or "unix:path"; else the environment variable
        ALPHAFORGE_EXECUTION_TARGET, else "localhost:50053".
    timeout: seconds that each call may take, repeats included; each call may be given its own.
    coalesce: calls of one kind that are made at the same time, from several tasks or threads, share a request; a lone
        call is sent at once in any case, and so is one with a timeout of its own.
    producer_id: names this sender of ticks, 1 to 64 bytes, so that a new process goes on where the last one stopped; at
        most one client may use it at a time. Random if None.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError). An order may be submitted again after any of them: its id makes sure that it is placed once. Safe to
    use from many tasks or threads at once.

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
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        producer_id: str | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        wire_name = name or ""
        opening = Opening(
            messages.SERVICE,
            "OpenEngine",
            messages.open_request(wire_name, config, reconfigure),
            messages.open_epoch,
            lambda epoch: messages.header(wire_name, epoch),
        )
        super().__init__(name, Connection(Endpoint.of("execution", target, credentials), opening, timeout))
        self._producer = Producer(self._connection, producer_id)
        self._orders = Coalescer(self._submit_one, self._submit_together, timeout, messages.PIECE_ORDERS_MAX)
        self._ticks = Coalescer(self._process_one, self._process_together, timeout, PIECE_TICKS_MAX)
        self._coalesces = coalesce

    def submit_order(self, order: Order, *, timeout: float | None = None) -> str:
        """Places the order and returns its id. Submitting it again changes nothing and returns the id.

        An order that a rule refuses is Rejected, with a reject_reason; no error. Raises InvalidArgument (a ValueError)
        for a malformed order, and with reason ORDER_CONFLICT for an id that was submitted with other fields.
        """
        request = messages.new_order(order)
        if timeout is None and self._coalesces:
            return messages.id_or_error(self._orders.call(request))
        return messages.submitted_id(self._connection.call("SubmitOrder", request, timeout))

    def submit_orders(self, orders: Iterable[Order], *, timeout: float | None = None) -> list[str]:
        """Places the orders one after the other and returns their ids; many travel in pieces, each within `timeout`.

        Raises BatchError (a ValueError), with `.results`, once all good ones are placed, if any was not.
        """
        results: list[str | InvalidArgument] = []
        for piece in messages.new_orders(orders):
            results += messages.submit_results(self._connection.call("SubmitOrders", piece, timeout))
        return messages.order_ids(results)

    def cancel_order(self, order_id: str, *, timeout: float | None = None) -> bool:
        """True exactly when the order was active and is now Cancelled; False when it is unknown or final."""
        request = orders_pb2.CancelOrderRequest(request_id=new_request_id(), order_id=order_id).SerializeToString()
        answer = self._connection.call("CancelOrder", request, timeout)
        return orders_pb2.CancelOrderResponse.FromString(answer).cancelled

    def cancel_all_orders(self, strategy_id: str | None = None, *, timeout: float | None = None) -> int:
        """Cancels the active orders of one strategy, or of all, by priority. Returns how many."""
        request = orders_pb2.CancelAllOrdersRequest(request_id=new_request_id(), strategy_id=strategy_id)
        answer = self._connection.call("CancelAllOrders", request.SerializeToString(), timeout)
        return orders_pb2.CancelAllOrdersResponse.FromString(answer).cancelled_count

    def modify_order(
        self,
        order_id: str,
        *,
        quantity: Quantity | int | str | float | None = None,
        price: Price | int | str | float | None = None,
        stop_price: Price | int | str | float | None = None,
        timeout: float | None = None,
    ) -> bool:
        """Changes an active order; `quantity` is the new total. Equal values: True, and nothing happens.

        A decrease keeps its priority; a new price or an increase takes new priority and the order arrives again. False
        when it is unknown or final, when the quantity is not above what is filled, for a new stop price once triggered,
        and, unless it only shrinks, while halted or beyond a limit. Raises InvalidArgument (a ValueError) for numbers
        not above 0 and for a field that its type lacks.

        >>> order_id = engine.submit_order(order)
        >>> engine.modify_order(order_id, price=44900), engine.modify_order("unknown", price=44900)
        (True, False)
        """
        request = messages.modify_order(order_id, quantity, price, stop_price)
        answer = self._connection.call("ModifyOrder", request, timeout)
        return orders_pb2.ModifyOrderResponse.FromString(answer).modified

    def get_order(self, order_id: str, *, timeout: float | None = None) -> Order | None:
        """The order as it stands now, with its fills; None when it is unknown."""
        request = orders_pb2.GetOrderRequest(order_id=order_id).SerializeToString()
        return messages.order_or_none(self._connection.call("GetOrder", request, timeout))

    def get_active_orders(self, strategy_id: str, *, timeout: float | None = None) -> list[Order]:
        """The strategy's orders that rest or wait, in order of submission."""
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
        """The orders that match all that is given, in order of submission, at most `limit`.

        after: the order_id that ended the page before. Raises InvalidArgument (PAGE_TOKEN_INVALID) when it is not
            known.
        """
        pages = messages.order_pages(strategy_id, status, symbol, limit, after)
        while (request := pages.next_page()) is not None:
            pages.add(self._connection.call("ListOrders", request, timeout))
        return pages.found

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
        """The fills that match all that is given, in the order in which they happened, at most `limit`.

        after: the fill_id that ended the page before. Raises InvalidArgument (PAGE_TOKEN_INVALID) when it is not known.
        """
        pages = messages.fill_pages(strategy_id, order_id, symbol, limit, after)
        while (request := pages.next_page()) is not None:
            pages.add(self._connection.call("ListFills", request, timeout))
        return pages.found

    def get_positions(
        self, strategy_id: str | None = None, *, symbol: str | None = None, timeout: float | None = None
    ) -> list[Position]:
        """Positions by strategy, then symbol; flat ones that were traded included."""
        pages = messages.position_pages(strategy_id, symbol)
        while (request := pages.next_page()) is not None:
            pages.add(self._connection.call("ListPositions", request, timeout))
        return pages.found

    def process_trade_tick(self, tick: TradeTick, *, timeout: float | None = None) -> None:
        """Shows one tick to the orders of its symbol. Refused ticks and duplicates change nothing and are counted."""
        checked_tick(tick)
        if timeout is None and self._coalesces:
            self._ticks.call(tick)
        else:
            self._process_one(tick, timeout)

    def process_batch(self, batch: TradeTickBatch, *, timeout: float | None = None) -> TickResult:
        """Shows the ticks of a batch in their order; a large one travels in pieces, each within `timeout`.

        When a piece fails, those before it have been applied.
        """
        result = TickResult()
        for start, piece in pieces(batch):
            messages.collect(result, self._producer.send("ProcessTradeTicks", piece, timeout), start)
        return result

    def process_trade_ticks(
        self,
        ticks: Iterable[TradeTick] | TradeTickBatch | None = None,
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
        """Shows many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() has.

        The result's `rejected` has (index, reason) of the refused ticks, its `duplicates` the indices of those seen
        before. Raises ValueError where something is no tick; nothing is applied then.
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
        """Moves market time of all symbols forward, never back: DAY orders whose midnight it reaches are cancelled.

        Raises InvalidArgument (a ValueError) for a time that is negative or within a day of 2^63.
        """
        self._connection.call("AdvanceTime", messages.advance_time(now_ns), timeout)

    def cancel_on_disconnect(
        self, strategy_id: str, *, grace: float = 30.0, timeout: float | None = None
    ) -> StrategySession:
        """A dead-man switch: cancels the strategy's active orders when nothing is heard of this client for `grace`
        seconds, 1 to 3,600. Off unless it is called; a second session of a strategy takes the place of the first.

        Signs of life are given in the background until the session is closed, which leaves the orders as they are.

        >>> with engine.cancel_on_disconnect("my_strategy", grace=10.0) as session:
        ...     print(session.has_lapsed)
        False
        """
        request = messages.open_session(strategy_id, grace)
        answer = self._connection.call("OpenSession", request, timeout)
        return StrategySession(self._connection, strategy_id, grace, messages.session_id(answer))

    def halt(self, *, timeout: float | None = None) -> None:
        """Rejects new orders from now on; resting ones may fill, shrink and be cancelled. Survives a restart."""
        self._connection.call("Halt", b"", timeout)

    def resume(self, *, timeout: float | None = None) -> None:
        """Accepts new orders again."""
        self._connection.call("Resume", b"", timeout)

    def events(
        self,
        from_sequence: int = 0,
        limit: int | None = None,
        *,
        strategy_id: str | None = None,
        timeout: float | None = None,
    ) -> list[OrderEvent]:
        """The events that are kept from that sequence on, at most `limit`."""
        pages = messages.EventPages(from_sequence, limit, strategy_id)
        while (request := pages.next_page()) is not None:
            pages.add(self._connection.call("ListOrderEvents", request, timeout))
        return pages.found

    def subscribe_order_events(
        self, strategy_id: str | None = None, *, from_sequence: int | None = None, epoch: int | None = None
    ) -> Subscription[OrderEvent]:
        """Every change of every order, of one strategy or of all, as it happens.

        from_sequence: where to begin, from `next_sequence` of an earlier subscription or 1 for all that is kept; from
            now on if None.
        epoch: the `epoch` of that subscription; if the engine has another one now, a Gap says so first.

        >>> with engine.subscribe_order_events("my_strategy") as events:
        ...     order_id = engine.submit_order(order)
        ...     for event in events:
        ...         print("reload the orders" if isinstance(event, Gap) else event.type.name)
        ...         break
        Submitted
        """
        return Subscription(
            self._connection,
            "SubscribeOrderEvents",
            messages.EventsRequest(strategy_id),
            messages.events_chunk,
            from_sequence=from_sequence,
            epoch=epoch,
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )

    def statistics(self, *, timeout: float | None = None) -> ExecutionStatistics:
        """What has been counted since the engine was created or reset."""
        return messages.statistics(self._connection.call("GetStatistics", b"", timeout))

    def validate(self, *, timeout: float | None = None) -> list[str]:
        """The invariants that do not hold, in words; empty unless there is a bug. It walks the whole state."""
        answer = self._connection.call("ValidateEngine", b"", timeout)
        return list(engines_pb2.ValidateEngineResponse.FromString(answer).violations)

    def state_hash(self, *, timeout: float | None = None) -> int:
        """A hash of the whole state; equal histories have equal hashes."""
        answer = self._connection.call("ValidateEngine", b"", timeout)
        return engines_pb2.ValidateEngineResponse.FromString(answer).state_hash

    def reset(self, *, timeout: float | None = None) -> None:
        """Forgets all orders, fills, positions and counters. Begins a new epoch."""
        request = engines_pb2.ResetEngineRequest(request_id=new_request_id()).SerializeToString()
        answer = self._connection.call("ResetEngine", request, timeout)
        self._connection.adopt_epoch(engines_pb2.ResetEngineResponse.FromString(answer).epoch)

    def list_engines(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """The engines of the service, by name, with their settings; none is opened for it."""
        return messages.summaries(self._connection.call_by_name("ListEngines", b"", timeout))

    def drop(self, *, timeout: float | None = None) -> bool:
        """Removes the engine with all it holds, on disk too; False when there was none."""
        request = engines_pb2.DropEngineRequest(request_id=new_request_id()).SerializeToString()
        answer = self._connection.call_by_name("DropEngine", request, timeout)
        return engines_pb2.DropEngineResponse.FromString(answer).dropped

    def _submit_one(self, request: bytes) -> str | InvalidArgument:
        return messages.submitted_id(self._connection.call("SubmitOrder", request))

    def _submit_together(self, requests: Sequence[bytes], timeout: float) -> Sequence[str | InvalidArgument]:
        # SubmitOrder and SubmitOrders have orders in the same field, so that requests behind each other are one.
        return messages.submit_results(self._connection.call("SubmitOrders", b"".join(requests), timeout))

    def _process_one(self, tick: TradeTick, timeout: float | None = None) -> None:
        self._producer.send("ProcessTradeTick", encode_tick_request(tick), timeout)

    def _process_together(self, ticks: Sequence[TradeTick], timeout: float) -> Sequence[None]:
        self._producer.send("ProcessTradeTicks", many_ticks(ticks), timeout)
        return [None] * len(ticks)
