"""Instruments whose prices may be 0 and below: fills, stops, groups, money, in process and remote (rule 3.32)."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.scenarios import START, Player
from tests.support.waiting import until

SCENARIOS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "limits are reached as at any price: buys from the highest, sells from the lowest",
        {}, {},
        """
        tick 1 x 9
        a: limit BUY 1 @ -37.63
        b: limit BUY 1 @ -10
        c: limit BUY 1 @ 0
        d: limit SELL 1 @ 2
        tick 0 x 9 BUY
        c is Submitted
        tick 0 x 9 SELL
        c is Filled: 1 @ 0 maker
        tick -11 x 9
        b is Filled: 1 @ -10 maker
        a is Submitted
        tick -40 x 9
        a is Filled: 1 @ -37.63 maker
        e: limit SELL 1 @ -39
        tick -38 x 9
        e is Filled: 1 @ -39 maker
        """,
    ),
    (
        "arriving orders take at the last price, which is better the lower it is for a buy",
        {}, {},
        """
        tick -37.63 x 3
        a: market BUY 1
        a is Filled: 1 @ -37.63 taker
        b: limit BUY 1 @ -37
        b is Filled: 1 @ -37.63 taker
        c: limit BUY 1 @ -38
        c is Submitted
        d: limit SELL 1 @ -38
        d is Filled: 1 @ -37.63 taker
        e: limit SELL 1 @ 0 post-only
        e is Submitted
        f: limit SELL 1 @ -40 post-only
        f is Rejected (POST_ONLY_WOULD_TAKE)
        """,
    ),
    (
        "stops trigger at or beyond their signed price",
        {}, {},
        """
        tick 5 x 9
        a: stop SELL 1 @ -1
        b: stop BUY 1 @ 6
        c: stop-limit SELL 1 @ 0 limit -2
        tick 0.01 x 9
        c is Submitted
        tick 0 x 9
        c is Filled: 1 @ 0 taker
        tick -1 x 9
        a is Filled: 1 @ -1 taker
        d: stop BUY 1 @ 0
        tick -0.01 x 9
        d is Submitted
        tick 0 x 9
        d is Filled: 1 @ 0 taker
        """,
    ),
    (
        "a trailing stop follows across 0, with basis points of the size of its extreme",
        {}, {},
        """
        tick 1 x 9
        a: trailing-stop SELL 1 by 2
        b: trailing-stop BUY 1 by 1000bps from -10
        tick 0.5 x 9
        a is Submitted
        tick -1 x 9
        a is Filled: 1 @ -1 taker
        tick -20 x 9
        tick -18.1 x 9
        b is Submitted
        tick -18 x 9
        b is Filled: 1 @ -18 taker
        """,
    ),
    (
        "at an extreme of 0 basis points are the least distance",
        {}, {},
        """
        tick 0 x 9
        a: trailing-stop-limit SELL 1 by 100bps limit 50
        tick 0 x 9
        a is Submitted
        tick -0.000000001 x 9
        a is Filled: 1 @ -0.000000001 taker
        """,
    ),
    (
        "a trailing stop may stop at 0, and have a limit below",
        {}, {},
        """
        tick 2 x 9
        a: trailing-stop-limit SELL 1 by 2 limit 3
        tick -4 x 9
        a is Submitted
        tick -3 x 9 BUY
        a is Filled: 1 @ -3 maker
        """,
    ),
    (
        "a bracket and siblings around 0",
        {}, {},
        """
        tick 2 x 9
        bracket a: limit BUY 2 @ 0; b: limit SELL 2 @ 1; c: stop SELL 2 @ -5
        tick -1 x 1
        tick -1 x 9
        a is Filled: 1 @ 0 maker, 1 @ 0 maker
        tick -5 x 9
        c is Filled: 2 @ -5 taker
        b is Cancelled (GROUP_FILLED)
        oco d: limit BUY 1 @ -6; e: stop BUY 1 @ -1
        tick -1 x 9
        e is Filled: 1 @ -1 taker
        d is Cancelled (GROUP_FILLED)
        """,
    ),
    (
        "reduce-only closes a position at a negative price, and no more",
        {}, {},
        """
        tick -3 x 9
        a: market SELL 2
        b: limit BUY 5 @ -4 reduce-only
        tick -5 x 9
        b is Cancelled (NOTHING_TO_REDUCE): 2 @ -4 maker
        """,
    ),
    (
        "slippage worsens by a part of the price's size",
        {"slippage_bps": 100}, {},
        """
        tick -100 x 9
        a: market BUY 1
        a is Filled: 1 @ -99 taker
        b: market SELL 1
        b is Filled: 1 @ -101 taker
        c: limit BUY 1 @ -99.5
        c is Filled: 1 @ -99.5 taker
        """,
    ),
    (
        "rounding goes the way it goes above 0: a limit becomes no better, a stop no nearer; 0 is a price",
        {}, {"tick_size": "0.5", "off_grid": "round"},
        """
        tick 5 x 9
        a: limit BUY 1 @ -0.3
        b: limit SELL 1 @ 9
        c: stop SELL 1 @ -7.8
        d: limit BUY 1 @ 0.3
        tick 0 x 9 SELL
        d is Filled: 1 @ 0 maker
        a is Submitted
        tick -0.5 x 9 SELL
        a is Filled: 1 @ -0.5 maker
        modify b price=-0.2 -> True
        tick 0 x 9 BUY
        b is Filled: 1 @ 0 maker
        tick -7.8 x 9
        c is Submitted
        tick -8 x 9
        c is Filled: 1 @ -8 taker
        """,
    ),
    (
        "off the grid is refused below 0 too",
        {}, {"tick_size": "0.5"},
        """
        a: limit BUY 1 @ -0.3
        a is Rejected (PRICE_OFF_GRID)
        b: limit BUY 1 @ -0.5
        b is Submitted
        modify b price=-0.7 -> False
        modify b price=-2 -> True
        modify b price=0 -> True
        """,
    ),
    (
        "limits on the notional are of its size",
        {"max_order_notional": 100}, {"multiplier": 10},
        """
        a: limit BUY 1 @ -11
        a is Rejected (ORDER_NOTIONAL_LIMIT)
        b: limit BUY 1 @ -10
        b is Submitted
        modify b price=-10.1 -> False
        tick -11 x 9
        c: market SELL 1
        c is Rejected (ORDER_NOTIONAL_LIMIT)
        d: limit SELL 100 @ 0
        d is Submitted
        """,
    ),
]  # fmt: skip


def venue_of(api: Api, terms: dict[str, Any] | None = None, **settings: Any) -> Player:
    engine = api.make_execution_engine(**settings)
    engine.register_instruments([api.execution.Instrument("X", negative_prices=True, **(terms or {}))])
    return Player(api, engine)


@pytest.mark.parametrize(
    ("settings", "terms", "scenario"), [case[1:] for case in SCENARIOS], ids=[case[0] for case in SCENARIOS]
)
def test_orders(api: Api, settings: dict[str, Any], terms: dict[str, Any], scenario: str) -> None:
    venue_of(api, terms, **settings).play(scenario)


@pytest.mark.one_engine("an account is of one engine")
def test_money_is_signed_and_commission_is_of_the_size(api: Api) -> None:
    """A long position bought at 2 and sold at -38 loses 40 per contract; fees are paid, not received."""
    player = venue_of(api, {"multiplier": 10}, taker_commission_rate="0.01", starting_cash=1000)
    player.play("tick 2 x 9\na: market BUY 3\ntick -37 x 9\nb: market SELL 1")
    (position,) = player.engine.get_positions()
    bought, sold = player.engine.get_fills()
    assert (bought.value, sold.value) == (Decimal(60), Decimal(-370))
    assert (bought.commission, sold.commission) == (Decimal("0.6"), Decimal("3.7"))
    assert (position.realized_pnl, position.unrealized_pnl) == (Decimal(-390), Decimal(-780))
    assert (position.net_quantity, position.average_price, position.exposure) == (2, 2, Decimal(-740))
    (account,) = player.engine.get_accounts()
    assert account.equity == 1000 - 390 - 780 - Decimal("4.3")
    assert (account.exposure, account.net_exposure) == (740, -740)
    assert account.drawdown == 1000 - account.equity
    statistics = player.engine.statistics()
    assert (statistics.total_notional, statistics.total_commission) == (430.0, 4.3)
    player.play("c: market SELL 2\nd: market SELL 1\ntick -50 x 9")
    (position,) = player.engine.get_positions()
    assert (position.net_quantity, position.average_price) == (-1, -37)
    assert (position.realized_pnl, position.unrealized_pnl) == (Decimal(-1170), Decimal(130))
    order = player.engine.get_order("b")
    assert (order.avg_fill_price, order.as_dict()["fills"][0]["price"]) == (-37.0, Decimal(-37))


@pytest.mark.one_engine("an account is of one engine")
def test_a_loss_halts_a_strategy(api: Api) -> None:
    player = venue_of(api, max_loss=30)
    player.play("tick 1 x 9\na: market BUY 1\ntick -28.9 x 9\nb: limit BUY 1 @ -50\nb is Submitted\ntick -29 x 9")
    player.play("c: limit BUY 1 @ -50\nc is Rejected (LOSS_LIMIT)")


def test_other_instruments_are_as_before(api: Api) -> None:
    x = api.execution
    player = venue_of(api)
    buy, tif = x.OrderSide.Buy, x.TimeInForce.GTC
    makers: list[Any] = [
        lambda price, **more: x.Order.limit("Y", buy, 1, price, tif, "s", **more),
        lambda price, **more: x.Order.stop("Y", buy, 1, price, tif, "s", **more),
        lambda price, **more: x.Order.stop_limit("Y", buy, 1, 5, price, tif, "s", **more),
        lambda price, **more: x.Order.trailing_stop("Y", buy, 1, 1, tif, "s", activation_price=price, **more),
        lambda price, **more: x.Order.bracket("Y", buy, 1, "s", take_profit=9, stop_loss=price, **more),
    ]
    player.play("tick 1 x 9 of Y\ntick -1 x 9 of Y\ntick 0 x 9 of Y\na: limit BUY 1 @ 0.5 of Y")
    assert player.engine.statistics().ticks_rejected == 2
    for make in makers:
        for price in (0, -1):
            # An order says so itself, or is not made.
            with pytest.raises(ValueError, match=r"must be above 0, not (0|-1)\.00") as caught:
                make(price)
            assert caught.value.reason == "PRICE_NOT_POSITIVE"
            made = make(price, negative_prices=True)
            submit = player.engine.submit_order_group if hasattr(made, "orders") else player.engine.submit_order
            with pytest.raises(ValueError, match=r"must be above 0, not (0|-1)\.00") as caught:
                submit(made)
            assert caught.value.reason == "PRICE_NOT_POSITIVE"
    for change in ({"price": 0}, {"price": -1}):
        with pytest.raises(ValueError, match="price must be above 0"):
            player.engine.modify_order("a", **change)
    assert player.engine.statistics().orders_submitted == 1


def test_what_is_out_of_range_stays_refused(api: Api) -> None:
    x = api.execution
    player = venue_of(api)
    for price in ("nan", "-inf", "-9223372036.854775809", float("nan"), "-0.0000000001"):
        with pytest.raises(ValueError):
            x.Order.limit("X", x.OrderSide.Buy, 1, price, x.TimeInForce.GTC, "s", negative_prices=True)
    least = "-9223372036.854775807"
    player.play(f"a: limit BUY 1 @ {least}\na is Submitted\ntick {least} x 9 SELL\na is Filled: 1 @ {least} maker")
    with pytest.raises(ValueError):
        player.play("b: limit BUY 1 @ -9223372036.854775808")
    player.play("tick -9223372036.854775808 x 1\ntick -9 x 100000000000000000000")
    assert player.engine.statistics().ticks_rejected == 2


def test_it_is_shown_and_kept_once_there_were_orders_or_trades(api: Api) -> None:
    x = api.execution
    made = x.Instrument("X", tick_size="0.01", negative_prices=True)
    assert x.Instrument(**made.as_dict()) == made == pickle.loads(pickle.dumps(made))
    assert eval(repr(made), {"Instrument": x.Instrument}) == made != x.Instrument("X", tick_size="0.01")
    engine = api.make_execution_engine()
    engine.register_instruments([made])
    assert engine.get_instruments() == [made]
    assert engine.get_instruments()[0].negative_prices
    engine.register_instruments([x.Instrument("X")])
    engine.register_instruments([made])
    Player(api, engine).play("tick -1 x 1")
    with pytest.raises(RuntimeError, match="negative_prices") as caught:
        engine.register_instruments([x.Instrument("X", tick_size="0.01")])
    assert caught.value.reason == "INSTRUMENT_IN_USE"
    engine.register_instruments([x.Instrument("X", tick_size="0.5", negative_prices=True)])
    with pytest.raises(ValueError, match="inverse"):
        x.Instrument("X", inverse=True, negative_prices=True)
    with pytest.raises(TypeError):
        x.Instrument("X", negative_prices=1)


def test_a_trailing_stop_at_0_shows_it(api: Api) -> None:
    player = venue_of(api)
    player.play(
        "tick 2 x 9\na: trailing-stop-limit SELL 1 by 2 limit 0\nb: trailing-stop SELL 1 by 1 from 0\ntick 0 x 9"
    )
    shown = player.engine.get_order("a")
    assert (shown.stop_price, shown.price, shown.status.name) == (0.0, 0.0, "Filled")
    waiting = player.engine.get_order("b")
    assert (waiting.activation_price, waiting.stop_price) == (0.0, 1.0)
    (event,) = [each for each in player.engine.events() if each.type.name == "Triggered" and each.order_id == "a"]
    assert (event.stop_price, event.price) == (0.0, 0.0)


def test_an_execution_engine_follows_the_trades_of_a_data_engine(remote: Api) -> None:
    """Both are told: the data engine by its settings, the execution engine by the instrument."""
    x, name = remote.execution, remote.place("data")["name"]
    data = remote.data.DataEngine(
        remote.data.DataEngineConfig(bar_types=["2tick"], negative_price_instruments=["X", "Y"]),
        **remote.place("data", name),
    )
    venue = x.ExecutionEngine(x.ExecutionEngineConfig(), **remote.place("execution", name))
    for engine in (data, venue):
        remote.cleanup.callback(engine.close)
    venue.register_instruments([x.Instrument("X", negative_prices=True)])
    player = Player(remote, venue)
    player.play("a: limit BUY 1 @ -10\nb: limit SELL 1 @ 0")

    def trade(symbol: str, price: object) -> list[Any]:
        made = remote.model.TradeTick(symbol, price, 1, "NONE", "", START, START)
        return list(data.process_trade_tick(made))

    assert trade("X", -9) + trade("Y", -9) == []
    (bar,) = trade("X", "-37.63")
    assert (bar.high, bar.low, bar.close, bar.vwap) == (-9, Decimal("-37.63"), Decimal("-37.63"), Decimal("-23.315"))
    assert trade("X", 1) + trade("Z", -1) == []
    until(lambda: venue.statistics().ticks_processed == 3, "the venue follows")
    player.play("a is Filled: 1 @ -10 maker\nb is Filled: 1 @ 0 maker")
    # Y is not registered with the venue, and Z not named by the data engine.
    assert venue.statistics().ticks_rejected == data.statistics().ticks_rejected == 1
