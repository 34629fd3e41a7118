"""Groups of orders, case by case: rules 3.21 to 3.23 and each row of their table."""

from __future__ import annotations

from decimal import Decimal

import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import (
    ExecutionEngineConfig,
    Order,
    OrderGroup,
    OrderGroupType,
    OrderSide,
    TimeInForce,
    TrailingOffsetType,
)
from alphaforge_core.execution_wire import ServiceEngine

from tests.unit.execution.venue import OrderStatus, Venue, group, order

# An entry, its take profit and its stop loss.
BRACKET = "bracket e: limit BUY 10 @ 100 GTC; p: limit SELL 10 @ 110 GTC; l: stop SELL 10 stop 90 GTC"
SUBMITTED = ["e Submitted", "p Submitted", "l Submitted"]


def played(script: str, **settings: object) -> list[str]:
    """What a script does after its first step."""
    venue = Venue(**settings)
    first, _, rest = script.partition(" | ")
    venue.play(first)
    events = venue.play(rest)
    after_a_restart(script, events, **settings)
    return events


def after_a_restart(script: str, events: list[str], **settings: object) -> None:
    """The same where the engine is restored from its snapshot after each step."""
    venue = Venue(**settings)
    lines: list[str] = []
    for place, step in enumerate(script.split(" | ")):
        lines += venue.play(step) if place else venue.play(step)[:0]
        restored = ServiceEngine(ExecutionEngineConfig(**settings))
        restored.restore(venue.engine.snapshot())
        assert restored.state_hash() == venue.engine.state_hash()
        venue.engine = restored
    assert lines == events


# Siblings (rule 3.22).

