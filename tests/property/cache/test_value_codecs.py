"""Values of every type come back equal and of the same type, from the cache and through the generated classes."""

from __future__ import annotations

import datetime
import zoneinfo
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_core.cache import GenericCache
from alphaforge_core.cache_wire import CacheEngine, decode_value, encode_value
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import Price, Quantity
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")

fixed_offsets = st.timedeltas(
    min_value=datetime.timedelta(days=-1, microseconds=1), max_value=datetime.timedelta(days=1, microseconds=-1)
).map(datetime.timezone)
time_zones = st.just(datetime.UTC) | fixed_offsets | st.sampled_from(ZONES).map(zoneinfo.ZoneInfo)
datetimes = st.builds(
    lambda local, zone, fold: local.replace(tzinfo=zone, fold=fold), st.datetimes(), time_zones, st.integers(0, 1)
)
dtypes = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.unsigned_integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?")
    | npst.complex_number_dtypes(endianness="?")
    | npst.datetime64_dtypes(endianness="?")
    | npst.timedelta64_dtypes(endianness="?")
    | npst.byte_string_dtypes(max_len=5)
    | npst.unicode_string_dtypes(max_len=5)
)
numpy_arrays = dtypes.flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
numpy_scalars = dtypes.map(lambda dtype: dtype.newbyteorder("=")).flatmap(npst.from_dtype)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.sampled_from([Decimal(text) for text in ("-0E+5", "1.500", "sNaN", "-NaN123", "Infinity", "1E-999999")])
    | datetimes
    | st.dates()
    | st.timedeltas()
    | st.integers(-(2**63), 2**63 - 1).map(lambda n: Price(Decimal(n).scaleb(-9)))
    | st.integers(0, 2**90).map(lambda n: Quantity(Decimal(n).scaleb(-9)))
    | numpy_scalars
)


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):
        return False
    return True


keys = scalars.filter(is_hashable)
items = st.lists(keys | st.tuples(keys, keys), max_size=4)


def unique(candidates: list[Any]) -> set[Any]:
    """Drops values that can't be compared with the others: Decimal(0) == np.uint8(0) is a TypeError."""
    found: set[Any] = set()
    for candidate in candidates:
        with suppress(TypeError, ValueError):
            found.add(candidate)
    return found


values = st.recursive(
    scalars | numpy_arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | items.map(unique)
        | st.tuples(st.lists(keys, max_size=4).map(unique), st.lists(inner, min_size=4, max_size=4)).map(
            lambda pair: dict(zip(*pair, strict=False))
        )
    ),
    max_leaves=12,
)


def shown(value: Any) -> Any:
    """Returns a form that is equal if and only if type and content are, including NaN and -0.0."""
    if isinstance(value, np.ndarray):
        return ("ndarray", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, np.generic):
        return (type(value), value.dtype.str, value.tobytes())
    if isinstance(value, list | tuple):
        return (type(value), [shown(item) for item in value])
    if isinstance(value, set):
        return (set, sorted((shown(item) for item in value), key=repr))
    if isinstance(value, dict):
        return (dict, [(shown(key), shown(item)) for key, item in value.items()])
    if isinstance(value, datetime.datetime):
        return (type(value), value.replace(tzinfo=None), value.fold, type(value.tzinfo), str(value.tzinfo))
    return (type(value), repr(value))


@given(values)
def test_a_value_comes_back_as_it_went_in(value: Any) -> None:
    cache = GenericCache()
    cache.put("key", value)
    assert shown(cache.get("key")) == shown(value)
    cache.put_many({"one": value, "two": value})
    assert shown(cache.get_many(["two", "one", "none"])) == shown({"two": value, "one": value})


@given(values)
def test_its_bytes_are_a_protobuf_message_like_any_other(value: Any) -> None:
    encoded = encode_value(value)
    message = Value.FromString(encoded)
    assert message.WhichOneof("kind") is not None
    message.DiscardUnknownFields()
    assert shown(decode_value(message.SerializeToString())) == shown(value)
    engine = CacheEngine()
    engine.put("key", encoded, None)
    assert engine.get("key") == (encoded, 1, None)


def reason_of(call: Any, *arguments: Any) -> str | None:
    """Returns the reason for which a call refuses its arguments; None if it accepts them."""
    try:
        call(*arguments)
    except InvalidArgument as refusal:
        return refusal.reason
    return None


def read(data: bytes) -> None:
    """The client's decoder refuses whatever the service's check refuses.

    Some errors, such as an unknown time zone, only Python can detect, so only the decoder finds them.
    """
    checked, decoded = reason_of(CacheEngine().put, "key", data, None), reason_of(decode_value, data)
    assert decoded in (checked, "VALUE_MALFORMED")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    read(data)


@given(values, st.data())
def test_damaged_values_are_read_or_refused(value: Any, data: st.DataObject) -> None:
    encoded = bytearray(encode_value(value))
    cut = data.draw(st.integers(0, len(encoded)))
    read(bytes(encoded[:cut]))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(encoded))
