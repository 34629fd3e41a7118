"""Prices and quantities: construction, representation, refusals."""

from __future__ import annotations

import copy
import enum
import math
import operator
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from alphaforge_core.errors import InvalidArgument, UnsupportedValue
from alphaforge_core.model import Price, Quantity

PRICE_MAX = Decimal(2**63 - 1).scaleb(-9)
PRICE_MIN = Decimal(-(2**63)).scaleb(-9)
QUANTITY_MAX_MANTISSA = 2**127 - 1

EXTENDED_LONGDOUBLE = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant


class Level(enum.IntEnum):
    FIVE = 5


# The input, and how a price and a quantity made from it are shown.
SHOWN = [
    (45000.0, "45000.00", "45000"),
    (0.5, "0.50", "0.5"),
    (2, "2.00", "2"),
    (0.1, "0.10", "0.1"),
    (0, "0.00", "0"),
    (-0.0, "0.00", "0"),
    ("-0", "0.00", "0"),
    ("-0.000", "0.00", "0"),
    ("0e99999999999999999999999", "0.00", "0"),
    ("+1.5", "1.50", "1.5"),
    ("007.50", "7.50", "7.5"),
    ("1.2345678900000", "1.23456789", "1.23456789"),
    ("1e-9", "0.000000001", "0.000000001"),
    ("25e2", "2500.00", "2500"),
    ("25e+2", "2500.00", "2500"),
    ("0.0000025e3", "0.0025", "0.0025"),
    ("1000e-3", "1.00", "1"),
    (".5", "0.50", "0.5"),
    ("5.", "5.00", "5"),
    ("+.5", "0.50", "0.5"),
    ("-.0", "0.00", "0"),
    ("0.", "0.00", "0"),
    ("00.", "0.00", "0"),
    ("50.", "50.00", "50"),
    ("1.e5", "100000.00", "100000"),
    (".25E2", "25.00", "25"),
    ("1E-7", "0.0000001", "0.0000001"),
    ("1E5", "100000.00", "100000"),
    ("1E+5", "100000.00", "100000"),
    (1e-9, "0.000000001", "0.000000001"),
    (5e-10, "0.00", "0"),  # half of the last place: the even neighbour is 0
    (1.5e-9, "0.000000002", "0.000000002"),
    (2.5e-9, "0.000000002", "0.000000002"),
    (-5e-10, "0.00", "0"),
    (1e-300, "0.00", "0"),
    (5e-324, "0.00", "0"),
    (123456789.987654321, "123456789.98765433", "123456789.98765433"),
    (9007199254.0, "9007199254.00", "9007199254"),
    (Decimal("1.10"), "1.10", "1.1"),
    (Decimal("1E+3"), "1000.00", "1000"),
    (Decimal("1E-7"), "0.0000001", "0.0000001"),
    (np.float64(0.1), "0.10", "0.1"),
    (np.float32(0.1), "0.10", "0.1"),
    (np.float32(16777216.0), "16777216.00", "16777216"),
    (np.float16(0.1), "0.10", "0.1"),
    (np.float16(65504.0), "65500.00", "65500"),  # the shortest decimal of the greatest half-precision number
    (np.float16(6e-08), "0.00000006", "0.00000006"),
    (np.longdouble("0.1"), "0.10", "0.1"),
    (np.int8(-0), "0.00", "0"),
    (np.int64(5), "5.00", "5"),
    (np.uint64(9), "9.00", "9"),
    (np.str_("1.5"), "1.50", "1.5"),
    (Level.FIVE, "5.00", "5"),
]


@pytest.mark.parametrize(("source", "price", "quantity"), SHOWN, ids=repr)
def test_numbers_show_the_places_they_need(source: object, price: str, quantity: str) -> None:
    assert str(Price(source)) == price
    assert str(Quantity(source)) == quantity


MALFORMED = [
    *[
        "1_000",
        "1,5",
        "-",
        "+",
        ".",
        "-.",
        ".e5",
        "1.E",
        "..5",
        "5..",
        "+-1",
        "--1",
        "1e",
        "1e+",
        "0x10",
        "1.5.5",
        "e5",
        "1e1.5",
        "1d",
        "1e+-5",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
    ],
    *("", " 1", "1 ", "1\n", "1\0", "\u0661\u0662", "\uff11", "\u00bd", "\u221e"),
]


@pytest.mark.parametrize("number", [Price, Quantity])
@pytest.mark.parametrize("source", MALFORMED)
def test_text_that_is_no_decimal_is_refused(number: type, source: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^(price|quantity) '.*' is not a finite decimal") as caught:
        number(source)
    assert caught.value.reason == "NUMBER_MALFORMED"


@pytest.mark.parametrize("number", [Price, Quantity])
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.longdouble, Decimal])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_is_not_finite_is_refused(number: type, kind: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="finite") as caught:
        number(kind(text))
    assert isinstance(caught.value, InvalidArgument)
    assert caught.value.reason == "NUMBER_MALFORMED"


