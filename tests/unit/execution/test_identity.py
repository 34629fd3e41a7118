"""The order id is the idempotency key: repeats, conflicts and forgotten orders."""

from __future__ import annotations

import time

import pytest
from alphaforge_core.errors import BatchError, InvalidArgument
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_core.execution_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.support.twins import execution as twins
from tests.unit.execution.venue import Venue, order

FIRST = "a: limit BUY 1 @ 10 GTC"


@pytest.mark.parametrize(
    "became",
    ["", "tick 9 x 1", "tick 9 x 0.5", "cancel a", "modify a quantity=5 price=3"],
    ids=["resting", "filled", "filled in part", "cancelled", "changed"],
)
def test_the_same_order_again_places_nothing_whatever_became_of_it(became: str) -> None:
    venue = Venue()
    venue.play(f"{FIRST} | {became}" if became else FIRST)
    before = venue.engine.state_hash()
    assert venue.engine.submit_order(order(FIRST)) == "a"
    assert venue.engine.submit_orders([order(FIRST), order(FIRST)]) == ["a", "a"]
    assert venue.engine.state_hash() == before


def test_a_rejected_order_stays_rejected() -> None:
    venue = Venue()
    assert venue.play(f"halt | {FIRST} | resume | {FIRST}") == ["a Rejected HALTED"]


def test_when_it_was_made_does_not_make_another_order() -> None:
    engine = ExecutionEngine()
    engine.submit_order(order(FIRST, created_at=1))
    assert engine.submit_order(order(FIRST, created_at=2)) == "a"


@pytest.mark.parametrize(
    "other",
    [
        "a: limit SELL 1 @ 10 GTC",
        "a: limit BUY 2 @ 10 GTC",
        "a: limit BUY 1 @ 11 GTC",
        "a: limit BUY 1 @ 10 DAY",
        "a: limit BUY 1 @ 10 GTC other",
        "a: post-only limit BUY 1 @ 10 GTC",
        "a: market BUY 1 GTC",
        "a: stop BUY 1 stop 10 GTC",
        "a: stop-limit BUY 1 stop 9 @ 10 GTC",
    ],
)
def test_an_id_with_other_fields_is_a_conflict(other: str) -> None:
    venue = Venue()
    venue.play(FIRST)
    with pytest.raises(ValueError, match="other fields") as caught:
        venue.engine.submit_order(order(other))
    assert isinstance(caught.value, InvalidArgument)
    assert caught.value.reason == "ORDER_CONFLICT"
    with pytest.raises(ValueError, match="other fields"):
        venue.engine.submit_order(order(FIRST, symbol="Y"))


def test_compared_are_the_fields_as_first_submitted() -> None:
    venue = Venue()
    venue.play(f"{FIRST} | modify a price=11")
    with pytest.raises(ValueError, match="other fields"):
        venue.submit("a: limit BUY 1 @ 11 GTC")
    venue.submit(FIRST)


def test_a_batch_places_what_is_good() -> None:
    engine = ExecutionEngine()
    engine.submit_order(order(FIRST))
    with pytest.raises(BatchError, match="1 of 3") as caught:
        engine.submit_orders([order("b: market BUY 1 GTC"), order("a: market BUY 1 GTC"), order("c: market BUY 1 GTC")])
    first, second, third = caught.value.results
    assert (first, third) == ("b", "c")
    assert isinstance(second, InvalidArgument)
    assert second.reason == "ORDER_CONFLICT"
    assert [found.order_id for found in engine.get_orders()] == ["a", "b", "c"]


def test_what_is_no_order_is_refused_before_anything_is_placed() -> None:
    engine = ExecutionEngine()
    with pytest.raises(TypeError, match="submit_orders takes Orders, not str"):
        engine.submit_orders([order(FIRST), "b"])
    assert engine.get_orders() == []


def test_forgetting_never_places_twice() -> None:
    engine = ExecutionEngine(ExecutionEngineConfig(max_final_orders=2))
    orders = [order(f"o{i}: market BUY 1 IOC", created_at=i) for i in range(5)]
    engine.submit_orders(orders)  # each is cancelled at once: of five final orders two are remembered
    assert engine.get_order("o0") is None
    assert engine.submit_order(orders[0]) == "o0"
    assert engine.get_order("o0").reject_reason == "ORDER_TOO_OLD"
    younger = order("new: market BUY 1 IOC", created_at=9)
    engine.submit_order(younger)
    assert engine.get_order("new").status is OrderStatus.Cancelled


def test_a_clock_that_is_ahead_makes_nobody_elses_orders_too_old() -> None:
    engine = ServiceEngine(ExecutionEngineConfig(max_final_orders=1))
    engine.received_at = 1_000
    engine.submit_order(order("ahead: market BUY 1 IOC", created_at=2**62))
    for number in range(3):
        engine.received_at = created_at = 1_001 + number
        engine.submit_order(order(f"o{number}: market BUY 1 IOC", created_at=created_at))
        assert engine.get_order(f"o{number}").reject_reason is None
    assert engine.get_order("ahead") is None
    # Created before the forgotten order was received, so it may be a repeat.
    engine.submit_order(order("late: market BUY 1 IOC", created_at=1_000))
    assert engine.get_order("late").reject_reason == "ORDER_TOO_OLD"


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(-20, 20), st.integers(0, 12)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 40),
)
def test_what_is_remembered_and_what_is_too_old_is_the_twins(
    calls: list[tuple[int, int, int]], max_final_orders: int, retention_ns: int
) -> None:
    settings = {"max_final_orders": max_final_orders, "order_retention_ns": retention_ns}
    engine, twin = ServiceEngine(ExecutionEngineConfig(**settings)), twins.Ledger(**settings)
    engine.halt()  # each order is final at once
    now = 1_000
    for step, ahead, number in calls:
        now += step
        engine.received_at = now
        engine.submit_order(order(f"o{number}: market BUY 1 IOC", created_at=now + ahead))
        placed = engine.get_order(f"o{number}")
        assert placed is not None
        assert twin.submit(f"o{number}", now + ahead, now) == (placed.reject_reason == "ORDER_TOO_OLD")
        assert sorted(each.order_id for each in engine.get_orders()) == sorted(twin.orders)


def test_active_orders_are_never_forgotten() -> None:
    engine = ExecutionEngine(ExecutionEngineConfig(max_final_orders=1))
    engine.submit_order(order(FIRST))
    engine.submit_orders([order(f"o{i}: market BUY 1 IOC", created_at=i + 2) for i in range(9)])
    assert engine.get_order("a") is not None
    assert engine.submit_order(order(FIRST)) == "a"


def test_events_of_a_forgotten_order_go_with_it() -> None:
    engine = ExecutionEngine(ExecutionEngineConfig(max_final_orders=1))
    engine.submit_orders([order(f"o{i}: market BUY 1 IOC", created_at=i) for i in range(3)])
    kept = engine.events()
    assert engine.first_event_sequence == kept[0].sequence > 1
    assert {event.order_id for event in kept} == {"o1", "o2"}


def test_ids_are_made_by_the_client_and_sort_by_time() -> None:
    made = [Order.market("X", OrderSide.Buy, 1, "s", TimeInForce.Day).order_id for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(one) == 32 and int(one, 16) for one in made)
    assert abs(int(made[0][:12], 16) - time.time_ns() // 1_000_000) < 60_000
    assert [one[:12] for one in made] == sorted(one[:12] for one in made)
