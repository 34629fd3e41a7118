"""Histories around a price of 0: those of `strategies`, with all prices lower."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tests.support import strategies
from tests.support.strategies import Operation
from tests.support.tape import Tick
from tests.support.twins.execution import Order
from tests.support.twins.instruments import Instrument

# The prices are 98 to 102 before: so the tape crosses 0, or stays below it.
SHIFTS = tuple(map(Fraction, ("100", "100", "100.25", "99.000000001", "137.63")))


def lower_tick(tick: Tick, shift: Fraction) -> Tick:
    return tick._replace(price=tick.price - shift)


def lower_order(order: Order, shift: Fraction) -> Order:
    prices = {name: getattr(order, name) for name in ("price", "stop_price", "activation_price")}
    return replace(order, **{name: price - shift for name, price in prices.items() if price is not None})


def lower(operation: Operation, shift: Fraction) -> Operation:
    """The operation with lower prices; what it registers keeps negative prices, unless it may lose them."""
    name, given = operation
    if name == "tick":
        return Operation(name, lower_tick(given, shift))
    if name == "batch":
        return Operation(name, [lower_tick(tick, shift) for tick in given])
    if name == "submit":
        return Operation(name, lower_order(given, shift))
    if name == "group":
        return Operation(name, (given[0], [lower_order(order, shift) for order in given[1]]))
    if name == "modify":
        order_id, changes = given
        lowered = {key: value if key == "quantity" else value - shift for key, value in changes.items()}
        return Operation(name, (order_id, lowered))
    if name == "register":
        return Operation(name, [each if each.inverse else replace(each, negative_prices=True) for each in given])
    return operation


@st.composite
def execution_histories(draw: st.DrawFn, max_size: int = 40) -> list[Operation]:
    """Of an instrument A that has negative prices from the beginning, and B, which may get them later."""
    shift = draw(st.sampled_from(SHIFTS))
    history = draw(strategies.execution_histories(max_size))
    first = Operation("register", [Instrument("A", negative_prices=True)])
    return [first, *(lower(operation, shift) for operation in history)]


@st.composite
def data_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings that name A, or A and B."""
    names = draw(st.sampled_from((("A",), ("A", "B"))))
    return {**draw(strategies.data_settings()), "negative_price_instruments": names}


@st.composite
def data_histories(draw: st.DrawFn, max_size: int = 40) -> list[Operation]:
    shift = draw(st.sampled_from(SHIFTS))
    return [lower(operation, shift) for operation in draw(strategies.data_histories(max_size))]


@st.composite
def tick_histories(draw: st.DrawFn, max_size: int = 30) -> list[Tick]:
    """Ticks that an engine accepts whose settings name A and B."""
    shift = draw(st.sampled_from(SHIFTS))
    ticks = draw(strategies.tick_histories(max_size, refused=False))
    return [lower_tick(tick, shift) for tick in ticks]
