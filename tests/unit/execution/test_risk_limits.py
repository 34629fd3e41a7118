"""Refusals by rules: limits per strategy, halt, the engine's limits."""

from __future__ import annotations

from typing import Any

import pytest
from alphaforge_core.errors import ResourceExhausted
from alphaforge_core.execution import ExecutionEngineConfig, OrderStatus

from tests.unit.execution.venue import SECOND, Venue

CASES: list[tuple[str, dict[str, Any], str, list[str]]] = [
    (
        "quantity at the limit, and above",
        {"max_order_quantity": 10},
        "a: limit BUY 10 @ 9 GTC | b: limit BUY 10.5 @ 9 GTC",
        ["a Submitted", "b Rejected ORDER_QUANTITY_LIMIT"],
    ),
    (
        "notional of a limit order is at its price",
        {"max_order_notional": 50_000},
        "a: limit BUY 2 @ 25000 GTC | b: limit BUY 2 @ 30000 GTC",
        ["a Submitted", "b Rejected ORDER_NOTIONAL_LIMIT"],
    ),
    (
        "an order without price counts at the last price",
        {"max_order_notional": 50_000},
        "tick 30000 x 9 | a: market BUY 2 GTC | b: stop BUY 2 stop 40000 GTC"
        " | c: stop-limit BUY 1 stop 40000 @ 41000 GTC",
        ["a Rejected ORDER_NOTIONAL_LIMIT", "b Rejected ORDER_NOTIONAL_LIMIT", "c Submitted"],
    ),
    (
        "open orders, until one ends",
        {"max_open_orders": 2},
        "a: limit BUY 1 @ 9 GTC | b: stop BUY 1 stop 99 GTC | c: market BUY 1 GTC | cancel a | d: limit BUY 1 @ 9 GTC",
        ["a Submitted", "b Submitted", "c Rejected OPEN_ORDERS_LIMIT", "a Cancelled REQUESTED", "d Submitted"],
    ),
    (
        "each strategy has its own",
        {"max_open_orders": 1},
        "a: limit BUY 1 @ 9 GTC s | b: limit BUY 1 @ 9 GTC t | c: limit BUY 1 @ 9 GTC t",
        ["a Submitted", "b Submitted", "c Rejected OPEN_ORDERS_LIMIT"],
    ),
    (
        "orders a second of market time",
        {"max_orders_per_second": 2},
        "tick 10 x 1 at 5 | a: limit BUY 1 @ 9 GTC | b: limit BUY 1 @ 9 GTC | c: limit BUY 1 @ 9 GTC"
        " | tick 10 x 1 at 6 | d: limit BUY 1 @ 9 GTC",
        ["a Submitted", "b Submitted", "c Rejected ORDER_RATE_LIMIT", "d Submitted"],
    ),
    (
        "halt rejects new orders; resting ones may fill and be cancelled",
        {},
        "a: limit BUY 1 @ 9 GTC | b: limit BUY 1 @ 8 GTC | halt | c: limit BUY 1 @ 9 GTC | tick 8.5 x 1 | cancel b"
        " | resume | d: limit BUY 1 @ 7 GTC",
        [
            "a Submitted",
            "b Submitted",
            "c Rejected HALTED",
            "a Filled 1 @ 9.00 Maker",
            "b Cancelled REQUESTED",
            "d Submitted",
        ],
    ),
    (
        "a change can't pass a limit",
        {"max_order_quantity": 10},
        "a: limit BUY 10 @ 9 GTC | modify a quantity=11 | modify a quantity=9",
        ["a Submitted", "a Modified"],
    ),
    (
        "price x quantity beyond 128 bits",
        {},
        "a: limit BUY 1000000000000 @ 9000000000 GTC",
        ["a Rejected VALUE_OVERFLOW"],
    ),
]


