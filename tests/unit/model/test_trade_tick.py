"""Ticks: valid ones keep what the venue printed; malformed ones are refused on construction."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from alphaforge_core.errors import InvalidArgument, UnsupportedValue
from alphaforge_core.model import Price, Quantity, TradeTick

FIELDS: dict[str, Any] = {
    "instrument_id": "BTCUSD",
    "price": Price("45000.01"),
    "quantity": Quantity("0.5"),
    "aggressor_side": "BUY",
    "trade_id": "12345",
    "ts_event": 1_640_995_200_000_000_000,
    "ts_init": 1_640_995_200_000_000_123,
}


def test_fields_are_given_by_keyword_or_in_the_documented_order() -> None:
    tick = TradeTick(**FIELDS)
    assert tick == TradeTick(*FIELDS.values())
    assert {name: getattr(tick, name) for name in FIELDS} == FIELDS
    assert tick.symbol == tick.instrument_id
    assert type(tick.price) is Price
    assert type(tick.quantity) is Quantity


def test_numbers_may_be_given_as_what_makes_them() -> None:
    expected = TradeTick(**FIELDS)
    for price, quantity in ((45000.01, 0.5), ("45000.01", "0.5"), (Decimal("45000.01"), Decimal("0.5"))):
        assert TradeTick(**FIELDS | {"price": price, "quantity": quantity}) == expected
    assert TradeTick(**FIELDS | {"ts_event": np.int64(FIELDS["ts_event"])}) == expected


def test_ts_init_is_ts_event_where_it_is_not_given() -> None:
    del (fields := dict(FIELDS))["ts_init"]
    assert TradeTick(**fields).ts_init == FIELDS["ts_event"]
    assert TradeTick(**fields, ts_init=None).ts_init == FIELDS["ts_event"]


# The engines refuse such ticks one by one; making them is no error.
@pytest.mark.parametrize(
    "odd",
    [
        {"quantity": 0},
        {"price": 0},
        {"price": -1},
        {"ts_event": -1},
        {"ts_event": 2**63 - 1},
        {"ts_event": -(2**63)},
        {"ts_init": 0},
        {"trade_id": ""},
        {"trade_id": "i" * 64},
        {"instrument_id": "i" * 64},
        {"instrument_id": "ü" * 32},
        {"instrument_id": "日本/円 😀"},
        {"aggressor_side": "NONE"},
        {"aggressor_side": "SELL"},
    ],
    ids=repr,
)
def test_odd_ticks_can_be_made(odd: dict[str, Any]) -> None:
    (name, value), tick = *odd.items(), TradeTick(**FIELDS | odd)
    made = getattr(tick, name)
    assert made == (value if isinstance(made, int | str) else type(made)(value))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"instrument_id": ""}, "NAME_INVALID"),
        ({"instrument_id": "i" * 65}, "NAME_INVALID"),
        ({"instrument_id": "ü" * 33}, "NAME_INVALID"),
        ({"instrument_id": "BTC\nUSD"}, "NAME_INVALID"),
        ({"instrument_id": "BTC\x7f"}, "NAME_INVALID"),
        ({"instrument_id": "BTC\x85"}, "NAME_INVALID"),
        ({"instrument_id": "BTC\0"}, "NAME_INVALID"),
        ({"instrument_id": "BTC\ud800"}, "NAME_INVALID"),
        ({"trade_id": "t" * 65}, "NAME_INVALID"),
        ({"trade_id": "\t"}, "NAME_INVALID"),
        ({"aggressor_side": ""}, "ENUM_UNKNOWN"),
        ({"aggressor_side": "buy"}, "ENUM_UNKNOWN"),
        ({"aggressor_side": "HOLD"}, "ENUM_UNKNOWN"),
        ({"price": float("nan")}, "NUMBER_MALFORMED"),
        ({"price": "1e30"}, "NUMBER_OUT_OF_RANGE"),
        ({"quantity": -1}, "NUMBER_OUT_OF_RANGE"),
        ({"quantity": "0.0000000001"}, "NUMBER_TOO_PRECISE"),
        ({"ts_event": 2**63}, "TIME_OUT_OF_RANGE"),
        ({"ts_event": -(2**63) - 1}, "TIME_OUT_OF_RANGE"),
        ({"ts_init": 10**30}, "TIME_OUT_OF_RANGE"),
    ],
    ids=repr,
)
def test_what_is_no_tick_is_a_value_error(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} ") as caught:
        TradeTick(**FIELDS | wrong)
    assert isinstance(caught.value, InvalidArgument)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_another_type_are_type_errors(name: str) -> None:
    wrong: list[object] = [b"x", object()] if name in ("price", "quantity") else [1.5, b"x", object()]
    wrong += [True] + ([] if name == "ts_init" else [None])
    for value in wrong:
        with pytest.raises(TypeError, match=f"^{name} must be ") as caught:
            TradeTick(**FIELDS | {name: value})
        assert isinstance(caught.value, UnsupportedValue)


@pytest.mark.parametrize("arguments", [(), ("BTCUSD",), (*FIELDS.values(), 1)], ids=len)
def test_missing_and_surplus_arguments_are_type_errors(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        TradeTick(*arguments)
    with pytest.raises(TypeError):
        TradeTick(**FIELDS, colour="red")


def test_ticks_are_equal_when_all_fields_are() -> None:
    others: dict[str, Any] = {
        "instrument_id": "ETHUSD",
        "price": 1,
        "quantity": 1,
        "aggressor_side": "SELL",
        "trade_id": "",
        "ts_event": 0,
        "ts_init": 0,
    }
    tick = TradeTick(**FIELDS)
    assert hash(tick) == hash(TradeTick(**FIELDS))
    for name, value in others.items():
        assert tick != TradeTick(**FIELDS | {name: value})
    assert tick != FIELDS
    assert len({tick, TradeTick(**FIELDS)}) == 1


@pytest.mark.parametrize(
    "change", [{}, {"trade_id": ""}, {"instrument_id": 'it\'s "ü" \\ 😀'}, {"ts_event": -(2**63)}], ids=repr
)
def test_repr_pickle_and_copy_give_the_same_tick(change: dict[str, Any]) -> None:
    tick = TradeTick(**FIELDS | change)
    assert eval(repr(tick), {"TradeTick": TradeTick, "Price": Price, "Quantity": Quantity}) == tick
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(tick, protocol)) == tick
    assert copy.copy(tick) is tick
    assert copy.deepcopy([tick]) == [tick]


def test_repr_is_the_constructor_call() -> None:
    assert repr(TradeTick("BTCUSD", 1, 2, "NONE", "", 3)) == (
        "TradeTick(instrument_id='BTCUSD', price=Price('1.00'), quantity=Quantity('2'), aggressor_side='NONE', "
        "trade_id='', ts_event=3, ts_init=3)"
    )


def test_a_tick_does_not_change() -> None:
    tick = TradeTick(**FIELDS)
    for name in FIELDS:
        with pytest.raises(AttributeError):
            setattr(tick, name, FIELDS[name])


def test_a_price_outlives_its_tick() -> None:
    price, quantity = (lambda tick: (tick.price, tick.quantity))(TradeTick(**FIELDS))
    assert (price, quantity) == (FIELDS["price"], FIELDS["quantity"])


@pytest.mark.filterwarnings("ignore:nanobind:RuntimeWarning")
def test_an_object_that_was_never_initialised_is_refused() -> None:
    empty = TradeTick.__new__(TradeTick)
    for use in (repr, hash, pickle.dumps):
        with pytest.raises(TypeError):
            use(empty)
    with pytest.raises(TypeError):
        TradeTick(**FIELDS | {"price": Price.__new__(Price)})
