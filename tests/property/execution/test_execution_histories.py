"""Random histories give the same events on the execution engine and on its twin; and invariants that need no twin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import cycle
from typing import Any

from alphaforge_core import execution
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_core.execution_wire import ServiceEngine
from hypothesis import given

from tests.property.conftest import fewer
from tests.support import strategies
from tests.support.execution_pair import (
    ExecutionPair,
    native_group,
    native_order,
    native_settings,
    plain_event,
    plain_fill,
)
from tests.support.native import native_tick
from tests.support.strategies import Operation
from tests.support.tape import DAY
from tests.support.twins import execution as twins


def new_pair(settings: dict[str, Any]) -> ExecutionPair:
    return ExecutionPair(ExecutionEngine(ExecutionEngineConfig(**native_settings(settings))), settings)


@given(strategies.execution_settings(), strategies.execution_histories())
def test_every_call_and_event_is_the_twins(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = new_pair(settings)
    for operation in history:
        pair.do(operation)
    pair.compare_state()


@given(
    strategies.execution_settings(), strategies.time_jumps(), strategies.execution_histories(), strategies.receipts()
)
def test_a_time_too_far_ahead_of_its_receipt_changes_nothing(
    settings: dict[str, Any], jump: int, history: list[Operation], receipts: list[int]
) -> None:
    settings["max_time_jump_ns"] = jump
    # Receipt times also expire remembered orders; here no order is forgotten.
    config = ExecutionEngineConfig(**native_settings(settings), order_retention_ns=1_000 * DAY)
    pair = ExecutionPair(ServiceEngine(config), settings)
    for operation, received in zip(history, cycle(receipts), strict=False):
        pair.receive_at(received)
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
        with suppress(ValueError, RuntimeError):
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


def filled_by(engine: ExecutionEngine, order_id: str) -> Fraction:
    return sum((Fraction(fill.quantity.as_decimal()) for fill in engine.get_order(order_id).fills), Fraction(0))


@fewer
@given(strategies.execution_settings(), strategies.execution_histories(max_size=80))
def test_no_group_fills_more_than_its_remainder(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = new_pair(settings)
    engine, groups = pair.engine, dict[str, execution.OrderGroup]()
    for operation in single_ticks(history):
        parents = {group_id: filled_by(engine, group_id) for group_id in groups}
        with suppress(ValueError, RuntimeError):
            pair.ask_engine(*operation)
            if operation.name == "group":
                group = native_group(*operation.arguments)
                groups[group.orders[0].order_id] = group
        for group_id, group in groups.items():
            first, *others = (filled_by(engine, order_id) for order_id in group.order_ids)
            # A child can't fill against the tick that fills its parent.
            released = parents.get(group_id, Fraction(0))
            if group.type is execution.OrderGroupType.OneCancelsOther:
                greatest = max(Fraction(order.as_dict()["quantity"]) for order in group.orders)
                assert first + sum(others) <= greatest
            elif group.type is execution.OrderGroupType.Bracket:
                assert sum(others) <= released
            else:
                assert all(filled <= released for filled in others)
    assert engine.validate() == []


@fewer
@given(strategies.execution_settings(), strategies.execution_histories())
def test_the_same_inputs_give_the_same_events(settings: dict[str, Any], history: list[Operation]) -> None:
    engines = []
    for _ in range(2):
        pair = new_pair(settings)
        for operation in history:
            with suppress(ValueError, RuntimeError):
                pair.ask_engine(*operation)
        engines.append(pair.engine)
    first, second = engines
    assert [plain_event(event) for event in first.events()] == [plain_event(event) for event in second.events()]


@fewer
@given(strategies.execution_settings(), strategies.execution_histories(max_size=80))
def test_reduce_only_orders_never_open_a_position(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = new_pair(settings)
    net: dict[tuple[str, str], Fraction] = {}
    for operation in history:
        with suppress(ValueError, RuntimeError):
            pair.ask_engine(*operation)
    for event in pair.engine.events():
        if event.fill:
            order, key = pair.engine.get_order(event.order_id), (event.strategy_id, event.symbol)
            before = net.get(key, Fraction(0))
            quantity = Fraction(event.fill.quantity.as_decimal())
            net[key] = before + (quantity if order.side.name == "Buy" else -quantity)
            if order.reduce_only:
                assert abs(net[key]) < abs(before)
                assert net[key] * before >= 0


@fewer
@given(strategies.execution_settings(), strategies.execution_histories(max_size=80))
def test_a_trailing_stop_never_loosens(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = new_pair(settings)
    stops: dict[str, float] = {}
    for operation in single_ticks(history):
        with suppress(ValueError, RuntimeError):
            pair.ask_engine(*operation)
        for order in pair.engine.get_orders():
            if order.stop_price is None:
                stops.pop(order.order_id, None)  # a child that sleeps does not trail
            elif order.trailing_offset is not None:
                before = stops.setdefault(order.order_id, order.stop_price)
                assert order.stop_price <= before if order.side.name == "Buy" else order.stop_price >= before
                stops[order.order_id] = order.stop_price


@fewer
@given(strategies.execution_settings(), strategies.execution_histories())
def test_it_is_the_same_however_ticks_are_cut_into_batches(settings: dict[str, Any], history: list[Operation]) -> None:
    together, apart = new_pair(settings), new_pair(settings)
    for pair, operations in ((together, batches_of(history)), (apart, list(single_ticks(history)))):
        for operation in operations:
            with suppress(ValueError, RuntimeError):
                pair.ask_engine(*operation)
    assert together.engine.events() == apart.engine.events()
    assert together.engine.state_hash() == apart.engine.state_hash()


def batches_of(history: list[Operation]) -> list[Operation]:
    """Neighbouring ticks in one batch."""
    merged: list[Operation] = []
    for operation in single_ticks(history):
        if operation.name != "tick":
            merged.append(operation)
        elif merged and merged[-1].name == "batch":
            merged[-1].arguments.append(operation.arguments)
        else:
            merged.append(Operation("batch", [operation.arguments]))
    return merged


@fewer
@given(strategies.execution_histories())
def test_final_is_final_and_quantities_add_up(history: list[Operation]) -> None:
    pair = new_pair({})
    final: dict[str, str] = {}
    for operation in history:
        with suppress(ValueError, RuntimeError):
            pair.ask_engine(*operation)
        for order in pair.engine.get_orders():
            status = order.status.name
            assert final.setdefault(order.order_id, status) == status or final[order.order_id] in (
                "Initialized",
                *twins.ACTIVE,
            )
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
                queue.sort(
                    key=lambda order: float(-order.price if side == "Buy" else order.price)
                )  # stable: age decides
                last = max((i for i, order in enumerate(queue) if order.order_id in makers), default=0)
                # All orders in front of a filled one have a better price or are older, so the print reached them too,
                # unless they ended before it.
                in_front = [engine.get_order(order.order_id) for order in queue[:last]]
                assert all(order.status.name == "Filled" or order.cancel_reason in ENDED for order in in_front)


# Reasons to end that are not the venue's fault: before the print, or after another order closed the position.
ENDED = ("DAY_EXPIRED", "DATE_EXPIRED", "NOTHING_TO_REDUCE")


def is_maker(event: execution.OrderEvent) -> bool:
    return bool(event.fill.liquidity_side is execution.LiquiditySide.Maker)
