"""Random histories give the same events on the execution engine and on its twin; and laws that need no twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

from alphaforge_core import execution
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from hypothesis import given, settings

from tests.support import strategies
from tests.support.native import native_tick, plain, tick_columns
from tests.support.strategies import MIDNIGHT, Operation
from tests.support.tape import decimal_text
from tests.support.twins import execution as twins

COUNTS = (
    "orders_submitted", "orders_filled", "orders_cancelled", "orders_rejected", "orders_open",
    "orders_partially_filled", "ticks_processed", "ticks_rejected", "duplicate_ticks",
)  # fmt: skip
SUMS = ("fill_ratio", "total_volume", "total_notional", "total_commission")
TEXT_SETTINGS = (
    "maker_commission_rate", "taker_commission_rate", "slippage_bps", "max_order_quantity", "max_order_notional",
)  # fmt: skip


def native_order(order: twins.Order) -> execution.Order:
    head = (order.symbol, execution.OrderSide[order.side], decimal_text(order.quantity))
    keywords: dict[str, Any] = {"order_id": order.order_id, "created_at": MIDNIGHT}
    tif = execution.TimeInForce[order.time_in_force]
    price = order.price and decimal_text(order.price)
    stop_price = order.stop_price and decimal_text(order.stop_price)
    match order.order_type:
        case "Market":
            return execution.Order.market(*head, order.strategy_id, time_in_force=tif, **keywords)
        case "Limit":
            return execution.Order.limit(*head, price, tif, order.strategy_id, post_only=order.post_only, **keywords)
        case "Stop":
            return execution.Order.stop(*head, stop_price, tif, order.strategy_id, **keywords)
        case _:
            return execution.Order.stop_limit(*head, stop_price, price, tif, order.strategy_id, **keywords)


def native_config(settings: dict[str, Any]) -> ExecutionEngineConfig:
    return ExecutionEngineConfig(
        **{name: decimal_text(value) if name in TEXT_SETTINGS else value for name, value in settings.items()}
    )


def plain_fill(fill: execution.Fill) -> twins.Fill:
    return twins.Fill(
        plain(fill.price), plain(fill.quantity), plain(fill.commission), fill.liquidity_side.name, fill.ts_event
    )


def plain_event(event: execution.OrderEvent) -> twins.Event:
    reason = event.reject_reason or event.cancel_reason
    return twins.Event(
        event.sequence,
        event.order_id,
        plain(event.type),
        event.status.name,
        plain(reason) or "",
        plain_fill(event.fill) if event.fill else None,
    )


def plain_order(order: execution.Order) -> dict[str, Any]:
    return {
        "status": order.status.name,
        "quantity": order.quantity,
        "price": order.price,
        "stop_price": order.stop_price,
        "filled": order.filled_quantity,
        "average": order.avg_fill_price,
        "fills": [plain_fill(fill) for fill in order.fills],
    }


def twin_order(order: twins.Order) -> dict[str, Any]:
    def shown(number: Fraction | None) -> float | None:
        return None if number is None else float(number)

    return {
        "status": order.status,
        "quantity": shown(order.quantity),
        "price": shown(order.price),
        "stop_price": shown(order.stop_price),
        "filled": shown(order.filled),
        "average": shown(order.average_price),
        "fills": order.fills,
    }


class Pair:
    """An engine and its twin, given the same calls; answers and events must agree after each."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.twin = twins.ExecutionEngine(twins.Config(**settings))
        self.engine = ExecutionEngine(native_config(settings))
        self.events: list[twins.Event] = []

    def do(self, operation: Operation) -> None:
        answers = []
        for call in (self.ask_twin, self.ask_engine):
            try:
                answers.append(call(*operation))
            except ValueError:
                answers.append(ValueError)
        assert answers[1] == answers[0], operation
        new = [plain_event(event) for event in self.engine.events(from_sequence=len(self.events) + 1)]
        assert new == self.twin.events[len(self.events) :], operation
        self.events += new

    def ask_twin(self, name: str, given: Any) -> Any:
        twin = self.twin
        match name:
            case "tick":
                twin.process_trade_tick(given)
            case "batch":
                for tick in given:
                    twin.process_trade_tick(tick)
            case "advance":
                twin.advance_time(given)
            case "submit":
                return twin.submit_order(given)
            case "cancel":
                return twin.cancel_order(given)
            case "cancel_all":
                return twin.cancel_all_orders(given)
            case "modify":
                return twin.modify_order(given[0], **given[1])
            case "halt" | "resume":
                twin.halted = name == "halt"
        return None

    def ask_engine(self, name: str, given: Any) -> Any:
        engine = self.engine
        match name:
            case "tick":
                engine.process_trade_tick(native_tick(given))
            case "batch":
                engine.process_trade_ticks(**tick_columns(given))
            case "advance":
                engine.advance_time(given)
            case "submit":
                return engine.submit_order(native_order(given))
            case "cancel":
                return engine.cancel_order(given)
            case "cancel_all":
                return engine.cancel_all_orders(given)
            case "modify":
                return engine.modify_order(given[0], **{key: decimal_text(value) for key, value in given[1].items()})
            case "halt":
                engine.halt()
            case "resume":
                engine.resume()
        return None

    def compare_state(self) -> None:
        engine, twin = self.engine, self.twin
        for order_id, order in twin.orders.items():
            assert plain_order(engine.get_order(order_id)) == twin_order(order)
        positions = {
            (position.strategy_id, position.symbol): (
                plain(position.net_quantity), plain(position.average_price), plain(position.realized_pnl),
                plain(position.unrealized_pnl), plain(position.commission),
            )
            for position in engine.get_positions()
        }  # fmt: skip
        assert positions == {
            (strategy, symbol): (
                position.net, position.average_price, position.realized,
                position.unrealized(twin.markets[symbol].last.price), position.commission,
            )
            for (strategy, symbol), position in twin.positions.items()
        }  # fmt: skip
        statistics, expected = engine.statistics(), twin.statistics()
        assert {name: getattr(statistics, name) for name in COUNTS} == {name: expected[name] for name in COUNTS}
        for name in SUMS:
            assert getattr(statistics, name) == float(expected[name]), name


