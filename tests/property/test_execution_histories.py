"""Random histories give the same events on the execution engine and on its twin; and laws that need no twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

from alphaforge_core import execution
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from hypothesis import given

from tests.property.conftest import fewer
from tests.support import strategies
from tests.support.execution_pair import ExecutionPair, native_order, native_settings, plain_event, plain_fill
from tests.support.native import native_tick
from tests.support.strategies import Operation
from tests.support.twins import execution as twins


def new_pair(settings: dict[str, Any]) -> ExecutionPair:
    return ExecutionPair(ExecutionEngine(ExecutionEngineConfig(**native_settings(settings))), settings)


@given(strategies.execution_settings(), strategies.execution_histories())
def test_every_call_and_event_is_the_twins(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = new_pair(settings)
    for operation in history:
        pair.do(operation)
    pair.compare_state()


def single_ticks(history: list[Operation]) -> Iterator[Operation]:
    for operation in history:
        if operation.name == "batch":
            yield from (Operation("tick", tick) for tick in operation.arguments)
        else:
            yield operation


@fewer
@given(strategies.execution_histories())
def test_no_fill_is_worse_than_its_limit_nor_takes_more_than_was_traded(history: list[Operation]) -> None:
    pair = new_pair({})
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


@fewer
@given(strategies.execution_settings(), strategies.execution_histories())
def test_the_same_inputs_give_the_same_events(settings: dict[str, Any], history: list[Operation]) -> None:
    engines = []
    for _ in range(2):
        pair = new_pair(settings)
        for operation in history:
            with suppress(ValueError):
                pair.ask_engine(*operation)
        engines.append(pair.engine)
    first, second = engines
    assert [plain_event(event) for event in first.events()] == [plain_event(event) for event in second.events()]


@fewer
@given(strategies.execution_histories())
def test_final_is_final_and_quantities_add_up(history: list[Operation]) -> None:
    pair = new_pair({})
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


@fewer
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
                # All in front of one that filled are better or older, so the print reached them too, unless
                # their day ended before it.
                in_front = [engine.get_order(order.order_id) for order in queue[:last]]
                assert all(order.status.name in ("Filled", "Expired") for order in in_front)


def is_maker(event: execution.OrderEvent) -> bool:
    return bool(event.fill.liquidity_side is execution.LiquiditySide.Maker)