@pytest.mark.parametrize(("settings", "script", "events"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_rule_rejects_and_says_why(settings: dict[str, Any], script: str, events: list[str]) -> None:
    assert Venue(**settings).play(script) == events


def test_the_first_rule_that_applies_is_named() -> None:
    venue = Venue(max_order_quantity=1, max_order_notional=1)
    assert venue.play("halt | a: limit BUY 2 @ 2 GTC | resume | b: limit BUY 2 @ 2 GTC | c: limit BUY 1 @ 2 GTC") == [
        "a Rejected HALTED",
        "b Rejected ORDER_QUANTITY_LIMIT",
        "c Rejected ORDER_NOTIONAL_LIMIT",
    ]


def test_an_instrument_too_many_is_rejected_and_its_ticks_refused() -> None:
    venue = Venue(max_instruments=1)
    venue.tick("10 x 1", symbol="X")
    venue.tick("10 x 1", symbol="Y")
    venue.submit("a: market BUY 1 IOC", symbol="Y")
    assert venue.log() == ["a Rejected INSTRUMENT_LIMIT"]
    assert venue.get("a").symbol == "Y"
    statistics = venue.engine.statistics()
    assert (statistics.ticks_processed, statistics.ticks_rejected, statistics.instruments) == (1, 1, 1)


def test_rejected_orders_of_other_instruments_take_no_memory_once_forgotten() -> None:
    venue = Venue(max_instruments=1, max_final_orders=1)
    venue.tick("10 x 1", symbol="X")
    for i in range(100):
        venue.submit(f"o{i}: market BUY 1 IOC", symbol=f"Y{i}")
    assert len(venue.engine.get_orders()) <= 2
    assert venue.engine.validate() == []


def test_a_strategy_too_many_is_an_error() -> None:
    venue = Venue(max_strategies=1)
    venue.submit("a: market BUY 1 GTC s")
    with pytest.raises(ResourceExhausted, match="max_strategies"):
        venue.submit("b: market BUY 1 GTC t")


def test_a_halt_is_seen() -> None:
    venue = Venue()
    assert not venue.engine.is_halted
    venue.engine.halt()
    assert venue.engine.is_halted


def test_market_orders_are_rejected_while_stale_if_so_set() -> None:
    venue = Venue(market_orders_while_stale="reject")
    venue.submit("a: market BUY 1 GTC")
    venue.engine.set_market_data_stale(True)
    venue.submit("b: market BUY 1 GTC", "c: limit BUY 1 @ 9 GTC")
    venue.engine.set_market_data_stale(False)
    venue.submit("d: market BUY 1 GTC")
    assert venue.log() == ["a Submitted", "b Rejected MARKET_DATA_STALE", "c Submitted", "d Submitted"]


def test_market_orders_wait_for_a_trade_while_stale_and_limits_do_not() -> None:
    venue = Venue()
    venue.play("tick 10 x 100")
    venue.engine.set_market_data_stale(True)
    venue.submit("a: market BUY 1 GTC", "b: limit BUY 1 @ 10 GTC", "c: market BUY 1 IOC")
    assert venue.log() == [
        "a Submitted",
        "b Submitted",
        "b Filled 1 @ 10.00 Taker",
        "c Submitted",
        "c Cancelled IMMEDIATE_OR_CANCEL",
    ]
    assert venue.play("tick 11 x 100") == ["a Filled 1 @ 11.00 Taker"]
    venue.engine.set_market_data_stale(False)
    assert venue.play("d: market BUY 1 GTC") == ["d Submitted", "d Filled 1 @ 11.00 Taker"]


def test_a_lapsed_session_cancels_the_orders_of_its_strategy() -> None:
    venue = Venue()
    venue.submit("a: limit BUY 1 @ 9 GTC s", "b: limit BUY 1 @ 9 GTC t")
    assert venue.engine.lapse_session("s") == 1
    assert venue.log() == ["a Submitted", "b Submitted", "a Cancelled SESSION_LAPSED"]


def test_other_settings_leave_orders_as_they_are() -> None:
    venue = Venue(fill_on="next", max_events=10)
    venue.play("tick 10 x 1 | a: limit BUY 1 @ 10 GTC | b: limit BUY 1 @ 9 GTC")
    venue.engine.reconfigure(ExecutionEngineConfig(max_open_orders=1, max_events=3))
    assert venue.engine.config == ExecutionEngineConfig(max_open_orders=1, max_events=3)
    assert venue.play("c: market BUY 1 GTC | tick 8 x 5") == [
        "c Rejected OPEN_ORDERS_LIMIT",
        "a Filled 1 @ 8.00 Taker",
        "b Filled 1 @ 8.00 Taker",
    ]
    assert venue.engine.first_event_sequence == 3


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("liquidity", "much"),
        ("fill_on", "yesterday"),
        ("slippage_bps", -1),
        ("slippage_bps", 10_000),
        ("maker_commission_rate", 1),
        ("taker_commission_rate", "-1"),
        ("max_order_quantity", 0),
        ("max_order_notional", -5),
        ("max_open_orders", 0),
        ("max_orders_per_second", 0),
        ("max_price_age_ns", -1),
        ("max_instruments", 0),
        ("max_events", 0),
        ("max_final_orders", 0),
    ],
)
def test_settings_are_checked_when_they_are_made(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting) as caught:
        ExecutionEngineConfig(**{setting: value})
    assert getattr(caught.value, "reason", "") == "SETTING_INVALID"


def test_an_unknown_setting_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="no setting 'fee'"):
        ExecutionEngineConfig(fee=1)


def test_settings_remember_what_was_given() -> None:
    config = ExecutionEngineConfig(liquidity="unlimited", slippage_bps="0.50")
    assert {name: str(value) for name, value in config.given().items()} == {
        "liquidity": "unlimited",
        "slippage_bps": "0.5",
    }
    assert config.max_final_orders == 10_000_000
    assert config.order_retention_ns == 24 * 3600 * SECOND
    assert OrderStatus.Rejected.value == 6
