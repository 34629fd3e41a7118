"""Registered instruments: the grid of orders, the value of contracts, and commissions, in process and remote."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import Player

GRIDS = [
    (
        "off the grid is refused, with a reason",
        {"tick_size": "0.5", "lot_size": 10},
        """
        tick 100 x 90
        a: limit BUY 10 @ 99.5
        a is Submitted
        b: limit BUY 10 @ 99.3
        b is Rejected (PRICE_OFF_GRID)
        c: market SELL 15
        c is Rejected (QUANTITY_OFF_GRID)
        d: stop SELL 10 @ 90.1
        d is Rejected (PRICE_OFF_GRID)
        e: trailing-stop SELL 10 by 0.7
        e is Rejected (PRICE_OFF_GRID)
        f: trailing-stop SELL 10 by 15bps
        f is Submitted
        g: market BUY 5 of Y
        g is Submitted
        """,
    ),
    (
        "rounded: a limit becomes no better, a stop no nearer, a quantity no greater",
        {"tick_size": "0.5", "lot_size": 10, "off_grid": "round"},
        """
        tick 100 x 90
        a: limit BUY 19 @ 99.9
        b: limit SELL 19 @ 100.1
        c: stop SELL 12 @ 90.4
        d: stop BUY 12 @ 110.1
        tick 99.8 x 90 SELL
        a is Submitted
        tick 99.5 x 90 SELL
        a is Filled: 10 @ 99.5 maker
        tick 100.5 x 90 BUY
        b is Filled: 10 @ 100.5 maker
        tick 110.1 x 90
        d is Submitted
        tick 110.5 x 90
        d is Filled: 10 @ 110.5 taker
        tick 90.2 x 90
        c is Submitted
        tick 90 x 90
        c is Filled: 10 @ 90 taker
        """,
    ),
    (
        "what would be rounded to nothing is refused",
        {"tick_size": "0.5", "lot_size": 10, "off_grid": "round"},
        """
        a: limit BUY 10 @ 0.3
        a is Rejected (PRICE_OFF_GRID)
        b: limit BUY 9 @ 5
        b is Rejected (QUANTITY_OFF_GRID)
        """,
    ),
    (
        "a change off the grid is refused, or rounded",
        {"tick_size": "0.5", "lot_size": 10},
        """
        a: limit BUY 20 @ 99.5
        modify a price=99.3 -> False
        modify a quantity=15 -> False
        modify a price=99 -> True
        """,
    ),
    (
        "a rounded change that changes nothing is no change",
        {"tick_size": "0.5", "lot_size": 10, "off_grid": "round"},
        """
        a: limit BUY 20 @ 99.5
        modify a price=99.9 quantity=29 -> True
        modify a price=99.4 -> True
        tick 99 x 90 SELL
        a is Filled: 20 @ 99 maker
        """,
    ),
    (
        "a group is rounded as a whole, or refused",
        {"tick_size": 1, "lot_size": 1, "off_grid": "round"},
        """
        tick 100 x 9
        bracket a: market BUY 1.5; b: limit SELL 1.5 @ 109.5; c: stop SELL 1.5 @ 90.5
        a is Filled: 1 @ 100 taker
        tick 109.5 x 9
        tick 110 x 9
        b is Filled: 1 @ 110 maker
        bracket d: market BUY 1; e: limit SELL 0.5 @ 109; f: stop SELL 1 @ 90
        d is Rejected (QUANTITY_OFF_GRID)
        e is Rejected (QUANTITY_OFF_GRID)
        """,
    ),
    (
        "the limit of a trailing stop-limit is on the grid when it triggers",
        {"tick_size": "0.5"},
        """
        tick 100 x 9
        a: trailing-stop-limit SELL 1 by 105bps limit 10
        tick 98.5 x 9
        a is Submitted
        tick 99 x 9 BUY
        a is Filled: 1 @ 99 maker
        """,
    ),
    (
        "a trailing stop in ticks is that many tick sizes from its extreme",
        {"tick_size": "0.5"},
        """
        tick 100 x 9
        a: trailing-stop SELL 1 by 4ticks
        b: trailing-stop-limit BUY 1 by 2ticks limit 1 from 99
        tick 102 x 9
        tick 100.5 x 9
        a is Submitted
        tick 100 x 9
        a is Filled: 1 @ 100 taker
        tick 98 x 9
        tick 98.75 x 9
        b is Submitted
        tick 99 x 9
        b is Filled: 1 @ 99 taker
        """,
    ),
    (
        "ticks without a size, or out of range, are refused with a reason",
        {"lot_size": 1},
        """
        a: trailing-stop SELL 1 by 4ticks
        a is Rejected (TICK_SIZE_UNKNOWN)
        b: trailing-stop SELL 1 by 4ticks of Y
        b is Rejected (TICK_SIZE_UNKNOWN)
        """,
    ),
    (
        "ticks that no price can hold are refused with a reason",
        {"tick_size": 1000, "off_grid": "round"},
        """
        a: trailing-stop SELL 1 by 9223373ticks
        a is Rejected (VALUE_OVERFLOW)
        b: trailing-stop-limit SELL 1 by 9223372ticks limit 9223373
        b is Rejected (VALUE_OVERFLOW)
        c: trailing-stop SELL 1 by 9223372ticks
        c is Submitted
        """,
    ),
]


def registered(api: Api, engine: Any, **terms: Any) -> Any:
    engine.register_instruments([api.execution.Instrument("X", **terms)])
    return engine


@pytest.mark.parametrize(("terms", "scenario"), [case[1:] for case in GRIDS], ids=[case[0] for case in GRIDS])
def test_the_grid(api: Api, terms: dict[str, Any], scenario: str) -> None:
    Player(api, registered(api, api.make_execution_engine(), **terms)).play(scenario)


def test_a_trailing_stop_in_ticks_shows_ticks_and_keeps_what_they_were_at_its_submission(api: Api) -> None:
    x = api.execution
    engine = registered(api, api.make_execution_engine(), tick_size="0.5", off_grid="round")
    ticks = {"trailing_offset_type": x.TrailingOffsetType.Ticks, "order_id": "mine", "created_at": 1}
    order = x.Order.trailing_stop_limit("X", x.OrderSide.Sell, 1, 4, 2, x.TimeInForce.GTC, "s", **ticks)
    assert pickle.loads(pickle.dumps(order)) == order
    assert engine.submit_order(order) == engine.submit_order(order) == "mine"
    engine.register_instruments([x.Instrument("X", tick_size=1)])
    Player(api, engine).play("tick 100 x 9")
    shown = engine.get_order("mine")
    assert (shown.trailing_offset, shown.trailing_offset_type.name, shown.limit_offset) == (4.0, "Ticks", 2.0)
    assert shown.stop_price == 98.0
    assert shown.as_dict()["trailing_offset_type"] == "Ticks"
    assert "by 4.00 ticks" in repr(shown)
    assert next(iter(engine.events())).order == order
    same_in_prices = x.Order.trailing_stop_limit(
        "X", x.OrderSide.Sell, 1, 2, 1, x.TimeInForce.GTC, "s", order_id="mine", created_at=1
    )
    with pytest.raises(ValueError, match="was submitted with other fields"):
        engine.submit_order(same_in_prices)
    assert engine.submit_order(order) == "mine"
    for offsets in ((1.5, 1), (1, 0.5)):
        with pytest.raises(ValueError, match="a whole number of ticks"):
            x.Order.trailing_stop_limit(
                "X", x.OrderSide.Sell, 1, *offsets, x.TimeInForce.GTC, "s",
                trailing_offset_type=x.TrailingOffsetType.Ticks,
            )  # fmt: skip


def test_a_rounded_order_is_known_by_what_was_submitted(api: Api) -> None:
    x = api.execution
    engine = registered(api, api.make_execution_engine(), tick_size="0.5", lot_size=10, off_grid="round")
    tif = x.TimeInForce.GTC
    order = x.Order.limit("X", x.OrderSide.Buy, 19, "99.9", tif, "s", order_id="mine")
    trailing = x.Order.trailing_stop("X", x.OrderSide.Sell, 19, "0.7", tif, "s", activation_price="101.2")
    for each in (order, trailing):
        assert engine.submit_order(each) == engine.submit_order(each) == each.order_id
    kept = engine.get_order("mine")
    assert (kept.quantity, kept.price, kept.leaves_quantity) == (10.0, 99.5, 10.0)
    shown = engine.get_order(trailing.order_id)
    assert (shown.quantity, shown.trailing_offset, shown.activation_price) == (10.0, 1.0, 101.5)
    event, other = engine.events()
    assert event.order == order
    assert (float(event.quantity), float(event.price), event.stop_price) == (10.0, 99.5, None)
    assert other.order == trailing
    with pytest.raises(ValueError, match="was submitted with other fields"):
        engine.submit_order(x.Order.limit("X", x.OrderSide.Buy, 10, "99.5", tif, "s", order_id="mine"))
    # A grid registered later changes neither the order nor the fields that identify it.
    registered(api, engine, tick_size=1, lot_size=7)
    assert engine.submit_order(order) == "mine"
    assert engine.get_order("mine") == kept
    assert engine.modify_order("mine", price="99.5") is True
    assert engine.modify_order("mine", quantity=7) is True


def test_slippage_stays_on_the_grid(api: Api) -> None:
    engine = registered(api, api.make_execution_engine(slippage_bps=10), tick_size="0.5")
    player = Player(api, engine)
    player.play("tick 100 x 90 | a: market BUY 1 | b: market SELL 1 | c: limit BUY 1 @ 100".replace(" | ", chr(10)))
    for line in ("a is Filled: 1 @ 100.5 taker", "b is Filled: 1 @ 99.5 taker", "c is Filled: 1 @ 100 taker"):
        player.play(line)


def test_unknown_instruments_are_refused_where_they_have_to_be_registered(api: Api) -> None:
    engine = registered(api, api.make_execution_engine(require_instruments=True))
    player = Player(api, engine)
    player.play(
        "a: market BUY 1 of Y | tick 9 x 1 of Y | b: market BUY 1 of Y | c: limit BUY 1 @ 9".replace(" | ", "\n")
    )
    for line in ("a is Rejected (INSTRUMENT_UNKNOWN)", "b is Rejected (INSTRUMENT_UNKNOWN)", "c is Submitted"):
        player.play(line)
    engine.register_instruments([api.execution.Instrument("Y")])
    player.play("d: market BUY 1 of Y\nd is Filled: 1 @ 9 taker")
    assert engine.validate() == []


# Trades at prices, then the position's net quantity, average price, cost, realised and unrealised profit and exposure.
WORTH = [
    (
        "a future of 50 times its index",
        {"multiplier": 50, "currency": "USD"},
        ["BUY 2 @ 4000", "SELL 1 @ 4010", "tick 4020"],
        ("1", "4000", "200000", "500", "1000", "201000"),
    ),
    (
        "a short one",
        {"multiplier": "0.1"},
        ["SELL 4 @ 100", "BUY 1 @ 90", "tick 110"],
        ("-3", "100", "-30", "1", "-3", "-33"),
    ),
    (
        "an inverse contract of 100 dollars, in coins",
        {"multiplier": 100, "inverse": True, "currency": "BTC"},
        ["BUY 10 @ 20000", "SELL 5 @ 25000", "tick 40000"],
        ("5", "20000", "0.025", "0.005", "0.0125", "0.0125"),
    ),
    (
        "a short inverse one; divisions are rounded half to even at 18 places",
        {"inverse": True},
        ["SELL 1 @ 3", "tick 7"],
        ("-1", "3", "-0.333333333333333333", "0", "-0.190476190476190476", "-0.142857142857142857"),
    ),
    (
        "a flip of an inverse one closes, then opens",
        {"multiplier": 100, "inverse": True},
        ["BUY 1 @ 50", "SELL 3 @ 100"],
        ("-2", "100", "-2", "1", "0", "-2"),
    ),
]


@pytest.mark.parametrize(("terms", "trades", "expected"), [case[1:] for case in WORTH], ids=[case[0] for case in WORTH])
def test_what_a_position_is_worth(
    api: Api, terms: dict[str, Any], trades: list[str], expected: tuple[str, ...]
) -> None:
    engine = registered(api, api.make_execution_engine(), **terms)
    player = Player(api, engine)
    for number, trade in enumerate(trades):
        side, *rest = trade.split()
        price = rest[-1]
        player.play(f"tick {price} x 100")
        if side != "tick":
            player.play(f"o{number}: market {side} {rest[0]}\no{number} is Filled: {rest[0]} @ {price} taker")
    (position,) = engine.get_positions("s")
    shown = (
        position.net_quantity, position.average_price, position.cost, position.realized_pnl, position.unrealized_pnl,
        position.exposure,
    )  # fmt: skip
    assert shown == tuple(map(Decimal, expected))
    assert position.as_dict()["exposure"] == Decimal(expected[-1])
    assert pickle.loads(pickle.dumps(position)) == position


def test_values_of_orders_count_contracts(api: Api) -> None:
    engine = registered(
        api, api.make_execution_engine(max_order_notional=1000, taker_commission_rate="0.01"), multiplier=50
    )
    player = Player(api, engine)
    player.play("tick 10 x 9\na: market BUY 2\nb: market BUY 2.1\nb is Rejected (ORDER_NOTIONAL_LIMIT)")
    order = engine.get_order("a")
    assert (order.avg_fill_price, order.commission) == (10.0, 10.0)
    assert engine.statistics().total_notional == 1000.0


# Fills of one order, as side, quantity and price; then the commission of each and the rules that gave it.
COMMISSIONS = [
    ("a rate by side", {"taker_commission_rate": "0.001"}, ["1 @ 100"], [("0.1", "taker_rate")]),
    ("by contract", {"commission_per_contract": "0.65"}, ["3 @ 100"], [("1.95", "per_contract")]),
    (
        "once for an order",
        {"commission_per_order": 1, "commission_per_contract": "0.5"},
        ["2 @ 100", "2 @ 90"],
        [("2", "per_contract+per_order"), ("1", "per_contract")],
    ),
    (
        "a minimum of the order, used up by its fills",
        {"commission_per_contract": "0.5", "min_commission": 2},
        ["2 @ 100", "1 @ 90", "3 @ 90"],
        [("2", "per_contract+minimum"), ("0", "per_contract+minimum"), ("1", "per_contract")],
    ),
    (
        "a maximum of the order",
        {"commission_per_contract": 1, "max_commission": 4},
        ["3 @ 100", "3 @ 90", "3 @ 90"],
        [("3", "per_contract"), ("1", "per_contract+maximum"), ("0", "per_contract+maximum")],
    ),
    ("a rebate", {"taker_commission_rate": "-0.0002"}, ["1 @ 100"], [("-0.02", "taker_rate")]),
    ("nothing", {}, ["1 @ 100"], [("0", "")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "fills", "expected"), [case[1:] for case in COMMISSIONS], ids=[case[0] for case in COMMISSIONS]
)
def test_commissions(api: Api, terms: dict[str, Any], fills: list[str], expected: list[tuple[str, str]]) -> None:
    engine = registered(api, api.make_execution_engine(), **terms)
    player = Player(api, engine)
    quantities = [fill.split(" @ ") for fill in fills]
    player.play(f"a: market BUY {sum(int(quantity) for quantity, _ in quantities)}")
    for quantity, price in quantities:
        player.play(f"tick {price} x {quantity}")
    order = engine.get_order("a")
    assert order.status.name == "Filled"
    assert [(fill.commission, fill.commission_rule) for fill in order.fills] == [
        (Decimal(amount), rule) for amount, rule in expected
    ]
    (position,) = engine.get_positions()
    assert position.commission == sum(Decimal(amount) for amount, _ in expected)
    fill = order.fills[0]
    assert pickle.loads(pickle.dumps(fill)) == fill
    assert fill.as_dict()["commission_rule"] == expected[0][1]


def test_an_instruments_rates_override_the_engines(api: Api) -> None:
    engine = api.make_execution_engine(maker_commission_rate="0.1", taker_commission_rate="0.2")
    registered(api, engine, maker_commission_rate=0)
    Player(api, engine).play(
        """
        tick 10 x 9
        a: limit BUY 1 @ 9
        b: market BUY 1
        tick 8 x 9
        """
    )
    charged = {fill.order_id: (fill.commission, fill.commission_rule) for fill in engine.get_fills()}
    assert charged == {"a": (0, ""), "b": (2, "taker_rate")}


def test_registered_instruments_are_listed(api: Api) -> None:
    x = api.execution
    engine = api.make_execution_engine()
    assert engine.get_instruments() == []
    given = [
        x.Instrument("ES", tick_size="0.25", lot_size=1, multiplier=50, currency="USD", commission_per_contract="1.25"),
        x.Instrument("XBT", tick_size="0.5", multiplier=1, inverse=True, currency="BTC", off_grid="round"),
        x.Instrument("ABC", min_commission=1, max_commission=5, maker_commission_rate="-0.0001"),
    ]
    engine.register_instruments(given)
    assert engine.get_instruments() == [given[2], given[0], given[1]]
    assert engine.get_instruments(symbol="ES") == [given[0]]
    assert engine.get_instruments(symbol="unknown") == []
    assert engine.get_instruments(limit=2) == [given[2], given[0]]
    assert engine.get_instruments(after="ABC", limit=1) == [given[0]]
    for one in given:
        assert x.Instrument(**one.as_dict()) == one == pickle.loads(pickle.dumps(one))
        assert eval(repr(one), {"Instrument": x.Instrument}) == one
    assert given[0].tick_size == Decimal("0.25")
    assert (given[0].maker_commission_rate, given[2].maker_commission_rate) == (None, Decimal("-0.0001"))


def test_a_traded_instrument_keeps_its_contract_value(api: Api) -> None:
    x = api.execution
    engine = registered(api, api.make_execution_engine(), multiplier=50, currency="USD")
    Player(api, engine).play("tick 10 x 9\na: market BUY 1")
    for other in ({"multiplier": 49}, {"multiplier": 50, "inverse": True}, {"multiplier": 50, "currency": "EUR"}):
        with pytest.raises(RuntimeError) as caught:
            engine.register_instruments([x.Instrument("Y"), x.Instrument("X", **{"currency": "USD", **other})])
        assert caught.value.reason == "INSTRUMENT_IN_USE"
    if api.partitions == 1:  # otherwise Y belongs to another partition
        assert [one.instrument_id for one in engine.get_instruments()] == ["X"]
    registered(api, engine, multiplier=50, currency="USD", tick_size=5)
    assert engine.get_instruments(symbol="X")[0].tick_size == 5


@pytest.mark.parametrize(
    "terms",
    [
        {"tick_size": 0}, {"tick_size": -1}, {"lot_size": 0}, {"multiplier": 0}, {"off_grid": "up"},
        {"maker_commission_rate": 1}, {"min_commission": 2, "max_commission": 1}, {"tick_size": "0.0000000001"},
        {"currency": "a" * 17},
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_instrument_is_refused(api: Api, terms: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        api.execution.Instrument("X", **terms)


def test_an_invalid_instrument_is_refused(api: Api) -> None:
    engine = api.make_execution_engine()
    with pytest.raises(TypeError):
        engine.register_instruments(["X"])
    with pytest.raises(TypeError, match="no attribute 'tick'"):
        api.execution.Instrument("X", tick=1)
    with pytest.raises(ValueError):
        api.execution.Instrument("")
