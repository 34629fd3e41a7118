"""Orders when trades print: one scenario for each rule, in process and remote.

The language of the scenarios is described in `tests.support.scenarios`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player

# (what must hold, settings of the engine, scenario)
RESTING: list[tuple[str, dict[str, Any], str]] = [
    (
        "a resting limit fills at its own limit, as maker, when a print goes through it",
        {},
        """
        a: limit BUY 0.5 @ 3000
        tick 2999 x 1 BUY
        a is Filled: 0.5 @ 3000 maker
        """,
    ),
    (
        "a print at exactly the limit reaches it only when the aggressor is the other side or unknown",
        {},
        """
        a: limit BUY 1 @ 100
        b: limit SELL 1 @ 101
        tick 100 x 5 BUY
        tick 101 x 5 SELL
        a is Submitted
        b is Submitted
        tick 100 x 5 SELL
        tick 101 x 5
        a is Filled: 1 @ 100 maker
        b is Filled: 1 @ 101 maker
        """,
    ),
    (
        "a tick has one pool for our buys and one for our sells, shared by price, then by age",
        {},
        """
        young: limit BUY 1 @ 101
        low: limit BUY 1 @ 100.5
        old: limit BUY 1 @ 100.5
        sell: limit SELL 3 @ 99
        tick 99.5 x 1.5 NONE
        young is Filled: 1 @ 101 maker
        low is PartiallyFilled: 0.5 @ 100.5 maker
        old is Submitted
        sell is PartiallyFilled: 1.5 @ 99 maker
        """,
    ),
    (
        "a pool is gone at the next tick",
        {},
        """
        tick 100 x 5
        tick 100 x 1
        a: limit BUY 3 @ 100
        a is PartiallyFilled: 1 @ 100 taker
        """,
    ),
    (
        "ticks of another symbol reach nothing",
        {},
        """
        a: limit BUY 1 @ 100
        tick 90 x 5 of Y
        a is Submitted
        """,
    ),
    (
        "unlimited liquidity fills whole orders",
        {"liquidity": "unlimited"},
        """
        r: limit SELL 50 @ 100
        tick 101 x 0.1 BUY
        r is Filled: 50 @ 100 maker
        m: market BUY 70
        m is Filled: 70 @ 101 taker
        """,
    ),
    (
        "late ticks act in order of arrival",
        {},
        """
        tick 100 x 5
        a: limit BUY 1 @ 99
        tick 98 x 1 SELL -90s
        a is Filled: 1 @ 99 maker
        """,
    ),
]

ARRIVING: list[tuple[str, dict[str, Any], str]] = [
    (
        "an arriving order fills at the last price, never worse than its limit, and its rest rests",
        {},
        """
        tick 99 x 1
        a: limit BUY 3 @ 100
        a is PartiallyFilled: 1 @ 99 taker
        tick 99.5 x 10 SELL
        a is Filled: 1 @ 99 taker, 2 @ 100 maker
        """,
    ),
    (
        "a market order before any tick waits, and its rest waits for the next ticks",
        {},
        """
        m: market BUY 2
        m is Submitted
        tick 100 x 0.5 BUY
        tick 101 x 9
        m is Filled: 0.5 @ 100 taker, 1.5 @ 101 taker
        """,
    ),
    (
        "an order that arrives finds only what earlier ones left",
        {},
        """
        tick 100 x 1
        a: market BUY 0.75
        b: market BUY 0.75 IOC
        s: market SELL 0.75
        a is Filled: 0.75 @ 100 taker
        b is Cancelled (IMMEDIATE_OR_CANCEL): 0.25 @ 100 taker
        s is Filled: 0.75 @ 100 taker
        """,
    ),
    (
        "fill or kill is all at once or nothing, and takes nothing when it can't be all",
        {},
        """
        tick 100 x 1
        k: limit BUY 1.5 @ 100 FOK
        k is Cancelled (FILL_OR_KILL)
        a: limit BUY 1 @ 100 FOK
        a is Filled: 1 @ 100 taker
        """,
    ),
    (
        "immediate orders never rest, with nothing to take either",
        {},
        """
        a: limit BUY 1 @ 100 IOC
        b: market SELL 1 FOK
        a is Cancelled (IMMEDIATE_OR_CANCEL)
        b is Cancelled (FILL_OR_KILL)
        """,
    ),
    (
        "with fill_on next orders meet the next tick, in order of arrival",
        {"fill_on": "next"},
        """
        tick 100 x 5
        r: limit BUY 2 @ 99.5
        m: market BUY 2
        i: limit BUY 5 @ 101 IOC
        m is Submitted
        tick 99 x 3 SELL
        r is Filled: 2 @ 99 taker
        m is PartiallyFilled: 1 @ 99 taker
        i is Cancelled (IMMEDIATE_OR_CANCEL)
        tick 98 x 9
        m is Filled: 1 @ 99 taker, 1 @ 98 taker
        """,
    ),
    (
        "a price older than max_price_age has no pool left",
        {"max_price_age_ns": 60 * 10**9},
        """
        tick 100 x 5
        time +60s
        a: market BUY 1
        a is Filled: 1 @ 100 taker
        time +1s
        b: market BUY 1 IOC
        b is Cancelled (IMMEDIATE_OR_CANCEL)
        """,
    ),
    (
        "slippage moves takers only, and never past their limit",
        {"slippage_bps": 10},
        """
        r: limit SELL 1 @ 99
        tick 100 x 9 BUY
        r is Filled: 1 @ 99 maker
        m: market BUY 1
        m is Filled: 1 @ 100.1 taker
        l: limit BUY 1 @ 100.05
        l is Filled: 1 @ 100.05 taker
        s: market SELL 1
        s is Filled: 1 @ 99.9 taker
        """,
    ),
    (
        "post-only is rejected when it would take, and rests otherwise",
        {},
        """
        tick 100 x 5
        a: limit BUY 1 @ 100 GTC post-only
        a is Rejected (POST_ONLY_WOULD_TAKE)
        b: limit BUY 1 @ 99 GTC post-only
        b is Submitted
        """,
    ),
]

STOPS: list[tuple[str, dict[str, Any], str]] = [
    (
        "a stop triggers on the last price and fills at the market, never at its stop price",
        {},
        """
        s: stop SELL 1 @ 99
        tick 100 x 5
        s is Submitted
        tick 98.5 x 5
        s is Filled: 1 @ 98.5 taker
        """,
    ),
    (
        "a stop that is through already triggers at submission",
        {},
        """
        tick 101 x 5
        b: stop BUY 1 @ 100
        b is Filled: 1 @ 101 taker
        """,
    ),
    (
        "a stop-limit is a limit from its trigger on",
        {},
        """
        s: stop-limit SELL 1 @ 99 limit 98.5
        tick 98 x 5
        s is Submitted
        tick 98.5 x 5 BUY
        s is Filled: 1 @ 98.5 maker
        """,
    ),
    (
        "stops take what resting orders left of the tick, buys with the lowest stop first",
        {},
        """
        high: stop BUY 1 @ 101
        low: stop BUY 1 @ 100.5
        rest: limit BUY 1 @ 102
        tick 101.5 x 2.5
        rest is Filled: 1 @ 102 maker
        low is Filled: 1 @ 101.5 taker
        high is PartiallyFilled: 0.5 @ 101.5 taker
        """,
    ),
    (
        "waiting market orders and triggered stops come before resting limits, by priority",
        {},
        """
        tick 100 x 1
        t: market BUY 1
        limit: limit BUY 2 @ 105
        first: market BUY 1
        second: stop BUY 1 @ 99
        tick 101 x 2.5 SELL
        first is Filled: 1 @ 101 taker
        second is Filled: 1 @ 101 taker
        limit is PartiallyFilled: 0.5 @ 105 maker
        """,
    ),
    (
        "an immediate stop takes at its trigger and ends",
        {},
        """
        i: stop BUY 2 @ 100 IOC
        k: stop BUY 2 @ 100 FOK
        tick 100 x 1
        i is Cancelled (IMMEDIATE_OR_CANCEL): 1 @ 100 taker
        k is Cancelled (FILL_OR_KILL)
        """,
    ),
]

LIFE: list[tuple[str, dict[str, Any], str]] = [
    (
        "a DAY order ends at the first midnight after its submission, before the tick that reaches it acts",
        {},
        """
        tick 101 x 1
        d: limit BUY 1 @ 100 DAY
        g: limit BUY 1 @ 100 GTC
        tick 99 x 5 midnight
        d is Cancelled (DAY_EXPIRED)
        g is Filled: 1 @ 100 maker
        """,
    ),
    (
        "midnight may come by the clock alone, for stops that wait too",
        {},
        """
        tick 101 x 1
        d: stop BUY 1 @ 110 DAY
        time midnight
        d is Cancelled (DAY_EXPIRED)
        """,
    ),
    (
        "a DAY order before any tick has the day of the first one",
        {},
        """
        d: limit BUY 1 @ 100 DAY
        tick 101 x 1 +3d
        d is Submitted
        tick 101 x 1 midnight
        d is Cancelled (DAY_EXPIRED)
        """,
    ),
    (
        "a cancel is True exactly once",
        {},
        """
        a: limit BUY 1 @ 100
        cancel a -> True
        a is Cancelled (REQUESTED)
        cancel a -> False
        cancel nobody -> False
        """,
    ),
    (
        "a cancelled order keeps what it had filled",
        {},
        """
        tick 100 x 1
        a: limit BUY 3 @ 100
        cancel a -> True
        tick 99 x 9
        a is Cancelled (REQUESTED): 1 @ 100 taker
        """,
    ),
    (
        "a decrease keeps priority, an increase does not",
        {},
        """
        a: limit BUY 2 @ 100
        b: limit BUY 2 @ 100
        modify a quantity=1 -> True
        tick 100 x 1 SELL
        a is Filled: 1 @ 100 maker
        c: limit BUY 1 @ 100
        modify b quantity=3 -> True
        tick 100 x 1 SELL
        c is Filled: 1 @ 100 maker
        b is Submitted
        """,
    ),
    (
        "a new price lets the order arrive again",
        {},
        """
        tick 100 x 2
        a: limit BUY 1 @ 99
        modify a price=100.5 -> True
        a is Filled: 1 @ 100 taker
        """,
    ),
    (
        "a new stop price that is through triggers",
        {},
        """
        tick 100 x 2
        s: stop BUY 1 @ 101
        modify s quantity=2 -> True
        s is Submitted
        modify s stop_price=100 -> True
        s is Filled: 2 @ 100 taker
        """,
    ),
    (
        "a change that can't be made is False",
        {},
        """
        tick 100 x 1
        a: limit BUY 3 @ 100
        modify a quantity=1 -> False
        modify a quantity=3 price=100 -> True
        modify nobody quantity=1 -> False
        s: stop-limit BUY 1 @ 99 limit 99
        modify s stop_price=98 -> False
        cancel a -> True
        modify a quantity=9 -> False
        """,
    ),
    (
        "halt rejects new orders; resting ones fill and cancel; resume lets orders in again",
        {},
        """
        a: limit BUY 1 @ 100
        b: limit BUY 1 @ 90
        halt
        c: market BUY 1
        c is Rejected (HALTED)
        tick 99 x 5
        a is Filled: 1 @ 100 maker
        cancel b -> True
        resume
        d: limit BUY 1 @ 99
        d is Filled: 1 @ 99 taker
        """,
    ),
    (
        "limits are counted per strategy",
        {"max_order_quantity": 10, "max_order_notional": 1000, "max_open_orders": 2},
        """
        a: limit BUY 10.5 @ 1
        a is Rejected (ORDER_QUANTITY_LIMIT)
        b: limit BUY 10 @ 100
        b is Submitted
        c: limit BUY 10 @ 100.5
        c is Rejected (ORDER_NOTIONAL_LIMIT)
        tick 200 x 1
        m: market BUY 6
        m is Rejected (ORDER_NOTIONAL_LIMIT)
        d: limit BUY 1 @ 1
        e: limit BUY 1 @ 1
        e is Rejected (OPEN_ORDERS_LIMIT)
        f: limit BUY 1 @ 1 GTC strategy other
        f is Submitted
        cancel d -> True
        g: limit BUY 1 @ 1
        g is Submitted
        """,
    ),
    (
        "orders per second are counted by market time, per strategy, and a repeat does not count",
        {"max_orders_per_second": 2},
        """
        tick 100 x 1
        a: limit BUY 1 @ 1
        a: limit BUY 1 @ 1
        b: limit BUY 1 @ 1
        c: limit BUY 1 @ 1
        c is Rejected (ORDER_RATE_LIMIT)
        d: limit BUY 1 @ 1 GTC strategy other
        d is Submitted
        tick 100 x 1 +2s
        e: limit BUY 1 @ 1
        e is Submitted
        """,
    ),
    (
        "a change that would break a limit is False",
        {"max_order_quantity": 10, "max_order_notional": 1000},
        """
        a: limit BUY 10 @ 90
        modify a quantity=11 -> False
        modify a price=101 -> False
        modify a price=100 -> True
        modify a quantity=5 -> True
        """,
    ),
    (
        "while halted an order may shrink, but neither grow nor move",
        {},
        """
        a: limit BUY 10 @ 90
        halt
        modify a quantity=9 -> True
        modify a quantity=10 -> False
        modify a price=91 -> False
        resume
        modify a price=91 -> True
        """,
    ),
]

SCENARIOS = RESTING + ARRIVING + STOPS + LIFE


@pytest.mark.parametrize(
    ("settings", "scenario"), [case[1:] for case in SCENARIOS], ids=[case[0] for case in SCENARIOS]
)
def test_orders_on_trades(api: Api, settings: dict[str, Any], scenario: str) -> None:
    if api.partitions > 1 and settings.keys() & {"max_open_orders", "max_orders_per_second"}:
        with pytest.raises(ValueError, match="limit over all symbols"):
            api.make_execution_engine(**settings)
        return
    Player(api, api.make_execution_engine(**settings)).play(scenario)


def test_commission_is_rate_times_value_per_fill_and_sums_are_exact(api: Api) -> None:
    engine = api.make_execution_engine(maker_commission_rate="0.0001", taker_commission_rate="0.000400001")
    player = Player(api, engine)
    player.play("""
        tick 100 x 1
        a: limit BUY 3 @ 100.123456789
        tick 100 x 1.000000001 SELL
        """)
    fills = engine.get_order("a").fills
    assert [fill.commission for fill in fills] == [
        Decimal("0.0400001"),
        Decimal("0.010012345688912346"),
    ]
    assert engine.statistics().total_commission == pytest.approx(float(sum(fill.commission for fill in fills)))


def test_positions_close_at_average_cost_and_flip_through_flat(api: Api) -> None:
    engine = api.make_execution_engine()
    player = Player(api, engine)
    player.play("""
        tick 100 x 9
        a: market BUY 1
        tick 110 x 9
        b: market BUY 3
        tick 120 x 9
        c: market SELL 2
        """)
    (position,) = engine.get_positions("s")
    assert (position.symbol, position.strategy_id) == ("X", "s")
    assert position.net_quantity == 2
    assert position.average_price == Decimal("107.5")
    assert position.realized_pnl == 25
    assert position.unrealized_pnl == 25
    player.play("""
        tick 130 x 9
        d: market SELL 5
        """)
    (position,) = engine.get_positions()
    assert position.net_quantity == -3
    assert position.average_price == 130
    assert position.realized_pnl == 25 + 45
    assert position.unrealized_pnl == 0
    assert engine.get_positions("another") == []
