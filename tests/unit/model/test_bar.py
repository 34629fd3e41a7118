"""A bar is an immutable value with the documented attributes."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
from alphaforge_core.model import Bar, BarType, Price, Quantity

FIELDS: dict[str, Any] = {
    "instrument_id": "BTCUSD",
    "bar_type": BarType("1min"),
    "open": Price("10.5"),
    "high": Price("12"),
    "low": Price("9.25"),
    "close": Price("11"),
    "volume": Quantity("3"),
    "value": Decimal("31.000000000000000001"),
    "trade_count": 4,
    "buy_volume": Quantity("1"),
    "sell_volume": Quantity("1.5"),
    "ts_open": 60_000_000_000,
    "ts_event": 120_000_000_000,
    "ts_init": 119_999_999_999,
    "sequence": 7,
    "is_partial": True,
    "is_gap_fill": False,
    "is_oversize": False,
    "revision": 2,
}
NAMES = {"Bar": Bar, "BarType": BarType, "Price": Price, "Quantity": Quantity, "Decimal": Decimal}

# For each field, a value that differs from the one above.
OTHERS: dict[str, Any] = {
    "instrument_id": "ETHUSD",
    "bar_type": "5min",
    **dict.fromkeys(["open", "high", "low", "close", "volume", "value", "buy_volume", "sell_volume"], 1000),
    **dict.fromkeys(["trade_count", "ts_open", "ts_event", "ts_init", "sequence", "revision"], 5),
    "is_partial": False,
    "is_gap_fill": True,
    "is_oversize": True,
}


def test_a_bar_has_the_documented_attributes() -> None:
    bar = Bar(**FIELDS)
    assert {name: getattr(bar, name) for name in FIELDS} == FIELDS
    assert bar.symbol == "BTCUSD"
    assert str(bar.bar_type) == "1min"
    assert [type(getattr(bar, name)) for name in FIELDS] == [type(value) for value in FIELDS.values()]


def test_as_dict_has_every_attribute_and_the_vwap() -> None:
    bar = Bar(**FIELDS)
    assert bar.as_dict() == FIELDS | {"vwap": bar.vwap}


def test_bar_types_and_numbers_may_be_given_as_what_makes_them() -> None:
    plain = FIELDS | {
        "bar_type": "60s",
        "open": "10.50",
        "high": 12,
        "low": 9.25,
        "volume": 3,
        "value": "31.000000000000000001",
    }
    assert Bar(**plain) == Bar(**FIELDS)


def test_flags_and_revision_have_defaults() -> None:
    flags = ("is_partial", "is_gap_fill", "is_oversize", "revision")
    bar = Bar(**{name: value for name, value in FIELDS.items() if name not in flags})
    assert [getattr(bar, name) for name in flags] == [False, False, False, 0]


@pytest.mark.parametrize(
    ("volume", "value", "vwap"),
    [
        (0, 0, None),
        (3, "31", Price("10.333333333")),
        (2, "0.000000001", Price(0)),  # half of the last place: to even
        (2, "0.000000003", Price("0.000000002")),
        (8, "2", Price("0.25")),
        ("0.000000001", "0.000000045", Price(45)),
    ],
)
def test_vwap_is_value_over_volume_half_to_even(volume: Any, value: Any, vwap: Price | None) -> None:
    assert Bar(**FIELDS | {"volume": volume, "value": value}).vwap == vwap


def test_a_value_is_exact_at_eighteen_places() -> None:
    greatest = Decimal(2**127 - 1).scaleb(-18)
    assert Bar(**FIELDS | {"value": str(greatest)}).value == greatest
    for wrong in ("1e21", "1e-19", "x", "nan"):
        with pytest.raises(ValueError, match=r"^value "):
            Bar(**FIELDS | {"value": wrong})
    with pytest.raises(TypeError, match=r"^value must be a Decimal"):
        Bar(**FIELDS | {"value": 1.5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"instrument_id": ""},
        {"bar_type": "1fortnight"},
        {"open": "nan"},
        {"volume": -1},
        {"trade_count": 2**63},
        {"ts_open": 2**63},
        {"revision": -1},
        {"revision": 2**31},
    ],
    ids=repr,
)
def test_wrong_values_are_value_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Bar(**FIELDS | wrong)


@pytest.mark.parametrize(
    "wrong", [{"instrument_id": None}, {"trade_count": 1.5}, {"sequence": True}, {"open": None}], ids=repr
)
def test_wrong_types_are_type_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Bar(**FIELDS | wrong)


def test_bars_are_equal_when_all_fields_are() -> None:
    bar = Bar(**FIELDS)
    assert bar == Bar(**FIELDS)
    assert hash(bar) == hash(Bar(**FIELDS))
    assert OTHERS.keys() == FIELDS.keys()
    for name, value in OTHERS.items():
        assert bar != Bar(**FIELDS | {name: value}), name
    assert bar != FIELDS


def test_repr_pickle_and_copy_give_the_same_bar() -> None:
    bar = Bar(**FIELDS)
    assert eval(repr(bar), dict(NAMES)) == bar
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(bar, protocol)) == bar
    assert copy.copy(bar) is copy.deepcopy(bar) is bar


def test_a_bar_does_not_change() -> None:
    bar = Bar(**FIELDS)
    for name in (*FIELDS, "vwap", "symbol"):
        with pytest.raises(AttributeError):
            setattr(bar, name, getattr(bar, name))
