"""Trailing stops and reduce-only orders in groups, case by case: rules 3.21 to 3.25 and their rows of the table."""

from __future__ import annotations

import pytest

from tests.unit.execution.groups.test_order_groups import played
from tests.unit.execution.venue import Venue

# A long position of 10, then an entry whose stop loss trails.
TRAILING = "bracket e: limit BUY 10 @ 100 GTC; p: limit SELL 10 @ 110 GTC; l: trail SELL 10 by 5 GTC"
REDUCING = (
    "bracket e: limit BUY 10 @ 100 GTC; p: reduce-only limit SELL 10 @ 110 GTC; l: reduce-only stop SELL 10 stop 90 GTC"
)
FILLED = ["e Filled 10 @ 100.00 Maker", "p Modified", "l Modified"]
CASES = [
    (
        "a trailing child begins at the tick that releases it, not at its submission",
        TRAILING + " | tick 120 x 1 | tick 99 x 10 | tick 104 x 20 BUY | tick 101 x 20 | tick 99 x 20",
        [*FILLED, "l Triggered at 99.00", "l Filled 10 @ 99.00 Taker", "p Cancelled GROUP_FILLED"],
    ),
    (
        "a trailing child with an activation price begins once that is reached",
        TRAILING.replace("by 5", "by 5 from 105") + " | tick 99 x 10 | tick 104 x 20 | tick 95 x 20 | tick 106 x 20"
        " | tick 101 x 20",
        [*FILLED, "l Triggered at 101.00", "l Filled 10 @ 101.00 Taker", "p Cancelled GROUP_FILLED"],
    ),
    (
        "a further release keeps the extreme of a child that trails",
        TRAILING.replace("by 5", "by 15") + " | tick 99 x 3 | tick 108 x 1 | tick 99 x 7 | tick 104 x 1 | tick 93 x 20",
        ["e Filled 3 @ 100.00 Maker", "p Modified", "l Modified", "e Filled 7 @ 100.00 Maker", "p Modified",
         "l Modified", "l Triggered at 93.00", "l Filled 10 @ 93.00 Taker", "p Cancelled GROUP_FILLED"],
    ),
    (
        "asleep again, a trailing child has no stop, and begins again when it is released",
        TRAILING + " | tick 99 x 3 | tick 109 x 1 | tick 111 x 9 BUY | tick 99 x 7 | tick 98 x 9 | tick 93.5 x 9"
        " | tick 93 x 9",
        ["e Filled 3 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 3 @ 110.00 Maker",
         "e Filled 7 @ 100.00 Maker", "p Modified", "l Modified", "l Triggered at 93.00", "l Filled 7 @ 93.00 Taker",
         "p Cancelled GROUP_FILLED", "l Cancelled GROUP_FILLED"],
    ),
    (
        "trailing siblings share their remainder",
        "tick 100 x 9 | oco a: trail SELL 5 by 5 GTC; b: trail BUY 5 by 5 GTC | tick 96 x 9 | tick 101 x 9",
        ["a Submitted", "b Submitted", "b Triggered at 101.00", "b Filled 5 @ 101.00 Taker",
         "a Cancelled GROUP_FILLED"],
    ),
    (
        "a sibling that trails keeps the stop that it had when it ends",
        "tick 100 x 9 | oco a: trail SELL 5 by 5 GTC; b: limit SELL 5 @ 103 GTC | tick 104 x 9",
        ["a Submitted", "b Submitted", "b Filled 5 @ 103.00 Maker", "a Cancelled GROUP_FILLED"],
    ),
    (
        "a trailing parent releases what it filled",
        "tick 100 x 9 | oto e: trail BUY 5 by 5 GTC; c: trail SELL 5 by 2 GTC | tick 105 x 5 | tick 110 x 1"
        " | tick 108 x 9",
        ["e Submitted", "c Submitted", "e Triggered at 105.00", "e Filled 5 @ 105.00 Taker", "c Modified",
         "c Triggered at 108.00", "c Filled 5 @ 108.00 Taker"],
    ),
    (
        "a trailing child in ticks",
        "register tick_size=0.5 | " + TRAILING.replace("by 5", "by 4ticks") + " | tick 99 x 10 | tick 104 x 20"
        " | tick 102 x 20",
        ["e Submitted", "p Submitted", "l Submitted", *FILLED, "l Triggered at 102.00", "l Filled 10 @ 102.00 Taker",
         "p Cancelled GROUP_FILLED"],
    ),
    (
        "a reduce-only parent or sibling is refused where there is nothing to reduce, and with it the group",
        "tick 100 x 9 | oco a: limit SELL 5 @ 101 GTC; b: reduce-only stop SELL 5 stop 90 GTC",
        ["a Rejected NOTHING_TO_REDUCE", "b Rejected NOTHING_TO_REDUCE"],
    ),
    (
        "a reduce-only child is not asked before it is released",
        REDUCING + " | tick 99 x 10 | tick 111 x 20",
        [*FILLED, "p Filled 10 @ 111.00 Taker", "l Cancelled GROUP_FILLED"],
    ),
    (
        "a reduce-only child with nothing to reduce when it is released ends, and its siblings; its parent stays",
        REDUCING + " | tick 99 x 3 | x: market SELL 3 GTC | tick 105 x 1 | tick 99 x 7",
        ["e Filled 3 @ 100.00 Maker", "x Submitted", "x Filled 3 @ 99.00 Taker", "p Cancelled NOTHING_TO_REDUCE",
         "l Cancelled GROUP_CANCELLED", "e Filled 7 @ 100.00 Maker"],
    ),
    (
        "and so it does where the position is on its own side",
        "s: market SELL 20 GTC | tick 101 x 20 | " + REDUCING + " | tick 99 x 10 | tick 111 x 20",
        ["s Filled 20 @ 101.00 Taker", "e Submitted", "p Submitted", "l Submitted", "e Filled 10 @ 100.00 Maker",
         "p Cancelled NOTHING_TO_REDUCE", "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "a fill that closes the position ends children that are awake, and their siblings",
        REDUCING + " | tick 99 x 10 | tick 105 x 1 | x: market SELL 10 GTC | tick 105 x 9",
        [*FILLED, "x Submitted", "x Filled 1 @ 105.00 Taker", "x Filled 9 @ 105.00 Taker",
         "p Cancelled NOTHING_TO_REDUCE", "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "children that sleep stay when the position is closed, for what their parent fills later",
        REDUCING + " | tick 99 x 3 | tick 111 x 9 | tick 99 x 7 | tick 111 x 9",
        ["e Filled 3 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 3 @ 111.00 Taker",
         "e Filled 7 @ 100.00 Maker", "p Modified", "l Modified", "p Filled 7 @ 111.00 Taker",
         "l Cancelled GROUP_FILLED"],
    ),
    (
        "a reduce-only child fills at most the position, however much was released",
        REDUCING + " | tick 99 x 10 | tick 105 x 6 | x: market SELL 6 GTC | tick 111 x 9",
        [*FILLED, "x Submitted", "x Filled 6 @ 105.00 Taker", "p Filled 4 @ 110.00 Maker",
         "p Cancelled NOTHING_TO_REDUCE", "l Cancelled GROUP_CANCELLED"],
    ),
    (
        "a reduce-only trailing child",
        REDUCING.replace("stop SELL 10 stop 90", "trail SELL 10 by 5") + " | tick 99 x 10 | tick 108 x 20"
        " | tick 103 x 4 | tick 102 x 9",
        [*FILLED, "l Triggered at 103.00", "l Filled 4 @ 103.00 Taker", "l Filled 6 @ 102.00 Taker",
         "p Cancelled GROUP_FILLED"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("script", "events"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_orders_in_groups(script: str, events: list[str]) -> None:
    assert played(script) == events


def test_what_a_trailing_child_shows() -> None:
    venue = Venue()
    venue.play(TRAILING + " | tick 120 x 1")
    assert venue.get("l").stop_price is None
    venue.play("tick 99 x 3 | tick 108 x 1 BUY")
    assert venue.get("l").stop_price == 103
    venue.play("tick 111 x 9 BUY")  # the take profit fills what was released
    assert (venue.get("l").stop_price, venue.get("l").status.name) == (None, "Submitted")
    venue.play("cancel e")
    assert venue.get("l").stop_price is None


def test_a_halted_strategy_may_submit_groups_of_reduce_only_orders() -> None:
    venue = Venue(max_loss=10)
    venue.play("tick 100 x 9 | b: market BUY 5 GTC | tick 90 x 9")
    exits = "oco a: reduce-only limit SELL 5 @ 95 GTC; l: reduce-only trail SELL 5 by 5 GTC"
    assert venue.play(exits) == ["a Submitted", "l Submitted"]
    assert venue.play(exits.replace("a:", "x:").replace("l: reduce-only", "y:")) == [
        "x Rejected LOSS_LIMIT", "y Rejected LOSS_LIMIT",
    ]  # fmt: skip
