"""Orders as values: creation, malformed orders, representation."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from alphaforge_core.execution import (
    ExecutionEngine,
    LiquiditySide,
    Order,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
)
from alphaforge_core.model import Price, Quantity

from tests.unit.execution.venue import Venue

GTC = TimeInForce.GoodTillCancel
BUY = OrderSide.Buy


def test_factories_take_the_documented_arguments() -> None:
    market = Order.market("BTCUSD", OrderSide.Buy, 0.1, "my_strategy")
    limit = Order.limit("BTCUSD", OrderSide.Sell, 0.1, 45000.0, GTC, "my_strategy")
    stop = Order.stop("BTCUSD", OrderSide.Sell, 0.1, 44000.0, GTC, "my_strategy")
    stop_limit = Order.stop_limit("BTCUSD", OrderSide.Sell, 0.1, 44000.0, 43900.0, GTC, "my_strategy")
    shown = [(each.order_type, each.price, each.stop_price) for each in (market, limit, stop, stop_limit)]
    assert shown == [
        (OrderType.Market, None, None),
        (OrderType.Limit, 45000.0, None),
        (OrderType.Stop, None, 44000.0),
        (OrderType.StopLimit, 43900.0, 44000.0),
    ]
    assert market.time_in_force is TimeInForce.Day
    for order in (market, limit, stop, stop_limit):
        assert (order.symbol, order.instrument_id, order.strategy_id) == ("BTCUSD", "BTCUSD", "my_strategy")
        assert order.quantity == 0.1
        assert order.status is OrderStatus.Initialized
        assert order.created_at > 1_600_000_000_000_000_000


def test_numbers_are_exact_however_they_are_given() -> None:
    engine = ExecutionEngine()
    given = (0.1, "0.1", Decimal("0.1"), Quantity("0.1"))
    for i, quantity in enumerate(given):
        engine.submit_order(Order.limit("X", BUY, quantity, Price("3"), GTC, "s", order_id=f"o{i}"))
    for i in range(len(given)):
        engine.submit_order(Order.limit("X", BUY, "0.1", 3, GTC, "s", order_id=f"o{i}"))  # the same order: no conflict


MALFORMED: list[tuple[str, Callable[[], object], str]] = [
    ("empty symbol", lambda: Order.market("", BUY, 1, "s"), "NAME_INVALID"),
    ("symbol too long", lambda: Order.market("X" * 65, BUY, 1, "s"), "NAME_INVALID"),
    ("control character", lambda: Order.market("X\n", BUY, 1, "s"), "NAME_INVALID"),
    ("empty id", lambda: Order.market("X", BUY, 1, "s", order_id=""), "NAME_INVALID"),
    ("id too long", lambda: Order.market("X", BUY, 1, "s", order_id="x" * 65), "NAME_INVALID"),
    ("quantity 0", lambda: Order.market("X", BUY, 0, "s"), "QUANTITY_NOT_POSITIVE"),
    ("negative quantity", lambda: Order.market("X", BUY, -1, "s"), "NUMBER_OUT_OF_RANGE"),
    ("not a number", lambda: Order.market("X", BUY, float("nan"), "s"), "NUMBER_MALFORMED"),
    ("price 0", lambda: Order.limit("X", BUY, 1, 0, GTC, "s"), "PRICE_NOT_POSITIVE"),
    ("negative price", lambda: Order.limit("X", BUY, 1, -1, GTC, "s"), "PRICE_NOT_POSITIVE"),
    ("stop 0", lambda: Order.stop("X", BUY, 1, 0, GTC, "s"), "PRICE_NOT_POSITIVE"),
    ("ten places", lambda: Order.limit("X", BUY, 1, "0.1234567891", GTC, "s"), "NUMBER_TOO_PRECISE"),
    ("created before 1970", lambda: Order.market("X", BUY, 1, "s", created_at=-1), "TIME_OUT_OF_RANGE"),
]


@pytest.mark.parametrize(("make", "reason"), [pytest.param(*case[1:], id=case[0]) for case in MALFORMED])
def test_malformed_orders_are_never_made(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert getattr(caught.value, "reason", "") == reason


@pytest.mark.parametrize("quantity", [True, None, [1], b"1"])
def test_what_is_no_number_is_a_type_error(quantity: Any) -> None:
    with pytest.raises(TypeError):
        Order.market("X", BUY, quantity, "s")


def test_sides_are_members_and_not_words() -> None:
    with pytest.raises(TypeError):
        Order.market("X", "Buy", 1, "s")


def test_an_order_is_a_value() -> None:
    venue = Venue()
    order = Order.limit("X", BUY, 2, 10, GTC, "s", order_id="a")
    venue.engine.submit_order(order)
    venue.tick("9 x 1")
    assert order.status is OrderStatus.Initialized
    first = venue.get("a")
    venue.tick("9 x 1")
    assert first.status is OrderStatus.PartiallyFilled
    assert venue.get("a").status is OrderStatus.Filled
    with pytest.raises(AttributeError):
        first.status = OrderStatus.Filled
    with pytest.raises(TypeError):
        Order()


def test_values_copy_pickle_and_compare() -> None:
    venue = Venue(taker_commission_rate="0.001")
    venue.play(
        "tick 12 x 0.4 | a: stop-limit BUY 1 stop 11 @ 13.5 GTC | halt | b: market BUY 1 GTC | modify a quantity=0.9"
    )
    values: list[Any] = [
        venue.get("a"),
        venue.get("b"),
        *venue.get("a").fills,
        *venue.engine.get_positions(),
        *venue.engine.events(),
    ]
    for value in values:
        assert pickle.loads(pickle.dumps(value)) == value
        assert copy.deepcopy(value) == copy.copy(value) == value
        assert type(value).from_wire(value.to_wire()) == value
        assert hash(value) == hash(pickle.loads(pickle.dumps(value)))
        assert str(value).startswith(f"<{type(value).__name__} ")
    assert venue.get("a") != venue.get("b")
    assert venue.get("a") != "a"


def test_a_snapshot_shows_what_became_of_it() -> None:
    venue = Venue(taker_commission_rate="0.001")
    venue.play("tick 12 x 0.4 at 7 | a: stop-limit BUY 1 stop 11 @ 13.5 GTC | cancel a")
    order = venue.get("a")
    assert (order.filled_quantity, order.leaves_quantity, order.avg_fill_price) == (0.4, 0.6, 12.0)
    assert order.commission == 0.0048
    assert order.triggered_at == 7_000_000_000
    assert order.cancel_reason == "REQUESTED"
    assert order.reject_reason is None
    assert not order.is_active
    assert order.submitted_at is not None
    assert order.updated_at is not None
    assert order.updated_at >= order.submitted_at > 1_600_000_000_000_000_000
    (fill,) = order.fills
    assert (fill.fill_id, fill.order_id, fill.symbol, fill.strategy_id) == ("a-1", "a", "X", "s")
    assert (fill.price, fill.quantity, fill.commission) == (Price(12), Quantity("0.4"), Decimal("0.0048"))
    assert (fill.side, fill.liquidity_side, fill.ts_event) == (BUY, LiquiditySide.Taker, 7_000_000_000)
    assert fill.sequence == 3


def test_an_order_before_its_submission_has_no_history() -> None:
    order = Order.market("X", BUY, 1, "s")
    assert (order.submitted_at, order.updated_at, order.triggered_at, order.avg_fill_price) == (None,) * 4
    assert (order.filled_quantity, order.leaves_quantity, order.commission, order.fills) == (0, 1, 0, [])


def test_leaves_and_filled_are_the_quantity_in_every_state() -> None:
    venue = Venue()
    venue.play(
        "tick 10 x 0.3 | a: limit BUY 1 @ 10 IOC | b: limit BUY 1 @ 10 GTC | c: limit BUY 1 @ 10 FOK | tick 9 x 0.5"
    )
    for order in venue.engine.get_orders():
        assert order.leaves_quantity + order.filled_quantity == order.quantity


@pytest.mark.parametrize("damaged", [b"\xff", b"\x0a\x05ab", b"\x2a\x01x", b"\x0a\x01\xff"])
def test_bytes_that_are_no_order_are_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError):
        Order.from_wire(damaged)
