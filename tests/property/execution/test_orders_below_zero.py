"""Prices at 0 and below: the engine and its twin agree, restarts change nothing, and shifting all prices shifts the
fills."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from functools import partial
from typing import Any

from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_core.execution_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.property.conftest import fewer
from tests.support import negative_tapes, strategies
from tests.support.checkpoints import checksum_of, written_beside
from tests.support.execution_pair import ExecutionPair, native_settings, plain_fill
from tests.support.negative_tapes import lower
from tests.support.strategies import Operation
from tests.support.twins.instruments import Instrument


def ask(pair: ExecutionPair, operation: Operation) -> None:
    with suppress(ValueError, RuntimeError):
        pair.ask_engine(*operation)


@given(strategies.execution_settings(), negative_tapes.execution_histories())
def test_every_call_and_event_is_the_twins(settings: dict[str, Any], history: list[Operation]) -> None:
    pair = ExecutionPair(ExecutionEngine(ExecutionEngineConfig(**native_settings(settings))), settings)
    for operation in history:
        pair.do(operation)
    pair.compare_state()
    assert pair.engine.validate() == []


@fewer
@given(strategies.execution_settings(), negative_tapes.execution_histories(), st.integers(0, 40), st.integers(1, 400))
def test_a_restart_at_any_call_changes_nothing(
    settings: dict[str, Any], history: list[Operation], cut: int, piece: int
) -> None:
    config = ExecutionEngineConfig(**native_settings(settings))
    pair, restored, other = (ExecutionPair(ServiceEngine(config), settings) for _ in range(3))
    for operation in history[:cut]:
        ask(pair, operation)
    restored.engine.restore(pair.engine.snapshot())
    other.engine.restore(written_beside(pair.engine, [], piece, piece_bytes=1).checkpoint)
    for operation in history[cut:]:
        for each in (pair, restored, other):
            ask(each, operation)
    for each in (restored, other):
        assert each.engine.events() == pair.engine.events()
        assert each.engine.state_hash() == pair.engine.state_hash()
        assert checksum_of(each.engine) == checksum_of(pair.engine)


@fewer
@given(strategies.execution_settings(), negative_tapes.execution_histories(max_size=80), st.integers(0, 80))
def test_a_checkpoint_is_the_state_in_which_it_began(
    settings: dict[str, Any], history: list[Operation], cut: int
) -> None:
    config = ExecutionEngineConfig(**native_settings(settings))
    pair, twin, other = (ExecutionPair(ServiceEngine(config), settings) for _ in range(3))
    for operation in history[:cut]:
        ask(pair, operation)
    calls = [partial(ask, pair, each) for each in history[cut:]]
    checkpoint, checksum, begun = written_beside(pair.engine, calls, 50, piece_bytes=1)
    for operation in history[: cut + begun]:
        ask(twin, operation)
    other.engine.restore(checkpoint)
    assert other.engine.state_hash() == twin.engine.state_hash()
    assert checksum == checksum_of(twin.engine) == checksum_of(other.engine)


def is_movable(operation: Operation) -> bool:
    """Whether only differences of prices decide what it does: no amounts by rate, no grid, no price that overflows."""
    name, given = operation
    orders = {"submit": lambda: [given], "group": lambda: given[1]}.get(name, list)()
    ticks = {"tick": lambda: [given], "batch": lambda: given}.get(name, list)()
    offsets = [order.trailing_offset for order in orders if order.trailing_offset is not None]
    return (
        name != "register"
        and all(tick.price in strategies.GRID and tick.quantity < 100 for tick in ticks)
        and all(order.trailing_offset_type in (None, "Price") for order in orders)
        and all(offset < 1000 for offset in offsets)
    )


@fewer
@given(strategies.execution_histories(max_size=80), st.sampled_from((Fraction(100), Fraction("137.63"))))
def test_a_tape_and_its_orders_may_be_moved_below_0(history: list[Operation], shift: Fraction) -> None:
    """The same orders fill, as much lower, and profits are the same."""
    definitions = [Instrument(name, negative_prices=True) for name in strategies.INSTRUMENTS]
    high, low = (ExecutionPair(ExecutionEngine(), {}) for _ in range(2))
    for pair in (high, low):
        pair.ask_engine("register", definitions)
    for operation in filter(is_movable, history):
        ask(high, operation)
        ask(low, lower(operation, shift))
    above, below = high.engine.get_fills(), low.engine.get_fills()
    moved = [plain_fill(fill)._replace(price=plain_fill(fill).price + shift) for fill in below]
    assert moved == [plain_fill(fill) for fill in above]
    profits = [
        [(each.realized_pnl, each.unrealized_pnl) for each in pair.engine.get_positions()] for pair in (high, low)
    ]
    assert profits[0] == profits[1]
