"""How orders meet prints, one row a scenario: the script, then all events in order."""

from __future__ import annotations

import pytest

from tests.unit.execution.venue import Venue


def rows(*table: tuple[str, str, list[str]]) -> list[object]:
    return [pytest.param(script, events, id=name) for name, script, events in table]


def played(script: str, **settings: object) -> list[str]:
    """The events but for the plain acceptances."""
    return [event for event in Venue(**settings).play(script) if not event.endswith(" Submitted")]


RESTING = rows(
    ("through", "a: limit BUY 0.5 @ 3000 GTC | tick 2999 x 1 SELL", ["a Filled 0.5 @ 3000.00 Maker"]),
    ("through, for any aggressor", "a: limit BUY 0.5 @ 3000 GTC | tick 2999 x 1 BUY", ["a Filled 0.5 @ 3000.00 Maker"]),
    (
        "at the limit, a seller took",
        "a: limit BUY 0.5 @ 3000 GTC | tick 3000 x 1 SELL",
        ["a Filled 0.5 @ 3000.00 Maker"],
    ),
    (
        "at the limit, nobody says who took",
        "a: limit BUY 0.5 @ 3000 GTC | tick 3000 x 1",
        ["a Filled 0.5 @ 3000.00 Maker"],
    ),
    ("at the limit, a buyer took", "a: limit BUY 0.5 @ 3000 GTC | tick 3000 x 1 BUY", []),
    ("not reached", "a: limit BUY 0.5 @ 3000 GTC | tick 3001 x 1 SELL", []),
    ("a sell, through", "a: limit SELL 0.5 @ 3000 GTC | tick 3001 x 1 SELL", ["a Filled 0.5 @ 3000.00 Maker"]),
    (
        "a sell at the limit, a buyer took",
        "a: limit SELL 0.5 @ 3000 GTC | tick 3000 x 1 BUY",
        ["a Filled 0.5 @ 3000.00 Maker"],
    ),
    ("a sell at the limit, a seller took", "a: limit SELL 0.5 @ 3000 GTC | tick 3000 x 1 SELL", []),
    (
        "in two parts",
        "a: limit BUY 0.5 @ 3000 GTC | tick 2999 x 0.2 | tick 2998 x 0.2 | tick 2997 x 0.2",
        ["a Filled 0.2 @ 3000.00 Maker", "a Filled 0.2 @ 3000.00 Maker", "a Filled 0.1 @ 3000.00 Maker"],
    ),
    (
        "highest buy first, then the older",
        "a: limit BUY 1 @ 10 GTC | b: limit BUY 1 @ 11 GTC | c: limit BUY 1 @ 11 GTC | tick 9 x 2.5",
        ["b Filled 1 @ 11.00 Maker", "c Filled 1 @ 11.00 Maker", "a Filled 0.5 @ 10.00 Maker"],
    ),
    (
        "lowest sell first, then the older",
        "a: limit SELL 1 @ 12 GTC | b: limit SELL 1 @ 11 GTC | c: limit SELL 1 @ 11 GTC | tick 13 x 2.5",
        ["b Filled 1 @ 11.00 Maker", "c Filled 1 @ 11.00 Maker", "a Filled 0.5 @ 12.00 Maker"],
    ),
    (
        "own orders never meet each other: each side has the whole print",
        "a: limit BUY 1 @ 11 GTC | b: limit SELL 1 @ 9 GTC | tick 10 x 1",
        ["a Filled 1 @ 11.00 Maker", "b Filled 1 @ 9.00 Maker"],
    ),
    (
        "the pool is gone with the next tick",
        "tick 10 x 5 | tick 12 x 1 | a: limit BUY 3 @ 12 GTC",
        ["a Filled 1 @ 12.00 Taker"],
    ),
)