UNSUPPORTED = [
    *(True, False, None, b"1", bytearray(b"1"), 1j, Fraction(1, 2), [1], (1,), {}, ..., float, Price),
    *(np.True_, np.array([1.0]), np.array(1.5), np.complex64(1), np.datetime64(0, "ns")),
]


@pytest.mark.parametrize("source", UNSUPPORTED, ids=repr)
def test_other_types_are_refused_bool_among_them(source: object) -> None:
    for number, name in ((Price, "price"), (Quantity, "quantity")):
        with pytest.raises(TypeError, match=f"^{name} must be an int, str, Decimal, float") as caught:
            number(source)
        assert isinstance(caught.value, UnsupportedValue)
        assert caught.value.reason == "TYPE_UNSUPPORTED"


def test_a_number_of_its_own_type_is_copied_and_of_the_other_type_refused() -> None:
    assert Price(Price("1.5")) == Price("1.5")
    assert Quantity(Quantity("1.5")) == Quantity("1.5")
    with pytest.raises(TypeError):
        Price(Quantity(1))
    with pytest.raises(TypeError):
        Quantity(Price(1))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("45000.123456789012", "price 45000.123456789012 has 12 decimals; at most 9"),
        (Decimal("0.0000000001"), "price 1E-10 has 10 decimals; at most 9"),
        ("1.00000000010", "price 1.00000000010 has 10 decimals; at most 9"),
        ("1e-999999999999999999999", "price 1e-999999999999999999999 has 1000000000000 decimals; at most 9"),
    ],
)
def test_what_was_typed_is_never_rounded(source: str | Decimal, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Price(source)
    assert (str(caught.value), caught.value.reason) == (message, "NUMBER_TOO_PRECISE")


@pytest.mark.parametrize("kind", [str, Decimal, lambda mantissa: mantissa])
def test_a_price_has_64_bits(kind: Callable[[Decimal], str | Decimal]) -> None:
    assert Price(kind(PRICE_MAX)).as_decimal() == PRICE_MAX
    assert Price(kind(PRICE_MIN)).as_decimal() == PRICE_MIN
    for beyond in (PRICE_MAX + Decimal("1e-9"), PRICE_MIN - Decimal("1e-9"), Decimal(10**30)):
        with pytest.raises(ValueError, match="out of range") as caught:
            Price(kind(beyond))
        assert isinstance(caught.value, InvalidArgument)
        assert caught.value.reason == "NUMBER_OUT_OF_RANGE"


BEYOND = [
    *(2**63, 2**64, -(2**64), 10**11, -(10**11), 2**127, 2**200, -(2**200), 10**5000),
    *(1e10, 9.3e9, -9.3e9, 1e300, "1e99", "9" * 60, "1e999999999999999999999999", Decimal("1E+500")),
    *(np.uint64(2**64 - 1), np.float32(1e38)),
]


@pytest.mark.parametrize("source", BEYOND, ids=range(len(BEYOND)))
def test_prices_out_of_range_are_refused_never_wrapped(source: object) -> None:
    with pytest.raises(ValueError, match="out of range") as caught:
        Price(source)
    assert isinstance(caught.value, InvalidArgument)


def test_a_quantity_has_127_bits_and_no_sign() -> None:
    largest = Decimal(f"{QUANTITY_MAX_MANTISSA // 10**9}.{QUANTITY_MAX_MANTISSA % 10**9:09}")
    assert Quantity(str(largest)).as_decimal() == largest
    assert Quantity(10**20) == Quantity(1e20) == Quantity("1e20")
    for beyond in (f"{QUANTITY_MAX_MANTISSA // 10**9}.{QUANTITY_MAX_MANTISSA % 10**9 + 1:09}", 2**127, 1e30, "2e29"):
        with pytest.raises(ValueError, match="out of range"):
            Quantity(beyond)
    for negative in (-1, "-1", Decimal("-1e-9"), -0.1, np.float32(-1), np.int8(-1)):
        with pytest.raises(InvalidArgument, match=r"^quantity -.* is negative; expected 0 or more$"):
            Quantity(negative)


@pytest.mark.skipif(not EXTENDED_LONGDOUBLE, reason="long double is double here")
def test_a_long_double_means_its_own_shortest_decimal() -> None:
    assert str(Price(np.longdouble("4500000000.123456789"))) == "4500000000.123456789"


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="is not a finite decimal") as caught:
        Price("x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "spec", ["", ".2f", ",.2f", "+.3f", "10.1f", "<12", "^+12.4f", "e", ".3e", "g", "n", "%", "012.3f"]
)
def test_format_is_that_of_decimal(spec: str) -> None:
    for number in (Price("45000.125"), Price("-0.005"), Quantity("1234567.891")):
        assert format(number, spec) == (format(number.as_decimal(), spec) if spec else str(number))


def test_an_unknown_format_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        format(Price(1), "Q")


