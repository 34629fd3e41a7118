"""Prices and quantities are exact decimals, whatever they were built from."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import Price, Quantity
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tape import NANO, decimal_text, half_even

LARGEST_PRICE = 2**63 - 1
mantissas = st.integers(-LARGEST_PRICE, LARGEST_PRICE) | st.integers(-(10**12), 10**12)


def exact(number: Price | Quantity) -> Fraction:
    return Fraction(number.as_decimal())


@given(mantissas)
def test_a_typed_decimal_is_kept_exactly(mantissa: int) -> None:
    value = mantissa * NANO
    text = decimal_text(value)
    for source in (text, Decimal(text), f"{text}e0", f"{Decimal(text):e}"):
        assert exact(Price(source)) == value
    if mantissa >= 0:
        assert exact(Quantity(text)) == value


@given(st.floats(-9e9, 9e9))
def test_a_float_means_its_shortest_decimal_rounded_half_even_at_nine_places(number: float) -> None:
    assert exact(Price(number)) == half_even(Fraction(repr(number)), 9)
    assert exact(Price(np.float64(number))) == half_even(Fraction(repr(number)), 9)


@given(st.floats(-8e9, 8e9, width=32))
def test_a_float32_means_its_own_shortest_decimal(number: float) -> None:
    single = np.float32(number)
    assert exact(Price(single)) == half_even(Fraction(str(single)), 9)


@given(mantissas)
def test_a_price_shows_two_places_or_all_that_are_needed(mantissa: int) -> None:
    text = decimal_text(mantissa * NANO)
    whole, _, places = text.partition(".")
    assert str(Price(text)) == f"{whole}.{places.ljust(2, '0')}"


@given(st.integers(0, 2**127 - 1))
def test_a_quantity_shows_the_places_that_are_needed(mantissa: int) -> None:
    text = decimal_text(mantissa * NANO)
    assert str(Quantity(text)) == text


@given(mantissas, mantissas)
def test_prices_order_and_hash_as_their_values(a: int, b: int) -> None:
    first, second = Price(decimal_text(a * NANO)), Price(decimal_text(b * NANO))
    assert (first < second, first == second, first >= second) == (a < b, a == b, a >= b)
    assert a != b or hash(first) == hash(second)


@given(mantissas)
def test_repr_pickle_and_copy_give_the_same_price(mantissa: int) -> None:
    price = Price(decimal_text(mantissa * NANO))
    assert eval(repr(price), {"Price": Price}) == price
    assert pickle.loads(pickle.dumps(price)) == price
    assert copy.deepcopy(price) == copy.copy(price) == price


@given(mantissas, st.integers(1, 9))
def test_trailing_zeros_are_no_places_and_a_tenth_place_is_refused(mantissa: int, zeros: int) -> None:
    text = decimal_text(mantissa * NANO)
    whole, _, places = text.partition(".")
    assert exact(Price(f"{whole}.{places.ljust(9, '0')}{'0' * zeros}")) == Fraction(text)
    tenth = f"{whole}.{places.ljust(9, '0')}{'0' * (zeros - 1)}1"
    for source in (tenth, Decimal(tenth)):
        with pytest.raises(ValueError):
            Price(source)


@given(st.floats(allow_nan=True, allow_infinity=True).filter(lambda number: not abs(number) < 9.3e9))
def test_what_is_not_finite_or_out_of_range_is_refused(number: float) -> None:
    with pytest.raises(ValueError):
        Price(number)


small = st.integers(-(10**15), 10**15)


def price_of(mantissa: int) -> Price:
    return Price(decimal_text(mantissa * NANO))


@given(small, small)
def test_sums_and_differences_are_exact(a: int, b: int) -> None:
    first, second = price_of(a), price_of(b)
    assert exact(first + second) == (a + b) * NANO
    assert exact(first - second) == (a - b) * NANO
    for other in (second.as_decimal(), Decimal(str(second))):
        assert first + other == first + second == other + first
        assert first - other == first - second
        assert other - first == second - first
    assert sum([first, second]) == first + second
    assert exact(-first) == -a * NANO
    assert exact(abs(first)) == abs(a) * NANO


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_quantity_never_falls_below_zero(a: int, b: int) -> None:
    first, second = Quantity(decimal_text(a * NANO)), Quantity(decimal_text(b * NANO))
    assert exact(first + second) == (a + b) * NANO
    if a >= b:
        assert exact(first - second) == (a - b) * NANO
    else:
        with pytest.raises(InvalidArgument) as caught:
            first - second
        assert caught.value.reason == "NUMBER_OUT_OF_RANGE"


@given(small, st.integers(0, 10**15))
def test_price_times_quantity_is_an_exact_decimal(a: int, b: int) -> None:
    price, quantity = price_of(a), Quantity(decimal_text(b * NANO))
    assert Fraction(price * quantity) == Fraction(a * b, 10**18)
    assert price * quantity == quantity * price
    assert type(price * quantity) is Decimal


@given(small, small)
def test_products_and_quotients_with_numbers_round_half_to_even(a: int, b: int) -> None:
    factor = Decimal(decimal_text(b * NANO))
    product = half_even(Fraction(a * b, 10**18), 9)
    if abs(product) * 10**9 <= LARGEST_PRICE:
        assert exact(price_of(a) * factor) == exact(factor * price_of(a)) == product
    if b:
        quotient = half_even(Fraction(a, b), 9)
        if abs(quotient) * 10**9 <= LARGEST_PRICE:
            assert exact(price_of(a) / factor) == quotient
        assert price_of(a) / price_of(b) == price_of(a).as_decimal() / price_of(b).as_decimal()


@given(small, st.integers(1, 10**12))
def test_rounding_to_a_tick_gives_the_multiple_asked_for(a: int, tick: int) -> None:
    price, step = price_of(a), price_of(tick)
    below = a // tick * tick
    above = below if below == a else below + tick
    assert exact(price.round_to(step, "down")) == below * NANO
    assert exact(price.round_to(step, "up")) == above * NANO
    assert exact(price.round_to(step)) == round(Fraction(a, tick)) * tick * NANO


@given(mantissas, st.integers(-20, 20))
def test_a_price_compares_and_hashes_as_the_equal_number_of_another_type(mantissa: int, shift: int) -> None:
    price = price_of(mantissa)
    value = mantissa * NANO
    assert price == Decimal(decimal_text(value))
    assert hash(price) == hash(Decimal(decimal_text(value))) == hash(value)
    other = Decimal(decimal_text(value)) + Decimal(shift) / 1000
    assert (price < other, price <= other, price > other, price >= other, price != other) == (
        shift > 0, shift >= 0, shift < 0, shift <= 0, shift != 0,
    )  # fmt: skip


@given(st.floats(-9e9, 9e9))
def test_a_float_compares_as_its_shortest_decimal(number: float) -> None:
    value = Fraction(repr(number))
    price = Price(number)
    assert (price == number) == (exact(price) == value)
    assert (price < number, price > number) == (exact(price) < value, exact(price) > value)
    assert (price == np.float64(number)) == (price == number)