ARRIVING = rows(
    ("marketable: at the last price, as taker", "tick 10 x 2 | a: limit BUY 1 @ 11 GTC", ["a Filled 1 @ 10.00 Taker"]),
    (
        "up to the pool, the rest rests",
        "tick 10 x 2 | a: limit BUY 3 @ 11 GTC | tick 10.5 x 5",
        ["a Filled 2 @ 10.00 Taker", "a Filled 1 @ 11.00 Maker"],
    ),
    (
        "shares the pool with those before",
        "tick 10 x 2 | a: limit BUY 1.5 @ 11 GTC | b: limit BUY 1.5 @ 11 GTC",
        ["a Filled 1.5 @ 10.00 Taker", "b Filled 0.5 @ 10.00 Taker"],
    ),
    (
        "buys and sells have a pool each",
        "tick 10 x 1 | a: limit BUY 1 @ 10 GTC | b: limit SELL 1 @ 10 GTC",
        ["a Filled 1 @ 10.00 Taker", "b Filled 1 @ 10.00 Taker"],
    ),
    ("not marketable", "tick 10 x 2 | a: limit BUY 1 @ 9 GTC", []),
    ("nothing fills without a tick", "a: limit BUY 1 @ 9 GTC | b: market SELL 1 GTC", []),
    ("market before any tick waits", "a: market BUY 1 GTC | tick 10 x 2", ["a Filled 1 @ 10.00 Taker"]),
    (
        "market's rest waits for the next ticks",
        "tick 10 x 1 | a: market BUY 3 GTC | tick 11 x 1 | tick 12 x 5",
        ["a Filled 1 @ 10.00 Taker", "a Filled 1 @ 11.00 Taker", "a Filled 1 @ 12.00 Taker"],
    ),
    (
        "market orders wait by priority",
        "a: market BUY 1 GTC | b: market SELL 1 GTC | c: market BUY 1 GTC | tick 10 x 1.5",
        ["a Filled 1 @ 10.00 Taker", "b Filled 1 @ 10.00 Taker", "c Filled 0.5 @ 10.00 Taker"],
    ),
    (
        "waiting orders come before resting ones",
        "a: limit BUY 1 @ 11 GTC | b: market BUY 1 GTC | tick 10 x 1.5",
        ["b Filled 1 @ 10.00 Taker", "a Filled 0.5 @ 11.00 Maker"],
    ),
    (
        "IOC: the rest is cancelled",
        "tick 10 x 1 | a: limit BUY 3 @ 10 IOC",
        ["a Filled 1 @ 10.00 Taker", "a Cancelled IMMEDIATE_OR_CANCEL"],
    ),
    ("IOC that reaches nothing", "tick 10 x 1 | a: limit BUY 3 @ 9 IOC", ["a Cancelled IMMEDIATE_OR_CANCEL"]),
    (
        "market IOC",
        "tick 10 x 1 | a: market SELL 3 IOC",
        ["a Filled 1 @ 10.00 Taker", "a Cancelled IMMEDIATE_OR_CANCEL"],
    ),
    ("market IOC before any tick", "a: market SELL 3 IOC", ["a Cancelled IMMEDIATE_OR_CANCEL"]),
    ("FOK: all", "tick 10 x 3 | a: limit BUY 3 @ 10 FOK", ["a Filled 3 @ 10.00 Taker"]),
    ("FOK: or nothing", "tick 10 x 2.9 | a: limit BUY 3 @ 10 FOK", ["a Cancelled FILL_OR_KILL"]),
    ("market FOK", "tick 10 x 2.9 | a: market BUY 3 FOK", ["a Cancelled FILL_OR_KILL"]),
)

STOPS = rows(
    (
        "a buy stop at the stop price",
        "a: stop BUY 1 stop 12 GTC | tick 11 x 1 | tick 12 x 1",
        ["a Triggered", "a Filled 1 @ 12.00 Taker"],
    ),
    (
        "a sell stop below it",
        "a: stop SELL 1 stop 9 GTC | tick 10 x 1 | tick 8 x 1",
        ["a Triggered", "a Filled 1 @ 8.00 Taker"],
    ),
    (
        "through at submission: an event of its own before the fill",
        "tick 13 x 1 | a: stop BUY 1 stop 12 GTC",
        ["a Triggered", "a Filled 1 @ 13.00 Taker"],
    ),
    (
        "buys from the lowest stop, then sells from the highest",
        "a: stop BUY 1 stop 12 GTC | b: stop BUY 1 stop 11 GTC | c: stop SELL 1 stop 12 GTC"
        " | d: stop SELL 1 stop 13 GTC | tick 12 x 9",
        [
            "b Triggered",
            "b Filled 1 @ 12.00 Taker",
            "a Triggered",
            "a Filled 1 @ 12.00 Taker",
            "d Triggered",
            "d Filled 1 @ 12.00 Taker",
            "c Triggered",
            "c Filled 1 @ 12.00 Taker",
        ],
    ),
    (
        "what the resting ones left, then the next ticks",
        "a: limit BUY 1 @ 12 GTC | b: stop BUY 2 stop 11 GTC | tick 11 x 2 | tick 11.5 x 5",
        ["a Filled 1 @ 12.00 Maker", "b Triggered", "b Filled 1 @ 11.00 Taker", "b Filled 1 @ 11.50 Taker"],
    ),
    (
        "a triggered stop has new priority",
        "a: stop BUY 1 stop 11 GTC | b: market BUY 1 GTC | tick 11 x 0.5 | tick 11 x 1",
        ["b Filled 0.5 @ 11.00 Taker", "a Triggered", "b Filled 0.5 @ 11.00 Taker", "a Filled 0.5 @ 11.00 Taker"],
    ),
    (
        "a stop-limit is a limit from then on",
        "a: stop-limit BUY 1 stop 11 @ 12 GTC | tick 13 x 1 | tick 11.5 x 1",
        ["a Triggered", "a Filled 1 @ 12.00 Maker"],
    ),
    (
        "a stop-limit takes at its trigger",
        "a: stop-limit SELL 1 stop 11 @ 10 GTC | tick 10.5 x 1",
        ["a Triggered", "a Filled 1 @ 10.50 Taker"],
    ),
    (
        "stop IOC",
        "a: stop BUY 2 stop 11 IOC | tick 11 x 1",
        ["a Triggered", "a Filled 1 @ 11.00 Taker", "a Cancelled IMMEDIATE_OR_CANCEL"],
    ),
    ("stop FOK", "a: stop BUY 2 stop 11 FOK | tick 11 x 1", ["a Triggered", "a Cancelled FILL_OR_KILL"]),
)

