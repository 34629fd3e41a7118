"""Commission, positions, profit and statistics, exact to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.execution.venue import Venue

# Buys and sells at a price, then the position: net, average, cost, realised; unrealised at the last price.
POSITIONS = [
    ("open", ["BUY 2 @ 10"], ("2", "10", "20", "0", "0")),
    ("add", ["BUY 1 @ 10", "BUY 3 @ 12"], ("4", "11.5", "46", "0", "2")),
    ("close a part", ["BUY 4 @ 10", "SELL 1 @ 12"], ("3", "10", "30", "2", "6")),
    ("close", ["BUY 4 @ 10", "SELL 4 @ 9"], ("0", None, "0", "-4", "0")),
    ("flip: closes, then opens", ["BUY 1 @ 10", "SELL 3 @ 12"], ("-2", "12", "-24", "2", "0")),
    ("short", ["SELL 2 @ 10", "BUY 1 @ 7"], ("-1", "10", "-10", "3", "3")),
    ("flip a short", ["SELL 2 @ 10", "BUY 3 @ 11"], ("1", "11", "11", "-2", "0")),
    (
        "thirds: the cost is kept, the average is for show",
        ["BUY 1 @ 1", "BUY 2 @ 2", "SELL 1 @ 3"],
        ("2", "1.666666667", "3.333333333333333333", "1.333333333333333333", "2.666666666666666667"),
    ),
]


def trade(venue: Venue, text: str) -> None:
    side, quantity, _, price = text.split()
    venue.tick(f"{price} x {quantity}")
    venue.submit(f"o{venue.seconds}: market {side} {quantity} IOC")


@pytest.mark.parametrize(("trades", "expected"), [pytest.param(*case[1:], id=case[0]) for case in POSITIONS])
def test_positions_keep_their_cost(trades: list[str], expected: tuple[str | None, ...]) -> None:
    venue = Venue()
    for text in trades:
        trade(venue, text)
    (position,) = venue.engine.get_positions("s")
    shown = (
        position.net_quantity,
        position.average_price,
        position.cost,
        position.realized_pnl,
        position.unrealized_pnl,
    )
    assert shown == tuple(None if number is None else Decimal(number) for number in expected)
    assert position.last_price == Decimal(trades[-1].split()[-1])


def test_unrealised_profit_is_at_the_last_tick() -> None:
    venue = Venue()
    trade(venue, "BUY 2 @ 10")
    venue.tick("13 x 1")
    assert venue.engine.get_positions()[0].unrealized_pnl == 6


def test_positions_are_per_strategy_and_symbol() -> None:
    venue = Venue()
    for symbol in "YX":
        venue.tick("10 x 9", symbol=symbol)
        venue.submit(f"{symbol}1: market BUY 1 IOC t", f"{symbol}2: market SELL 2 IOC s", symbol=symbol)
    found = [(each.strategy_id, each.symbol, int(each.net_quantity)) for each in venue.engine.get_positions()]
    assert found == [("s", "X", -2), ("s", "Y", -2), ("t", "X", 1), ("t", "Y", 1)]
    assert [each.symbol for each in venue.engine.get_positions("t", symbol="Y")] == ["Y"]


def test_commission_is_rate_by_value_half_even_at_eighteen_places() -> None:
    venue = Venue(maker_commission_rate="-0.0001", taker_commission_rate="0.000000001")
    venue.play("tick 3 x 9 | a: market BUY 0.000000001 IOC | b: limit BUY 1 @ 2 GTC | tick 1 x 9")
    (taken,), (made,) = venue.get("a").fills, venue.get("b").fills
    assert taken.commission == Decimal("3e-18")
    assert made.commission == Decimal("-0.0002")
    assert venue.get("b").commission == -0.0002
    assert venue.engine.get_positions()[0].commission == Decimal("-0.000199999999999997")
    assert venue.engine.statistics().total_commission == pytest.approx(-0.0002)


def test_commissions_round_per_fill_and_sum_exactly() -> None:
    venue = Venue(taker_commission_rate="0.5")
    venue.play("tick 0.000000001 x 0.000000003 | a: market BUY 0.000000001 IOC | b: market BUY 0.000000001 IOC")
    # 0.5 x 1e-18 is half of the last place, so it rounds to the even digit, 0.
    assert [venue.get(each).fills[0].commission for each in "ab"] == [0, 0]


def test_averages_are_value_over_quantity_half_even() -> None:
    venue = Venue()
    venue.play("a: market BUY 3 GTC | tick 1 x 1 | tick 2 x 2")
    assert venue.get("a").avg_fill_price == 1.666666667
    assert venue.get("a").filled_quantity == 3


def test_a_sum_that_does_not_fit_cancels_rather_than_wraps() -> None:
    venue = Venue(liquidity="unlimited")
    venue.play("tick 9000000000 x 1 | a: market BUY 18000000000 GTC | b: market BUY 18000000000 GTC")
    assert venue.get("a").status.name == "Filled"
    assert venue.get("b").cancel_reason == "VALUE_OVERFLOW"


def test_an_account_adds_up_though_its_profit_was_beyond_128_bits() -> None:
    venue = Venue(liquidity="unlimited", max_loss=1)
    for symbol in "XY":
        venue.tick("0.000000001 x 1", symbol=symbol)
        venue.submit(f"{symbol}: market BUY 18000000000 IOC", symbol=symbol)
    equities, one = [], "161999999999999999982"
    for symbol, price in (("X", "9000000000"), ("Y", "9000000000"), ("X", "0.000000001"), ("Y", "0.000000001")):
        venue.tick(f"{price} x 1", symbol=symbol)
        (account,) = venue.engine.get_accounts()
        equities.append(account.equity)
    assert equities == list(map(Decimal, (one, "170141183460469231731.687303715884105727", one, 0)))
    assert not account.is_halted
    venue.log()
    other = Venue(liquidity="unlimited", max_loss=1)
    other.engine.restore(venue.engine.snapshot())
    assert other.engine.get_accounts() == [account]


def test_statistics_count_each_order_once() -> None:
    venue = Venue(max_order_quantity=100)
    venue.play(
        "tick 10 x 2 | a: limit BUY 3 @ 10 GTC | a: limit BUY 3 @ 10 GTC | b: limit BUY 101 @ 10 GTC"
        " | c: market SELL 1 IOC | d: market SELL 2 IOC | e: limit BUY 1 @ 5 GTC | cancel e"
    )
    found = venue.engine.statistics()
    assert found.as_dict() | {"avg_execution_latency_ms": 0.0, "memory_usage_bytes": 0} == {
        "orders_submitted": 5,
        "orders_filled": 1,
        "orders_cancelled": 2,
        "orders_rejected": 1,
        "orders_open": 1,
        "orders_partially_filled": 1,
        "fills": 3,
        "ticks_processed": 1,
        "ticks_rejected": 0,
        "duplicate_ticks": 0,
        "instruments": 1,
        "strategies": 1,
        "orders_kept": 5,
        "events_kept": 10,
        "memory_usage_bytes": 0,
        "fill_ratio": 0.2,
        "avg_execution_latency_ms": 0.0,
        "total_volume": 4.0,
        "total_notional": 40.0,
        "total_commission": 0.0,
    }
    assert found.avg_execution_latency_ms > 0
    assert isinstance(found.orders_submitted, int)
    assert isinstance(found.total_volume, float)


def test_without_orders_the_fill_ratio_is_0() -> None:
    assert Venue().engine.statistics().fill_ratio == 0
