"""Groups of orders when trades print, in process and remote: rules 3.21 to 3.23.

Each row of the rules' table is in tests/unit/execution/groups.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player

SCENARIOS: list[tuple[str, dict[str, Any], str]] = [
    (
        "a bracket: the exits sleep until the entry fills, and the profit ends the loss",
        {},
        """
        bracket e: limit BUY 2 @ 100; p: limit SELL 2 @ 110; l: stop SELL 2 @ 90
        p is Initialized
        tick 120 x 5
        tick 99 x 2
        e is Filled: 2 @ 100 maker
        l is Initialized
        tick 105 x 5
        p is Submitted
        tick 111 x 5
        p is Filled: 2 @ 110 maker
        l is Cancelled (GROUP_FILLED)
        """,
    ),
    (
        "a bracket: the loss ends the profit",
        {},
        """
        bracket e: market BUY 2; p: limit SELL 2 @ 110; l: stop-limit SELL 2 @ 90 limit 85
        tick 100 x 2
        tick 95 x 5
        tick 89 x 1.5
        tick 86 x 5
        l is Filled: 1.5 @ 89 taker, 0.5 @ 85 maker
        p is Cancelled (GROUP_FILLED)
        """,
    ),
    (
        "a parent that fills in parts, and is cancelled: its children are what it filled",
        {},
        """
        bracket e: limit SELL 3 @ 100; p: limit BUY 3 @ 90; l: stop BUY 3 @ 110
        tick 101 x 1
        tick 101 x 0.5
        cancel e -> True
        tick 112 x 9
        l is Filled: 1.5 @ 112 taker
        p is Cancelled (GROUP_FILLED)
        e is Cancelled (REQUESTED): 1 @ 100 maker, 0.5 @ 100 maker
        """,
    ),
    (
        "siblings on both sides: the first that fills ends the other",
        {},
        """
        oco up: stop BUY 1 @ 105; down: stop SELL 1 @ 95
        tick 100 x 9
        tick 95 x 9
        down is Filled: 1 @ 95 taker
        up is Cancelled (GROUP_FILLED)
        """,
    ),
    (
        "siblings that fill in parts share one remainder",
        {},
        """
        oco a: limit SELL 5 @ 101; b: limit SELL 5 @ 102
        tick 101.5 x 3
        a is PartiallyFilled: 3 @ 101 maker
        modify a price=103 -> True
        tick 102.5 x 9
        b is Cancelled (GROUP_FILLED): 2 @ 102 maker
        a is Cancelled (GROUP_FILLED): 3 @ 101 maker
        """,
    ),
    (
        "one triggers others, each of which fills by itself",
        {},
        """
        oto e: limit BUY 2 @ 100; a: limit SELL 2 @ 101; b: limit BUY 1 @ 98
        tick 99 x 2
        tick 102 x 9
        a is Filled: 2 @ 102 taker
        tick 97 x 9
        b is Filled: 1 @ 98 maker
        """,
    ),
    (
        "cancelling a parent before it fills ends all; cancelling one of its children ends the siblings",
        {},
        """
        bracket e: limit BUY 2 @ 100; p: limit SELL 2 @ 110; l: stop SELL 2 @ 90
        bracket f: limit BUY 2 @ 100; q: limit SELL 2 @ 110; m: stop SELL 2 @ 90
        cancel e -> True
        cancel p -> False
        cancel q -> True
        l is Cancelled (GROUP_CANCELLED)
        m is Cancelled (GROUP_CANCELLED)
        f is Submitted
        """,
    ),
    (
        "with fill_on next, children arrive at the tick after the one that filled their parent",
        {"fill_on": "next"},
        """
        bracket e: market BUY 2; p: limit SELL 2 @ 110; l: stop SELL 2 @ 90
        tick 115 x 9
        e is Filled: 2 @ 115 taker
        p is Initialized
        tick 115 x 9
        p is Filled: 2 @ 115 taker
        """,
    ),
    (
        "a bracket whose exits are reduce-only, and whose loss trails once the entry has filled",
        {},
        """
        tick 120 x 1
        bracket e: limit BUY 2 @ 100; p: limit SELL 2 @ 130 reduce-only; l: trailing-stop SELL 2 by 5 reduce-only
        tick 99 x 2 SELL
        e is Filled: 2 @ 100 maker
        tick 110 x 9
        tick 106 x 9
        l is Submitted
        tick 105 x 9
        l is Filled: 2 @ 105 taker
        p is Cancelled (GROUP_FILLED)
        """,
    ),
    (
        "reduce-only exits end with the position, and are refused without one",
        {},
        """
        tick 100 x 9
        oco a: limit SELL 2 @ 110 reduce-only; b: trailing-stop SELL 2 by 5 reduce-only
        b is Rejected (NOTHING_TO_REDUCE)
        e: market BUY 2
        oco c: limit SELL 2 @ 110 reduce-only; d: trailing-stop SELL 2 by 5 reduce-only
        x: market SELL 2
        c is Cancelled (NOTHING_TO_REDUCE)
        d is Cancelled (GROUP_CANCELLED)
        """,
    ),
]


@pytest.mark.parametrize(("settings", "scenario"), [row[1:] for row in SCENARIOS], ids=[row[0] for row in SCENARIOS])
def test_groups_on_trades(api: Api, settings: dict[str, Any], scenario: str) -> None:
    Player(api, api.make_execution_engine(**settings)).play(scenario)


def bracket(api: Api, **more: Any) -> Any:
    x = api.execution
    return x.Order.bracket("X", x.OrderSide.Buy, 2, "s", take_profit=110, stop_loss=90, price=100, **more)


def test_a_group_is_a_value_that_is_submitted_once(api: Api) -> None:
    engine, group = api.make_execution_engine(), bracket(api, order_id="b")
    assert engine.submit_order_group(group) == ["b", "b-tp", "b-sl"] == group.order_ids
    for copied in (group, copy.deepcopy(group), pickle.loads(pickle.dumps(group)), bracket(api, order_id="b")):
        assert engine.submit_order_group(copied) == group.order_ids
    assert engine.statistics().orders_submitted == 3
    loss = engine.get_order("b-sl")
    assert (loss.group_type, loss.group_id, loss.parent_id) == (api.execution.OrderGroupType.Bracket, "b", "b")
    assert [order.order_id for order in engine.get_active_orders("s")] == ["b"]
    assert [order.order_id for order in engine.get_orders("s")] == group.order_ids


def test_a_group_that_conflicts_places_nothing(api: Api) -> None:
    engine, x = api.make_execution_engine(), api.execution
    engine.submit_order_group(bracket(api, order_id="b"))
    other = x.Order.bracket("X", x.OrderSide.Buy, 2, "s", take_profit=111, stop_loss=90, price=100, order_id="b")
    with pytest.raises(ValueError) as caught:
        engine.submit_order_group(other)
    assert caught.value.reason == "ORDER_CONFLICT"
    with pytest.raises(ValueError):
        engine.submit_order(bracket(api, order_id="c").orders[0])
    assert engine.get_order("c") is None
    assert engine.statistics().orders_submitted == 3


@pytest.mark.one_engine("max_open_orders is a limit over all symbols")
def test_a_group_is_refused_whole_and_counts_as_its_orders(api: Api) -> None:
    engine = api.make_execution_engine(max_open_orders=4)
    engine.submit_order_group(bracket(api, order_id="b"))
    assert engine.submit_order_group(bracket(api, order_id="c")) == ["c", "c-tp", "c-sl"]
    orders = [engine.get_order(order_id) for order_id in ("c", "c-tp", "c-sl")]
    assert [(order.status.name, order.reject_reason) for order in orders] == [("Rejected", "OPEN_ORDERS_LIMIT")] * 3


def test_events_show_the_group(api: Api) -> None:
    engine = api.make_execution_engine()
    engine.submit_order_group(bracket(api, order_id="b", created_at=1))
    submitted = engine.events()
    assert [(event.type.name, event.status.name) for event in submitted] == [
        ("Submitted", "Submitted"), ("Submitted", "Initialized"), ("Submitted", "Initialized"),
    ]  # fmt: skip
    assert [event.order for event in submitted] == bracket(api, order_id="b", created_at=1).orders