ENDS = rows(
    ("cancel", "a: limit BUY 1 @ 9 GTC | cancel a | tick 8 x 1", ["a Cancelled REQUESTED"]),
    ("cancel a waiting market order", "a: market BUY 1 GTC | cancel a | tick 8 x 1", ["a Cancelled REQUESTED"]),
    ("cancel an untriggered stop", "a: stop BUY 1 stop 9 GTC | cancel a | tick 10 x 1", ["a Cancelled REQUESTED"]),
    ("final is final", "a: limit BUY 1 @ 9 GTC | tick 8 x 1 | cancel a | cancel a", ["a Filled 1 @ 9.00 Maker"]),
    (
        "DAY: the tick at midnight expires it first",
        "tick 10 x 1 at 5 | a: limit BUY 1 @ 9 DAY | tick 8 x 1 at 86400",
        ["a Cancelled DAY_EXPIRED"],
    ),
    (
        "DAY: a nanosecond of the day is enough",
        "tick 10 x 1 at 86399 | a: limit BUY 1 @ 9 DAY | tick 8 x 1 at 86400",
        ["a Cancelled DAY_EXPIRED"],
    ),
    (
        "DAY: midnight itself belongs to the new day",
        "tick 10 x 1 at 86400 | a: limit BUY 1 @ 9 DAY | tick 8 x 1 at 172799",
        ["a Filled 1 @ 9.00 Maker"],
    ),
    (
        "DAY before any tick: the day of the first one",
        "a: limit BUY 1 @ 9 DAY | tick 10 x 1 at 86400 | tick 8 x 1 at 172799",
        ["a Filled 1 @ 9.00 Maker"],
    ),
    (
        "DAY expires by the timer",
        "tick 10 x 1 at 5 | a: stop BUY 1 stop 19 DAY | time 86400",
        ["a Cancelled DAY_EXPIRED"],
    ),
    (
        "DAY market orders and triggered stops expire too",
        "tick 10 x 1 at 5 | a: market BUY 2 DAY | tick 10 x 1 at 86400",
        ["a Filled 1 @ 10.00 Taker", "a Cancelled DAY_EXPIRED"],
    ),
    (
        "DAY orders expire by priority",
        "tick 10 x 1 | a: limit BUY 1 @ 9 DAY | b: limit BUY 1 @ 9 DAY | modify a price=8 | tick 8 x 1 at 86400",
        ["a Modified", "b Cancelled DAY_EXPIRED", "a Cancelled DAY_EXPIRED"],
    ),
    (
        "GTD: a tick at its time expires it first",
        "tick 10 x 1 at 5 | a: limit BUY 1 @ 9 GTD:8 | b: limit BUY 1 @ 9 GTD:9 | tick 8 x 1 at 8",
        ["a Cancelled DATE_EXPIRED", "b Filled 1 @ 9.00 Maker"],
    ),
    (
        "GTD before any tick: its own time",
        "a: market BUY 2 GTD:8 | tick 10 x 1 at 7 | tick 10 x 1 at 90000",
        ["a Filled 1 @ 10.00 Taker", "a Cancelled DATE_EXPIRED"],
    ),
    (
        "GTD expires by the timer, for stops too",
        "a: stop BUY 1 stop 19 GTD:8 | time 7 | b: limit BUY 1 @ 9 GTD:9 | time 8 | time 9",
        ["a Cancelled DATE_EXPIRED", "b Cancelled DATE_EXPIRED"],
    ),
    (
        "GTD at or before market time is rejected",
        "tick 10 x 1 at 5 | a: limit BUY 1 @ 9 GTD:5 | b: limit BUY 1 @ 9 GTD:6 | time 7 | c: limit BUY 1 @ 9 GTD:7",
        ["a Rejected EXPIRE_TIME_PASSED", "b Cancelled DATE_EXPIRED", "c Rejected EXPIRE_TIME_PASSED"],
    ),
    (
        "DAY and GTD expire together, by priority",
        "tick 10 x 1 | a: limit BUY 1 @ 9 GTD:70000 | b: limit BUY 1 @ 9 DAY | c: limit BUY 1 @ 9 GTD:60000"
        " | modify a quantity=2 | tick 8 x 1 at 86400",
        ["a Modified", "b Cancelled DAY_EXPIRED", "c Cancelled DATE_EXPIRED", "a Cancelled DATE_EXPIRED"],
    ),
    (
        "GTD ends once",
        "a: limit BUY 1 @ 9 GTD:8 | b: limit BUY 1 @ 9 GTD:8 | cancel a | tick 8 x 1 at 7 | time 8",
        ["a Cancelled REQUESTED", "b Filled 1 @ 9.00 Maker"],
    ),
    ("GTC stays", "tick 10 x 1 at 5 | a: limit BUY 1 @ 9 GTC | tick 8 x 1 at 999999", ["a Filled 1 @ 9.00 Maker"]),
    (
        "a late tick acts, and moves no time",
        "tick 10 x 1 at 90000 | a: limit BUY 1 @ 9 DAY | tick 8 x 1 at 5",
        ["a Filled 1 @ 9.00 Maker"],
    ),
)


