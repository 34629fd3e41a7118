"""Prices, quantities, ticks and times are the same values on both transports, and behave as documented."""

from __future__ import annotations

import time
from decimal import Decimal

import alphaforge_core.model
import pytest

from tests.support.api import Api


def test_model_types_exist_once(api: Api) -> None:
    for name in ("Price", "Quantity", "TradeTick", "Bar"):
        assert getattr(api.model, name) is getattr(alphaforge_core.model, name)


def test_prices_and_quantities_show_as_documented(api: Api) -> None:
    price, quantity = api.model.Price(45000.0), api.model.Quantity(0.5)
    assert (str(price), float(price), f"${price}") == ("45000.00", 45000.0, "$45000.00")
    assert (str(quantity), float(quantity), str(api.model.Quantity(2))) == ("0.5", 0.5, "2")
    assert f"{api.model.Price('1234.5'):,.3f}" == "1,234.500"


def test_a_price_compares_with_numbers_and_not_with_a_quantity(api: Api) -> None:
    price, quantity = api.model.Price(1), api.model.Quantity(1)
    assert price == 1
    assert price < 1.5
    assert price != quantity
    with pytest.raises(TypeError):
        price < quantity  # noqa: B015


def test_values_add_multiply_and_round_to_ticks(api: Api) -> None:
    price, quantity = api.model.Price("45000.127"), api.model.Quantity("0.1")
    assert str(price + 1) == "45001.127"
    assert price * quantity == Decimal("4500.0127")
    assert str(price.round_to("0.05")) == "45000.15"
    assert str(quantity - 0.02) == "0.08"


def test_a_tick_is_built_by_keyword_or_by_position(api: Api) -> None:
    model = api.model
    fields = {
        "instrument_id": "X", "price": model.Price(1), "quantity": model.Quantity(2), "aggressor_side": "BUY",
        "trade_id": "t", "ts_event": 5, "ts_init": 4,
    }  # fmt: skip
    tick = model.TradeTick(**fields)
    assert tick == model.TradeTick(*fields.values())
    assert {name: getattr(tick, name) for name in fields} == fields
    for change in ({"aggressor_side": "buy"}, {"instrument_id": ""}, {"instrument_id": "x" * 65},
                   {"instrument_id": "a\nb"}, {"trade_id": "x" * 65}):  # fmt: skip
        with pytest.raises(ValueError):
            model.TradeTick(**{**fields, **change})


@pytest.mark.parametrize("nanos", [0, 1640995200123456789, -1, -1_000_000, 2**63 - 1])
def test_times_are_floored(api: Api, nanos: int) -> None:
    assert api.time.nanos_to_millis(nanos) == nanos // 10**6
    assert api.time.nanos_to_secs(nanos) == nanos // 10**9


def test_now_is_the_wall_clock(api: Api) -> None:
    before = time.time_ns()
    assert before <= api.time.unix_nanos_now() <= time.time_ns()