@pytest.mark.parametrize(
    "text",
    ["0", "0.1", "45000.01", "9223372036.854775807", "-9223372036.854775808", "9007199.254740993", "4503599627.370497"],
)
def test_float_is_the_nearest_double(text: str) -> None:
    assert float(Price(text)) == float(text)


@pytest.mark.parametrize(
    "mantissa", [2**53, 2**53 + 1, 2**54 + 3, 2**100 + 2**47, 2**100 + 2**47 + 1, 2**127 - 1, 10**38]
)
def test_float_of_a_great_quantity_is_the_nearest_double(mantissa: int) -> None:
    text = f"{mantissa // 10**9}.{mantissa % 10**9:09}"
    assert float(Quantity(text)) == float(Fraction(mantissa, 10**9))


def test_as_decimal_is_exact_and_shows_the_same_places() -> None:
    assert str(Price("45000").as_decimal()) == "45000.00"
    assert str(Quantity("1.50").as_decimal()) == "1.5"


def test_prices_compare_with_prices_and_numbers_and_with_nothing_else() -> None:
    assert Price(1) == Price("1.0")
    assert Price(1) != Price("1.000000001")
    for equal in (1, 1.0, Decimal("1.000"), np.float32(1), np.int16(1)):
        assert Price(1) == equal
        assert equal == Price(1)
        assert Price(1) <= equal
        assert not Price(1) < equal
    assert Price(0.1) == 0.1 == Price("0.1")
    assert Price(0.1) != 0.1000000000001
    assert Price(1) != float("nan")
    assert not Price(1) < float("nan")
    assert Price(1) < float("inf")
    for other in ("1.00", Quantity(1), None, True, 1 + 0j):
        assert Price(1) != other
        for comparison in (operator.lt, operator.le, operator.gt, operator.ge):
            with pytest.raises(TypeError):
                comparison(Price(1), other)
    prices = [Price("3"), Price("-1"), Price("2.5")]
    assert [str(price) for price in sorted(prices)] == ["-1.00", "2.50", "3.00"]
    assert max(prices) == Price(3)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.parametrize("other", ["1", None, True, [1], Quantity(1)], ids=repr)
def test_arithmetic_takes_numbers_alone(operation: Callable[[object, object], object], other: object) -> None:
    if operation is operator.mul and isinstance(other, Quantity):
        assert operation(Price(1), other) == Decimal(1)
        return
    with pytest.raises(TypeError):
        operation(Price(1), other)


def test_arithmetic_is_refused_where_it_has_no_result() -> None:
    largest = Price("9223372036.854775807")
    with pytest.raises(InvalidArgument):
        largest + 1
    with pytest.raises(InvalidArgument):
        largest * 2
    with pytest.raises(InvalidArgument):
        largest * Quantity("1e20")
    with pytest.raises(InvalidArgument):
        Price(1) + Decimal("0.0000000001")
    with pytest.raises(InvalidArgument):
        Price(1) + float("nan")
    for divisor in (0, Price(0)):
        with pytest.raises(ZeroDivisionError):
            Price(1) / divisor
    for tick, mode in ((0, "nearest"), (-1, "up"), (1, "sideways")):
        with pytest.raises(InvalidArgument):
            Price(1).round_to(tick, mode)


def test_equal_numbers_hash_equally_and_others_spread() -> None:
    assert len({Price(1), Price("1.0"), Price(1.0), Quantity(1)}) == 2
    assert len({hash(Price(n)) for n in range(10_000)}) == 10_000
    assert len({hash(Price(n)) % 1024 for n in range(10_000)}) > 1000


@pytest.mark.parametrize("number", [Price("-45000.01"), Quantity("0.5"), Quantity(10**20), Price(0)], ids=repr)
def test_repr_pickle_and_copy_give_the_same_number(number: Price | Quantity) -> None:
    assert eval(repr(number), {"Price": Price, "Quantity": Quantity}) == number
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(number, protocol))
        assert type(again) is type(number)
        assert again == number
    assert copy.copy(number) is number
    assert copy.deepcopy([number]) == [number]


def test_repr_is_the_constructor_call() -> None:
    assert (repr(Price(0.1)), repr(Quantity(2))) == ("Price('0.10')", "Quantity('2')")


def test_numbers_do_not_change_and_have_no_subclasses() -> None:
    price = Price(1)
    with pytest.raises(AttributeError):
        price.mantissa = 2
    with pytest.raises(TypeError):
        type("Sub", (Price,), {})
    with pytest.warns(RuntimeWarning, match="already-initialized"), pytest.raises(TypeError):
        price.__init__(2)
    assert price == Price(1)


def test_floats_across_the_range_keep_their_shortest_decimal() -> None:
    for exponent in range(-12, 33):
        for step in range(50):
            number = math.ldexp(1 + step / 50, exponent)
            expected = Decimal(repr(number)).quantize(Decimal("1e-9"))
            assert Price(number).as_decimal() == expected