TRAILING = rows(
    (
        "a sell follows the highest price, and no lower one",
        "tick 10 x 9 | a: trail SELL 1 by 2 GTC | tick 12 x 9 | tick 11 x 9 | tick 10.5 x 9 | tick 10 x 9",
        ["a Triggered at 10.00", "a Filled 1 @ 10.00 Taker"],
    ),
    (
        "a buy follows the lowest price, and no higher one",
        "tick 10 x 9 | a: trail BUY 1 by 2 GTC | tick 8 x 9 | tick 9 x 9 | tick 11 x 9",
        ["a Triggered at 10.00", "a Filled 1 @ 11.00 Taker"],
    ),
    (
        "before any tick it begins with the first one, which does not trigger it",
        "a: trail SELL 1 by 2 GTC | tick 10 x 9 | tick 8.5 x 9 | tick 8 x 9",
        ["a Triggered at 8.00", "a Filled 1 @ 8.00 Taker"],
    ),
    (
        "basis points are of the extreme",
        "tick 100 x 9 | a: trail SELL 1 by 50bps GTC | tick 200 x 9 | tick 199.01 x 9 | tick 199 x 9",
        ["a Triggered at 199.00", "a Filled 1 @ 199.00 Taker"],
    ),
    (
        "basis points that round to nothing are a billionth",
        "tick 0.000000003 x 9 | a: trail SELL 1 by 1bps GTC | tick 0.000000003 x 9 | tick 0.000000002 x 9",
        ["a Triggered at 0.000000002", "a Filled 1 @ 0.000000002 Taker"],
    ),
    (
        "it trails from its activation price on",
        "tick 10 x 9 | a: trail SELL 1 by 2 from 12 GTC | tick 7 x 9 | tick 11.9 x 9 | tick 12 x 9 | tick 10.5 x 9"
        " | tick 10 x 9",
        ["a Triggered at 10.00", "a Filled 1 @ 10.00 Taker"],
    ),
    (
        "an activation price that the last price has is reached",
        "tick 10 x 9 | a: trail BUY 1 by 2 from 10 GTC | tick 12 x 9",
        ["a Triggered at 12.00", "a Filled 1 @ 12.00 Taker"],
    ),
    (
        "a buy is activated by a low price",
        "tick 10 x 9 | a: trail BUY 1 by 2 from 9 GTC | tick 20 x 9 | tick 9 x 9 | tick 10.9 x 9 | tick 11 x 9",
        ["a Triggered at 11.00", "a Filled 1 @ 11.00 Taker"],
    ),
    (
        "a trailing stop-limit has its limit relative to its stop",
        "tick 10 x 9 | a: trail-limit SELL 1 by 2 limit 0.5 GTC | tick 12 x 9 | tick 9 x 9 | tick 9.6 x 9",
        ["a Triggered at 10.00 limit 9.50", "a Filled 1 @ 9.50 Maker"],
    ),
    (
        "of two, the nearer stop triggers first, whatever it is",
        "tick 10 x 9 | a: trail SELL 1 by 3 GTC | b: stop SELL 1 stop 8 GTC | c: trail SELL 1 by 1 GTC | tick 7 x 2.5",
        [
            "c Triggered at 9.00",
            "c Filled 1 @ 7.00 Taker",
            "b Triggered",
            "b Filled 1 @ 7.00 Taker",
            "a Triggered at 7.00",
            "a Filled 0.5 @ 7.00 Taker",
        ],
    ),
    (
        "at the same stop the older one, whatever it is",
        "tick 10 x 9 | a: trail SELL 1 by 2 GTC | b: stop SELL 1 stop 8 GTC | c: trail SELL 1 by 2000bps GTC"
        " | tick 8 x 3",
        [
            "a Triggered at 8.00",
            "a Filled 1 @ 8.00 Taker",
            "b Triggered",
            "b Filled 1 @ 8.00 Taker",
            "c Triggered at 8.00",
            "c Filled 1 @ 8.00 Taker",
        ],
    ),
    (
        "each has the extreme since its own beginning",
        "tick 12 x 9 | a: trail SELL 1 by 3 GTC | tick 10 x 9 | b: trail SELL 1 by 2 GTC | tick 9.5 x 9 | tick 9 x 9"
        " | tick 8 x 9",
        ["a Triggered at 9.00", "a Filled 1 @ 9.00 Taker", "b Triggered at 8.00", "b Filled 1 @ 8.00 Taker"],
    ),
    (
        "a new extreme is everyone's",
        "tick 12 x 9 | a: trail SELL 1 by 3 GTC | tick 10 x 9 | b: trail SELL 1 by 2 GTC | tick 13 x 9 | tick 11 x 9"
        " | tick 10 x 9",
        ["b Triggered at 11.00", "b Filled 1 @ 11.00 Taker", "a Triggered at 10.00", "a Filled 1 @ 10.00 Taker"],
    ),
    (
        "an offset above the price waits for a stop that is one",
        "tick 10 x 9 | a: trail SELL 1 by 11 GTC | tick 0.1 x 9 | tick 12 x 9 | tick 1 x 9",
        ["a Triggered at 1.00", "a Filled 1 @ 1.00 Taker"],
    ),
    (
        "an increase keeps the extreme, and takes a new priority",
        "tick 12 x 9 | a: trail SELL 1 by 2 GTC | b: trail SELL 1 by 2 GTC | tick 11 x 9 | modify a quantity=2"
        " | tick 10 x 9",
        [
            "a Modified",
            "b Triggered at 10.00",
            "b Filled 1 @ 10.00 Taker",
            "a Triggered at 10.00",
            "a Filled 2 @ 10.00 Taker",
        ],
    ),
    (
        "cancelled, it does not trigger; nor do others too early",
        "tick 12 x 9 | a: trail SELL 1 by 2 GTC | tick 11 x 9 | b: trail SELL 1 by 1.5 GTC | cancel a | tick 10 x 9"
        " | tick 9.5 x 9",
        ["a Cancelled REQUESTED", "b Triggered at 9.50", "b Filled 1 @ 9.50 Taker"],
    ),
    (
        "it expires like others",
        "tick 12 x 9 at 1 | a: trail SELL 1 by 2 GTD:5 | b: trail SELL 1 by 2 from 20 DAY | tick 9 x 9 at 86400",
        ["a Cancelled DATE_EXPIRED", "b Cancelled DAY_EXPIRED"],
    ),
    (
        "reduce-only, it closes what is there",
        "tick 10 x 9 | e: market BUY 2 GTC | a: reduce-only trail SELL 5 by 1 GTC | tick 12 x 9 | tick 11 x 9",
        [
            "e Filled 2 @ 10.00 Taker",
            "a Triggered at 11.00",
            "a Filled 2 @ 11.00 Taker",
            "a Cancelled NOTHING_TO_REDUCE",
        ],
    ),
    (
        "an order that a trigger ends does not trigger",
        "tick 10 x 9 | e: market BUY 1 GTC | a: trail SELL 1 by 1 GTC | b: reduce-only trail SELL 1 by 2 GTC"
        " | tick 7 x 9",
        [
            "e Filled 1 @ 10.00 Taker",
            "a Triggered at 9.00",
            "a Filled 1 @ 7.00 Taker",
            "b Cancelled NOTHING_TO_REDUCE",
        ],
    ),
    (
        "IOC and FOK apply at the trigger",
        "tick 10 x 9 | a: trail SELL 2 by 1 IOC | b: trail SELL 2 by 2 FOK | tick 8 x 1",
        [
            "a Triggered at 9.00",
            "a Filled 1 @ 8.00 Taker",
            "a Cancelled IMMEDIATE_OR_CANCEL",
            "b Triggered at 8.00",
            "b Cancelled FILL_OR_KILL",
        ],
    ),
)