@given(strategies.execution_settings(), strategies.execution_histories())
def test_every_call_and_event_is_the_twins(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = Pair(settings)
    for operation in history:
        pair.do(operation)
    pair.compare_state()


def single_ticks(history: list[Operation]) -> Iterator[Operation]:
    for operation in history:
        if operation.name == "batch":
            yield from (Operation("tick", tick) for tick in operation.arguments)
        else:
            yield operation


@settings(max_examples=40)
@given(strategies.execution_histories())
def test_no_fill_is_worse_than_its_limit_nor_takes_more_than_was_traded(history: list[Operation]) -> None:
    pair = Pair({})
    left: dict[tuple[str, str], Fraction] = {}
    seen = processed = 0
    for operation in single_ticks(history):
        with suppress(ValueError):
            pair.ask_engine(*operation)
        if pair.engine.statistics().ticks_processed > processed:
            processed += 1
            tick = operation.arguments
            left |= {(tick.instrument_id, side): tick.quantity for side in ("Buy", "Sell")}
        for event in pair.engine.events(from_sequence=seen + 1):
            seen = event.sequence
            if event.fill:
                order, fill = pair.engine.get_order(event.order_id), plain_fill(event.fill)
                side = order.side.name
                left[order.symbol, side] -= fill.quantity
                assert left[order.symbol, side] >= 0
                if order.price is not None:
                    worse = float(fill.price) - order.price
                    assert worse <= 0 if side == "Buy" else worse >= 0


@settings(max_examples=40)
@given(strategies.execution_settings(), strategies.execution_histories())
def test_the_same_inputs_give_the_same_events(settings: dict[str, Any], history: list[Operation]) -> None:
    engines = []
    for _ in range(2):
        pair = Pair(settings)
        for operation in history:
            with suppress(ValueError):
                pair.ask_engine(*operation)
        engines.append(pair.engine)
    first, second = engines
    assert [plain_event(event) for event in first.events()] == [plain_event(event) for event in second.events()]


@settings(max_examples=40)
@given(strategies.execution_histories())
def test_final_is_final_and_quantities_add_up(history: list[Operation]) -> None:
    pair = Pair({})
    final: dict[str, str] = {}
    for operation in history:
        with suppress(ValueError):
            pair.ask_engine(*operation)
        for order in pair.engine.get_orders():
            status = order.status.name
            assert final.setdefault(order.order_id, status) == status or final[order.order_id] in twins.ACTIVE
            final[order.order_id] = status
            filled = sum(Fraction(fill.quantity.as_decimal()) for fill in order.fills)
            assert order.filled_quantity == float(filled)
            assert order.filled_quantity + order.leaves_quantity == order.quantity
            assert (status == "Filled") == (order.leaves_quantity == 0)


@settings(max_examples=40)
@given(strategies.execution_histories())
def test_no_reached_limit_keeps_quantity_while_a_worse_or_younger_one_fills(history: list[Operation]) -> None:
    engine = ExecutionEngine()
    submitted: list[str] = []  # in order of priority: nothing is modified
    for operation in single_ticks(history):
        if operation.name == "submit":
            engine.submit_order(native_order(operation.arguments))
            submitted += [] if operation.arguments.order_id in submitted else [operation.arguments.order_id]
        elif operation.name == "tick":
            tick = operation.arguments
            limits = [
                order
                for order in map(engine.get_order, submitted)
                if order.is_active and order.order_type.name == "Limit" and order.symbol == tick.instrument_id
            ]
            before = engine.last_event_sequence
            engine.process_trade_tick(native_tick(tick))
            makers = {event.order_id for event in engine.events(before + 1) if event.fill and is_maker(event)}
            for side in ("Buy", "Sell"):
                queue = [order for order in limits if order.side.name == side]
                queue.sort(key=lambda order: -order.price if side == "Buy" else order.price)  # stable: age decides
                last = max((i for i, order in enumerate(queue) if order.order_id in makers), default=0)
                # All in front of one that filled are better or older, so the print reached them too.
                assert all(engine.get_order(order.order_id).leaves_quantity == 0 for order in queue[:last])


def is_maker(event: execution.OrderEvent) -> bool:
    return bool(event.fill.liquidity_side is execution.LiquiditySide.Maker)