TWO_SIDES = "oco b: stop BUY 5 stop 105 GTC; s: stop SELL 5 stop 95 GTC"
SIBLINGS = [
    (
        "one that fills in full ends the other, right after its fill",
        TWO_SIDES + " | tick 105 x 9",
        ["b Triggered", "b Filled 5 @ 105.00 Taker", "s Cancelled GROUP_FILLED"],
    ),
    (
        "what one fills, the other can't; the one that comes first in the order of processing wins",
        "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 102 GTC | tick 103 x 7 BUY",
        ["a Filled 5 @ 101.00 Maker", "b Cancelled GROUP_FILLED"],
    ),
    (
        "a part filled by one is no longer in the remainder of the other",
        "oco a: limit SELL 5 @ 101 GTC; b: stop SELL 5 stop 95 GTC | tick 102 x 2 | tick 94 x 9",
        ["a Filled 2 @ 101.00 Maker", "b Triggered", "b Filled 3 @ 94.00 Taker", "a Cancelled GROUP_FILLED",
         "b Cancelled GROUP_FILLED"],
    ),
    (
        "three siblings end in order of submission",
        "oco a: limit SELL 1 @ 103 GTC; b: limit SELL 1 @ 102 GTC; c: limit SELL 1 @ 101 GTC | tick 101.5 x 1",
        ["c Filled 1 @ 101.00 Maker", "a Cancelled GROUP_FILLED", "b Cancelled GROUP_FILLED"],
    ),
    (
        "the remainder is that of the greatest: a smaller one that is Filled leaves the rest",
        "oco a: limit SELL 2 @ 101 GTC; b: limit SELL 5 @ 103 GTC | tick 102 x 9 | tick 104 x 9",
        ["a Filled 2 @ 101.00 Maker", "b Filled 3 @ 103.00 Maker", "b Cancelled GROUP_FILLED"],
    ),
    (
        "one that is cancelled cancels the others",
        TWO_SIDES + " | cancel s",
        ["s Cancelled REQUESTED", "b Cancelled GROUP_CANCELLED"],
    ),
    (
        "one that expires cancels the others, and each ends once",
        "oco b: stop BUY 5 stop 105 DAY; s: stop SELL 5 stop 95 DAY | tick 100 x 1 at 86400 | tick 100 x 1 at 172800",
        ["b Cancelled DAY_EXPIRED", "s Cancelled GROUP_CANCELLED"],
    ),
    (
        "a post-only order that would take when it is changed ends the others",
        "oco a: post-only limit SELL 5 @ 105 GTC; b: limit SELL 5 @ 106 GTC | tick 100 x 9 | modify a price=99",
        ["a Modified", "a Cancelled POST_ONLY_WOULD_TAKE", "b Cancelled GROUP_CANCELLED"],
    ),
    (
        "a new price keeps the remainder",
        "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 103 GTC | tick 102 x 2 | modify b price=102.5 | tick 104 x 9",
        ["a Filled 2 @ 101.00 Maker", "b Modified", "a Filled 3 @ 101.00 Maker", "b Cancelled GROUP_FILLED"],
    ),
    (
        "a smaller quantity is the order's own: the remainder stays",
        "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 103 GTC | modify a quantity=2 | tick 102 x 9 | tick 104 x 9",
        ["a Modified", "a Filled 2 @ 101.00 Maker", "b Filled 3 @ 103.00 Maker", "b Cancelled GROUP_FILLED"],
    ),
    (
        "none becomes greater than the greatest was",
        "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 103 GTC | modify a quantity=6 | modify a quantity=2"
        " | modify a quantity=5 | tick 102 x 9",
        ["a Modified", "a Modified", "a Filled 5 @ 101.00 Maker", "b Cancelled GROUP_FILLED"],
    ),
    (
        "while halted they fill, and share",
        TWO_SIDES + " | halt | tick 95 x 5",
        ["s Triggered", "s Filled 5 @ 95.00 Taker", "b Cancelled GROUP_FILLED"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("script", "events"), [row[1:] for row in SIBLINGS], ids=[row[0] for row in SIBLINGS])
def test_siblings_share_one_remainder(script: str, events: list[str]) -> None:
    assert played(script) == events


def test_one_that_fills_on_arrival_ends_the_other_before_it_arrives() -> None:
    venue = Venue()
    venue.play("tick 100 x 9")
    assert venue.play("oco a: limit SELL 5 @ 99 GTC; b: limit SELL 5 @ 98 GTC") == [
        "a Submitted", "b Submitted", "a Filled 5 @ 100.00 Taker", "b Cancelled GROUP_FILLED",
    ]  # fmt: skip


def test_unlimited_liquidity_fills_no_more_than_the_remainder() -> None:
    script = "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 8 @ 102 GTC | tick 103 x 1"
    assert played(script, liquidity="unlimited") == [
        "a Filled 5 @ 101.00 Maker", "b Filled 3 @ 102.00 Maker", "b Cancelled GROUP_FILLED",
    ]  # fmt: skip


# Children (rule 3.23).

CHILDREN = [
    (
        "they sleep until the parent fills, and arrive at the next tick, against which they may fill",
        BRACKET + " | tick 120 x 5 | tick 99 x 10 | tick 111 x 4 | tick 112 x 9",
        ["e Filled 10 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 4 @ 111.00 Taker",
         "p Filled 6 @ 110.00 Maker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "the tick that fills the parent fills no child, however far it goes",
        "bracket e: stop BUY 5 stop 100 GTC; p: limit SELL 5 @ 102 GTC; l: stop SELL 5 stop 95 GTC"
        " | tick 104 x 20 | tick 103 x 20",
        ["e Triggered", "e Filled 5 @ 104.00 Taker", "p Modified", "l Modified", "p Filled 5 @ 103.00 Taker",
         "l Cancelled GROUP_FILLED"],
    ),
    (
        "a stop loss that is through when it arrives triggers at once",
        BRACKET + " | tick 99 x 10 | tick 85 x 4 | tick 84 x 9",
        ["e Filled 10 @ 100.00 Maker", "p Modified", "l Modified", "l Triggered", "l Filled 4 @ 85.00 Taker",
         "l Filled 6 @ 84.00 Taker", "p Cancelled GROUP_FILLED"],
    ),
    (
        "a further fill of the parent is added at the next tick, with a new priority",
        BRACKET + " | tick 99 x 3 | tick 99 x 4 | tick 115 x 9 | tick 115 x 1",
        ["e Filled 3 @ 100.00 Maker", "e Filled 4 @ 100.00 Maker", "p Modified", "l Modified",
         "p Filled 3 @ 110.00 Maker", "p Modified", "l Modified", "p Filled 4 @ 115.00 Taker"],
    ),
    (
        "children that have filled all of a parent that can still fill sleep until it does",
        BRACKET + " | tick 99 x 3 | tick 111 x 9 | tick 111 x 9 | tick 99 x 7 | tick 111 x 9",
        ["e Filled 3 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 3 @ 111.00 Taker",
         "e Filled 7 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 7 @ 111.00 Taker",
         "l Cancelled GROUP_FILLED"],
    ),
    (
        "a parent cancelled after a part leaves children of what filled",
        BRACKET + " | tick 99 x 3 | cancel e | tick 111 x 9",
        ["e Filled 3 @ 100.00 Maker", "e Cancelled REQUESTED", "p Modified", "l Modified", "p Modified", "l Modified",
         "p Filled 3 @ 111.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a parent cancelled when its children have filled all that it did ends them",
        BRACKET + " | tick 99 x 3 | tick 111 x 9 | cancel e",
        ["e Filled 3 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 3 @ 111.00 Taker", "e Cancelled REQUESTED",
         "p Cancelled GROUP_FILLED", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a parent cancelled before any fill ends them",
        BRACKET + " | cancel e",
        ["e Cancelled REQUESTED", "p Cancelled GROUP_CANCELLED", "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "a parent that expires before any fill ends them",
        "bracket e: limit BUY 1 @ 99 DAY; p: limit SELL 1 @ 110 GTC; l: stop SELL 1 stop 90 GTC"
        " | tick 100 x 1 at 86399 | time 86400",
        ["e Cancelled DAY_EXPIRED", "p Cancelled GROUP_CANCELLED", "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "a parent that expires after a part leaves children of what filled",
        "bracket e: limit BUY 5 @ 99 DAY; p: limit SELL 5 @ 110 GTC; l: stop SELL 5 stop 90 GTC"
        " | tick 98 x 2 at 86399 | tick 111 x 9 at 86400",
        ["e Filled 2 @ 99.00 Maker", "e Cancelled DAY_EXPIRED", "p Modified", "l Modified", "p Modified", "l Modified",
         "p Filled 2 @ 111.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "an asleep child that expires ends its siblings, and the parent stays",
        "bracket e: limit BUY 1 @ 99 GTC; p: limit SELL 1 @ 110 DAY; l: stop SELL 1 stop 90 GTC"
        " | tick 100 x 1 at 86399 | time 86400 | tick 98 x 1 at 86401",
        ["p Cancelled DAY_EXPIRED", "l Cancelled GROUP_CANCELLED", "e Filled 1 @ 99.00 Maker"],
    ),
    (
        "an asleep child that is cancelled ends its siblings, and the parent stays",
        BRACKET + " | cancel l | tick 99 x 10",
        ["l Cancelled REQUESTED", "p Cancelled GROUP_CANCELLED", "e Filled 10 @ 100.00 Maker"],
    ),
    (
        "children without siblings fill independently of each other",
        "oto e: limit BUY 2 @ 100 GTC; a: limit SELL 2 @ 110 GTC; b: limit SELL 1 @ 111 GTC"
        " | tick 99 x 2 | tick 112 x 9",
        ["e Filled 2 @ 100.00 Maker", "a Modified", "b Modified", "a Filled 2 @ 112.00 Taker",
         "b Filled 1 @ 112.00 Taker"],
    ),
    (
        "a child without siblings that is cancelled leaves the others",
        "oto e: limit BUY 2 @ 100 GTC; a: limit SELL 2 @ 110 GTC; b: limit SELL 1 @ 111 GTC"
        " | cancel a | tick 99 x 2 | tick 112 x 9",
        ["a Cancelled REQUESTED", "e Filled 2 @ 100.00 Maker", "b Modified", "b Filled 1 @ 112.00 Taker"],
    ),
    (
        "an IOC parent: its children are what it filled",
        "tick 100 x 4 | bracket e: limit BUY 10 @ 100 IOC; p: limit SELL 10 @ 110 GTC; l: stop SELL 10 stop 90 GTC"
        " | tick 89 x 9",
        ["e Submitted", "p Submitted", "l Submitted", "e Filled 4 @ 100.00 Taker", "e Cancelled IMMEDIATE_OR_CANCEL",
         "p Modified", "l Modified", "p Modified", "l Modified", "l Triggered", "l Filled 4 @ 89.00 Taker",
         "p Cancelled GROUP_FILLED"],
    ),
    (
        "a FOK parent that finds too little ends with its children",
        "tick 100 x 4 | bracket e: limit BUY 10 @ 100 FOK; p: limit SELL 10 @ 110 GTC; l: stop SELL 10 stop 90 GTC",
        ["e Submitted", "p Submitted", "l Submitted", "e Cancelled FILL_OR_KILL", "p Cancelled GROUP_CANCELLED",
         "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "changes of an asleep child are its terms when it arrives",
        BRACKET + " | modify p price=105 | modify l stop_price=95 | tick 99 x 10 | tick 106 x 10",
        ["p Modified", "l Modified", "e Filled 10 @ 100.00 Maker", "p Modified", "l Modified",
         "p Filled 10 @ 106.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a child becomes no greater than its parent, or than what a parent that has ended filled",
        BRACKET + " | modify p quantity=11 | tick 99 x 3 | cancel e | modify p quantity=4 | modify p quantity=2"
        " | modify p quantity=3 | tick 111 x 9",
        ["e Filled 3 @ 100.00 Maker", "e Cancelled REQUESTED", "p Modified", "l Modified", "p Modified", "p Modified",
         "p Modified", "l Modified", "p Filled 3 @ 111.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a parent that is made smaller and fills leaves children of what filled",
        BRACKET + " | modify e quantity=4 | tick 99 x 9 | tick 111 x 9",
        ["e Modified", "e Filled 4 @ 100.00 Maker", "p Modified", "l Modified", "p Modified", "l Modified",
         "p Filled 4 @ 111.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a parent that is made greater leaves the children as they are",
        BRACKET + " | modify e quantity=12 | tick 99 x 12 | tick 111 x 20",
        ["e Modified", "e Filled 12 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 10 @ 111.00 Taker"],
    ),
    (
        "while halted, children are released",
        BRACKET + " | halt | tick 99 x 10 | tick 111 x 10",
        ["e Filled 10 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 10 @ 111.00 Taker",
         "l Cancelled GROUP_FILLED"],
    ),
    (
        "a post-only child that would take when it arrives ends its siblings",
        "bracket e: limit BUY 1 @ 100 GTC; p: post-only limit SELL 1 @ 110 GTC; l: stop SELL 1 stop 90 GTC"
        " | tick 99 x 1 | tick 111 x 1",
        ["e Filled 1 @ 100.00 Maker", "p Modified", "l Modified", "p Cancelled POST_ONLY_WOULD_TAKE",
         "l Cancelled GROUP_CANCELLED"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("script", "events"), [row[1:] for row in CHILDREN], ids=[row[0] for row in CHILDREN])
def test_children_sleep_and_follow_their_parent(script: str, events: list[str]) -> None:
    assert played(script) == events


def test_children_arrive_at_the_next_tick_whatever_fill_on_is() -> None:
    events = ["e Filled 10 @ 100.00 Taker", "p Modified", "l Modified", "p Filled 10 @ 111.00 Taker",
              "l Cancelled GROUP_FILLED"]  # fmt: skip
    bracket = BRACKET.replace("limit BUY 10 @ 100", "market BUY 10")
    assert played("tick 100 x 10 | " + bracket + " | tick 111 x 10") == SUBMITTED + events
    assert played(bracket + " | tick 100 x 10 | tick 111 x 10", fill_on="next") == events


def test_what_an_asleep_child_shows() -> None:
    venue = Venue()
    venue.play(BRACKET)
    entry, profit, loss = (venue.get(order_id) for order_id in "epl")
    assert (entry.group_type, entry.group_id, entry.parent_id) == (OrderGroupType.Bracket, "e", None)
    assert (loss.group_type, loss.group_id, loss.parent_id) == (OrderGroupType.Bracket, "e", "e")
    assert (profit.status.name, profit.is_active, profit.quantity) == ("Initialized", False, 10)
    assert [each.order_id for each in venue.engine.get_active_orders("s")] == ["e"]
    assert venue.engine.statistics().orders_open == 1
    row = loss.as_dict()
    assert (row["group_type"], row["group_id"], row["parent_id"]) == ("Bracket", "e", "e")
    assert venue.engine.events()[2].order == group(BRACKET).orders[2]


def test_cancelling_all_ends_those_asleep_too() -> None:
    venue = Venue()
    venue.play(BRACKET + " | tick 99 x 3")
    assert venue.engine.cancel_all_orders("s") == 3
    assert venue.log() == [
        "e Cancelled REQUESTED", "p Modified", "l Modified", "p Cancelled REQUESTED", "l Cancelled GROUP_CANCELLED",
    ]  # fmt: skip
    assert venue.play("tick 111 x 9") == []


def test_a_lapsed_session_ends_the_group() -> None:
    venue = Venue()
    venue.play(BRACKET)
    assert venue.engine.lapse_session("s") == 3
    assert venue.log() == [
        "e Cancelled SESSION_LAPSED", "p Cancelled GROUP_CANCELLED", "l Cancelled GROUP_CANCELLED",
    ]  # fmt: skip


# Submission (rule 3.21).


def test_a_group_is_refused_whole() -> None:
    for settings, reason in [
        ({"max_order_quantity": 5}, "ORDER_QUANTITY_LIMIT"),
        ({"max_open_orders": 2}, "OPEN_ORDERS_LIMIT"),
        ({"max_orders_per_second": 2}, "ORDER_RATE_LIMIT"),
        ({"max_order_notional": 1050}, "ORDER_NOTIONAL_LIMIT"),
    ]:
        venue = Venue(**settings)
        assert venue.play(BRACKET) == [f"{name} Rejected {reason}" for name in "epl"]
        assert venue.engine.statistics().orders_rejected == 3
        assert venue.engine.submit_order_group(group(BRACKET)) == ["e", "p", "l"]
    venue = Venue()
    venue.play("halt")
    assert venue.play(BRACKET) == [f"{name} Rejected HALTED" for name in "epl"]


def test_a_group_counts_as_all_its_orders() -> None:
    venue = Venue(max_open_orders=4)
    venue.play(BRACKET)
    assert venue.play("a: limit BUY 1 @ 1 GTC | b: limit BUY 1 @ 1 GTC") == [
        "a Submitted",
        "b Rejected OPEN_ORDERS_LIMIT",
    ]
    venue.play("cancel e")
    assert venue.play("c: limit BUY 1 @ 1 GTC") == ["c Submitted"]
    venue = Venue(max_orders_per_second=4)
    venue.play(BRACKET)
    assert venue.play("a: limit BUY 1 @ 1 GTC | b: limit BUY 1 @ 1 GTC") == [
        "a Submitted",
        "b Rejected ORDER_RATE_LIMIT",
    ]


def test_the_ids_of_all_are_the_key() -> None:
    venue = Venue()
    venue.play(BRACKET + " | tick 99 x 10 | tick 111 x 10")
    assert venue.engine.submit_order_group(group(BRACKET)) == ["e", "p", "l"]
    assert venue.log() == []
    for other in (
        BRACKET.replace("90", "91"),
        BRACKET.replace("l:", "m:"),
        BRACKET.replace("bracket", "oto"),
        "oco e: limit BUY 10 @ 100 GTC; x: limit SELL 10 @ 110 GTC",
        "oco x: limit BUY 10 @ 100 GTC; e: limit BUY 10 @ 100 GTC",
    ):
        with pytest.raises(InvalidArgument) as caught:
            venue.engine.submit_order_group(group(other))
        assert caught.value.reason == "ORDER_CONFLICT"
    with pytest.raises(InvalidArgument, match="other fields"):
        venue.engine.submit_order(order("e: limit BUY 10 @ 100 GTC"))
    venue.play("z: limit BUY 1 @ 1 GTC")
    with pytest.raises(InvalidArgument, match="other fields"):
        venue.engine.submit_order_group(group("oco y: limit BUY 1 @ 1 GTC; z: limit BUY 1 @ 1 GTC"))
    assert venue.engine.get_order("x") is None


def test_an_order_of_a_group_is_not_submitted_alone() -> None:
    venue = Venue()
    for known in (False, True):
        with pytest.raises(InvalidArgument) as caught:
            venue.engine.submit_order(group(BRACKET).orders[1])
        assert caught.value.reason == "ORDER_FIELD_SURPLUS"
        if not known:
            assert venue.engine.get_order("p") is None
            venue.play(BRACKET)


def test_a_group_is_known_while_one_of_its_orders_is() -> None:
    venue = Venue(max_final_orders=1)
    venue.play(BRACKET + " | tick 99 x 10")
    for text in ("a: market BUY 1 IOC", "b: market BUY 1 IOC", "c: limit BUY 1 @ 1 GTC"):
        venue.engine.submit_order(order(text))
    assert venue.engine.get_order("e") is None
    assert venue.engine.submit_order_group(group(BRACKET)) == ["e", "p", "l"]
    assert venue.get("l").parent_id == "e"
    assert venue.engine.statistics().orders_submitted == 6
    with pytest.raises(InvalidArgument, match="other fields"):
        venue.engine.submit_order_group(group(BRACKET.replace("110", "111")))
    venue.tick("89 x 20")
    assert venue.get("l").status is OrderStatus.Filled
    assert venue.engine.validate() == []


MALFORMED = [
    ("an id twice", "oco a: limit SELL 5 @ 101 GTC; a: limit SELL 5 @ 102 GTC"),
    ("two strategies", "oco a: limit SELL 5 @ 101 GTC s; b: limit SELL 5 @ 102 GTC t"),
    ("an IOC sibling", "oco a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 102 IOC"),
    ("a FOK child", "oto a: limit SELL 5 @ 101 GTC; b: limit SELL 5 @ 102 FOK"),
    ("a child greater than its parent", "oto a: limit SELL 5 @ 101 GTC; b: limit SELL 5.5 @ 102 GTC"),
    ("an exit on the side of the entry", BRACKET.replace("limit SELL", "limit BUY")),
]


@pytest.mark.parametrize("text", [text for _, text in MALFORMED], ids=[name for name, _ in MALFORMED])
def test_a_malformed_group_is_a_value_error(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        group(text)
    assert caught.value.reason == "ORDER_CONFLICT"


@pytest.mark.parametrize(
    "text",
    [
        "oco a: limit SELL 5 @ 101 GTC",
        "bracket e: market BUY 1 GTC; p: limit SELL 1 @ 110 GTC",
        "oco " + "; ".join(f"a{n}: limit SELL 1 @ 101 GTC" for n in range(11)),
    ],
    ids=["one", "two of a bracket", "eleven"],
)
def test_a_group_has_two_to_ten_orders(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        group(text)
    assert caught.value.reason == "LIMIT_EXCEEDED"


def test_a_group_has_one_symbol_and_orders_of_no_other_group() -> None:
    first = order("a: limit SELL 5 @ 101 GTC")
    with pytest.raises(InvalidArgument, match="the same symbol"):
        OrderGroup(OrderGroupType.OneCancelsOther, [first, order("b: limit SELL 5 @ 101 GTC", symbol="Y")])
    with pytest.raises(InvalidArgument, match="already in a group"):
        OrderGroup(OrderGroupType.OneCancelsOther, [first, group(BRACKET).orders[1]])
    with pytest.raises(TypeError):
        OrderGroup(OrderGroupType.OneCancelsOther, [first, "b"])


# Order.bracket


def test_a_bracket_has_its_exits_on_the_other_side() -> None:
    made = Order.bracket(
        "X", OrderSide.Sell, "0.5", "s", take_profit=90, stop_loss="110.5", price=100, stop_loss_limit=111,
        time_in_force=TimeInForce.Day, post_only=True, order_id="b", created_at=7,
    )  # fmt: skip
    entry, profit, loss = made.orders
    assert made.type is OrderGroupType.Bracket
    assert made.order_ids == ["b", "b-tp", "b-sl"]
    assert (entry.side, entry.price, entry.post_only, entry.time_in_force) == (
        OrderSide.Sell, 100, True, TimeInForce.Day,
    )  # fmt: skip
    assert (profit.side, profit.order_type.name, profit.price, profit.post_only) == (OrderSide.Buy, "Limit", 90, False)
    assert (loss.side, loss.order_type.name, loss.stop_price, loss.price) == (OrderSide.Buy, "StopLimit", 110.5, 111)
    assert {each.time_in_force for each in (profit, loss)} == {TimeInForce.GoodTillCancel}
    assert {each.as_dict()["quantity"] for each in made.orders} == {Decimal("0.5")}
    assert {each.created_at for each in made.orders} == {7}


@pytest.mark.parametrize(
    ("side", "prices"),
    [
        ("Buy", {"take_profit": 90, "stop_loss": 110}),
        ("Buy", {"take_profit": 110, "stop_loss": 110}),
        ("Buy", {"take_profit": 110, "stop_loss": 90, "price": 110}),
        ("Buy", {"take_profit": 110, "stop_loss": 90, "price": 89}),
        ("Sell", {"take_profit": 110, "stop_loss": 90}),
        ("Sell", {"take_profit": 90, "stop_loss": 110, "price": 111}),
        ("Buy", {"take_profit": 110, "stop_loss": 90, "exit_time_in_force": TimeInForce.FillOrKill}),
    ],
)
def test_a_bracket_whose_prices_are_not_in_order_is_a_value_error(side: str, prices: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Order.bracket("X", OrderSide[side], 1, "s", **prices)
    assert caught.value.reason == "ORDER_CONFLICT"


def test_a_bracket_whose_loss_trails_and_whose_exits_are_reduce_only() -> None:
    unit = TrailingOffsetType.BasisPoints
    for options in ({"price": 100}, {}):
        _, profit, loss = Order.bracket(
            "X", OrderSide.Buy, 2, "s", take_profit=110, trailing_offset=50, trailing_offset_type=unit,
            reduce_only=True, **options,
        ).orders  # fmt: skip
        assert (loss.order_type.name, loss.side, loss.stop_price, loss.price) == (
            "TrailingStop", OrderSide.Sell, None, None,
        )  # fmt: skip
        assert (loss.trailing_offset, loss.trailing_offset_type) == (50, unit)
        assert (profit.reduce_only, loss.reduce_only) == (True, True)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({}, "ORDER_FIELD_MISSING"),
        ({"stop_loss": 90, "trailing_offset": 5}, "ORDER_FIELD_SURPLUS"),
        ({"stop_loss_limit": 90, "trailing_offset": 5}, "ORDER_FIELD_SURPLUS"),
        ({"price": 111, "trailing_offset": 5}, "ORDER_CONFLICT"),
        ({"trailing_offset": 0}, "PRICE_NOT_POSITIVE"),
    ],
)
def test_a_bracket_has_one_way_to_end_its_loss(terms: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Order.bracket("X", OrderSide.Buy, 1, "s", take_profit=110, **terms)
    assert caught.value.reason == reason