@pytest.mark.parametrize(("script", "events"), TRAILING)
def test_trailing_stops(script: str, events: list[str]) -> None:
    assert played(script) == events


def test_a_trailing_stop_shows_where_its_stop_is() -> None:
    venue = Venue()
    venue.play("a: trail-limit SELL 1 by 2 limit 0.5 GTC")
    assert (venue.get("a").stop_price, venue.get("a").price) == (None, None)
    venue.play("tick 10 x 1 | tick 12 x 1 | tick 11 x 1")
    assert (venue.get("a").stop_price, venue.get("a").price) == (10.0, None)
    venue.play("tick 9 x 1")
    assert (venue.get("a").stop_price, venue.get("a").price) == (10.0, 9.5)
    with pytest.raises(ValueError, match="has no stop_price"):
        venue.engine.modify_order("a", stop_price=3)


def test_the_limit_of_a_trailing_stop_limit_is_changed_after_its_trigger() -> None:
    venue = Venue()
    venue.play("tick 10 x 1 | a: trail-limit SELL 1 by 2 limit 0 GTC")
    assert not venue.engine.modify_order("a", price=3)
    venue.play("tick 7 x 1")
    assert venue.engine.modify_order("a", price=7)
    assert venue.get("a").fills[0].price == 7


LONG = "tick 10 x 9 | e: market BUY 3 GTC | "
REDUCING = rows(
    (
        "fills what it closes, and the rest ends",
        LONG + "a: reduce-only limit SELL 5 @ 11 GTC | tick 12 x 9",
        ["a Filled 3 @ 11.00 Maker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    (
        "several never flip",
        LONG + "a: reduce-only limit SELL 2 @ 11 GTC | b: reduce-only limit SELL 2 @ 11 GTC"
        " | c: reduce-only stop SELL 3 stop 9 GTC | tick 12 x 9 | tick 8 x 9",
        [
            "a Filled 2 @ 11.00 Maker",
            "b Filled 1 @ 11.00 Maker",
            "b Cancelled NOTHING_TO_REDUCE",
            "c Cancelled NOTHING_TO_REDUCE",
        ],
    ),
    (
        "an order of another kind may close it first",
        LONG + "a: reduce-only stop SELL 3 stop 9 GTC | b: market SELL 4 GTC | tick 8 x 9",
        ["b Filled 4 @ 10.00 Taker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    (
        "a partial close leaves it less to fill",
        LONG + "a: reduce-only limit SELL 3 @ 11 GTC | b: market SELL 2 GTC | tick 12 x 9",
        ["b Filled 2 @ 10.00 Taker", "a Filled 1 @ 11.00 Maker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    (
        "a position that grows again gives it more",
        LONG + "a: reduce-only limit SELL 9 @ 12 GTC | b: market BUY 2 GTC | tick 13 x 9",
        ["b Filled 2 @ 10.00 Taker", "a Filled 5 @ 12.00 Maker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    ("flat: rejected", "tick 10 x 9 | a: reduce-only market SELL 1 GTC", ["a Rejected NOTHING_TO_REDUCE"]),
    (
        "on the same side: rejected",
        LONG + "a: reduce-only stop BUY 1 stop 20 GTC",
        ["a Rejected NOTHING_TO_REDUCE"],
    ),
    (
        "the position of another strategy is another's",
        LONG + "a: reduce-only market SELL 1 GTC t",
        ["a Rejected NOTHING_TO_REDUCE"],
    ),
    (
        "a short position is bought back",
        "tick 10 x 9 | e: market SELL 3 GTC | a: reduce-only market BUY 5 IOC",
        ["a Filled 3 @ 10.00 Taker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    (
        "FOK needs a position for all of it",
        LONG + "a: reduce-only market SELL 4 FOK | b: reduce-only market SELL 3 FOK",
        ["a Cancelled FILL_OR_KILL", "b Filled 3 @ 10.00 Taker"],
    ),
    (
        "waiting for prints, it fills what is left of the position",
        LONG + "tick 10 x 1 | a: reduce-only market SELL 3 GTC | b: market SELL 1 GTC | tick 11 x 9",
        [
            "a Filled 1 @ 10.00 Taker",
            "a Filled 2 @ 11.00 Taker",
            "b Filled 1 @ 11.00 Taker",
        ],
    ),
    (
        "a change keeps it reduce-only",
        LONG + "a: reduce-only limit SELL 1 @ 12 GTC | modify a quantity=9 price=10",
        ["a Modified", "a Filled 3 @ 10.00 Taker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
    (
        "it ends within the step, before the next order of that step",
        LONG + "a: reduce-only limit SELL 3 @ 12 GTC | b: limit SELL 3 @ 11 GTC | tick 13 x 9",
        ["b Filled 3 @ 11.00 Maker", "a Cancelled NOTHING_TO_REDUCE"],
    ),
)


@pytest.mark.parametrize(("script", "events"), REDUCING)
def test_reduce_only_orders(script: str, events: list[str]) -> None:
    assert [event for event in played(script) if not event.startswith("e ")] == events


@pytest.mark.parametrize(("script", "events"), [*RESTING, *ARRIVING, *STOPS, *ENDS])
def test_orders_meet_prints_as_the_rules_say(script: str, events: list[str]) -> None:
    assert played(script) == events


MODIFY = rows(
    (
        "a decrease keeps priority",
        "a: limit BUY 2 @ 10 GTC | b: limit BUY 1 @ 10 GTC | modify a quantity=1 | tick 9 x 1",
        ["a Modified", "a Filled 1 @ 10.00 Maker"],
    ),
    (
        "an increase goes to the back",
        "a: limit BUY 1 @ 10 GTC | b: limit BUY 1 @ 10 GTC | modify a quantity=2 | tick 9 x 1",
        ["a Modified", "b Filled 1 @ 10.00 Maker"],
    ),
    (
        "a new price goes to the back",
        "a: limit BUY 1 @ 10 GTC | b: limit BUY 1 @ 11 GTC | modify a price=11 | tick 9 x 1",
        ["a Modified", "b Filled 1 @ 11.00 Maker"],
    ),
    (
        "and arrives again",
        "tick 10 x 1 | a: limit BUY 1 @ 9 GTC | modify a price=10",
        ["a Modified", "a Filled 1 @ 10.00 Taker"],
    ),
    ("equal values: no event", "a: limit BUY 1 @ 9 GTC | modify a price=9 quantity=1", []),
    (
        "not above what is filled",
        "a: limit BUY 2 @ 9 GTC | tick 8 x 1 | modify a quantity=1",
        ["a Filled 1 @ 9.00 Maker"],
    ),
    (
        "a stop stays one",
        "tick 10 x 1 | a: stop BUY 1 stop 12 GTC | modify a stop_price=11 | tick 11 x 1",
        ["a Modified", "a Triggered", "a Filled 1 @ 11.00 Taker"],
    ),
    (
        "unless its new stop price is through",
        "tick 10 x 1 | a: stop BUY 1 stop 12 GTC | modify a stop_price=10",
        ["a Modified", "a Triggered", "a Filled 1 @ 10.00 Taker"],
    ),
    (
        "no new stop price once triggered",
        "tick 13 x 1 | a: stop-limit BUY 1 stop 12 @ 9 GTC | modify a stop_price=14",
        ["a Triggered"],
    ),
    (
        "a waiting order may grow",
        "a: market BUY 1 GTC | modify a quantity=2 | tick 10 x 3",
        ["a Modified", "a Filled 2 @ 10.00 Taker"],
    ),
    ("halted, it may shrink", "a: limit BUY 2 @ 9 GTC | halt | modify a quantity=1", ["a Modified"]),
    ("halted, it may not grow", "a: limit BUY 2 @ 9 GTC | halt | modify a quantity=3", []),
)


@pytest.mark.parametrize(("script", "events"), MODIFY)
def test_changes_keep_or_lose_priority(script: str, events: list[str]) -> None:
    assert played(script) == events


POST_ONLY = rows(
    ("would take", "tick 10 x 1 | a: post-only limit BUY 1 @ 10 GTC", ["a Rejected POST_ONLY_WOULD_TAKE"]),
    ("rests", "tick 10 x 1 | a: post-only limit BUY 1 @ 9 GTC | tick 8 x 1", ["a Filled 1 @ 9.00 Maker"]),
    (
        "an empty pool has nothing to take",
        "tick 10 x 1 | a: limit BUY 1 @ 10 GTC | b: post-only limit BUY 1 @ 10 GTC | tick 9 x 1",
        ["a Filled 1 @ 10.00 Taker", "b Filled 1 @ 10.00 Maker"],
    ),
    (
        "changed so that it would take",
        "tick 10 x 1 | a: post-only limit BUY 1 @ 9 GTC | modify a price=10",
        ["a Modified", "a Cancelled POST_ONLY_WOULD_TAKE"],
    ),
    (
        "a stop-limit at its trigger",
        "a: post-only stop-limit BUY 1 stop 10 @ 11 GTC | tick 10 x 1",
        ["a Triggered", "a Cancelled POST_ONLY_WOULD_TAKE"],
    ),
)


@pytest.mark.parametrize(("script", "events"), POST_ONLY)
def test_post_only_never_takes(script: str, events: list[str]) -> None:
    assert played(script) == events


UNLIMITED = rows(
    ("arriving: whole, at the last price", "tick 10 x 1 | a: limit BUY 99 @ 11 GTC", ["a Filled 99 @ 10.00 Taker"]),
    ("resting: whole, at its limit", "a: limit BUY 99 @ 11 GTC | tick 10 x 1", ["a Filled 99 @ 11.00 Maker"]),
    (
        "waiting: whole",
        "a: market BUY 99 GTC | b: market BUY 99 GTC | tick 10 x 1",
        ["a Filled 99 @ 10.00 Taker", "b Filled 99 @ 10.00 Taker"],
    ),
    ("FOK", "tick 10 x 1 | a: limit BUY 99 @ 11 FOK", ["a Filled 99 @ 10.00 Taker"]),
)


@pytest.mark.parametrize(("script", "events"), UNLIMITED)
def test_unlimited_liquidity_fills_whole_orders(script: str, events: list[str]) -> None:
    assert played(script, liquidity="unlimited") == events


NEXT = rows(
    (
        "an arrival is handled at the next tick",
        "tick 10 x 1 | a: limit BUY 1 @ 10 GTC | tick 9 x 1",
        ["a Filled 1 @ 9.00 Taker"],
    ),
    (
        "and rests from then on",
        "tick 10 x 1 | a: limit BUY 1 @ 10 GTC | tick 11 x 1 | tick 9 x 1",
        ["a Filled 1 @ 10.00 Maker"],
    ),
    (
        "after the resting ones",
        "a: limit BUY 1 @ 10 GTC | tick 11 x 1 | b: limit BUY 1 @ 20 GTC | tick 9 x 1.5",
        ["a Filled 1 @ 10.00 Maker", "b Filled 0.5 @ 9.00 Taker"],
    ),
    ("IOC", "tick 10 x 1 | a: limit BUY 1 @ 10 IOC | tick 11 x 1", ["a Cancelled IMMEDIATE_OR_CANCEL"]),
    ("FOK", "tick 10 x 1 | a: limit BUY 1 @ 10 FOK | tick 9 x 1", ["a Filled 1 @ 9.00 Taker"]),
    (
        "a stop triggers at one tick and arrives at the next",
        "a: stop BUY 1 stop 10 GTC | tick 10 x 1 | tick 11 x 1",
        ["a Triggered", "a Filled 1 @ 11.00 Taker"],
    ),
    (
        "through at submission: triggered then, filled at the next tick",
        "tick 10 x 1 | a: stop BUY 1 stop 10 GTC | tick 9 x 1",
        ["a Triggered", "a Filled 1 @ 9.00 Taker"],
    ),
    (
        "post-only is decided at the arrival",
        "tick 10 x 1 | a: post-only limit BUY 1 @ 10 GTC | tick 9 x 1",
        ["a Cancelled POST_ONLY_WOULD_TAKE"],
    ),
)


@pytest.mark.parametrize(("script", "events"), NEXT)
def test_fill_on_next_puts_arrivals_off(script: str, events: list[str]) -> None:
    assert played(script, fill_on="next") == events


def test_an_old_last_price_has_no_pool_left() -> None:
    in_time = "tick 10 x 1 at 5 | time 15 | a: limit BUY 0.1 @ 10 GTC"
    script = f"{in_time} | time 16 | b: limit BUY 0.1 @ 10 IOC | c: stop BUY 1 stop 9 GTC"
    expected = ["a Filled 0.1 @ 10.00 Taker", "b Cancelled IMMEDIATE_OR_CANCEL", "c Triggered"]
    assert played(script, max_price_age_ns=10 * 10**9) == expected


SLIPPAGE = rows(
    ("a market buy pays more", "tick 100 x 1 | a: market BUY 1 GTC", ["a Filled 1 @ 100.05 Taker"]),
    ("a market sell gets less", "tick 100 x 1 | a: market SELL 1 GTC", ["a Filled 1 @ 99.95 Taker"]),
    ("never past the limit", "tick 100 x 1 | a: limit BUY 1 @ 100.02 GTC", ["a Filled 1 @ 100.02 Taker"]),
    ("makers have none", "a: limit BUY 1 @ 100 GTC | tick 99 x 1", ["a Filled 1 @ 100.00 Maker"]),
    ("half to even at nine places", "tick 0.0000001 x 1 | a: market BUY 1 GTC", ["a Filled 1 @ 0.0000001 Taker"]),
)


@pytest.mark.parametrize(("script", "events"), SLIPPAGE)
def test_slippage_is_against_takers(script: str, events: list[str]) -> None:
    assert played(script, slippage_bps=5) == events
