"""Times are int nanoseconds since the Unix epoch; conversions round down."""

from __future__ import annotations

import time

import numpy as np
import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.time import nanos_to_millis, nanos_to_secs, unix_nanos_now
from hypothesis import given
from hypothesis import strategies as st

INT64_MAX = 2**63 - 1


@given(st.integers(-INT64_MAX - 1, INT64_MAX))
def test_conversions_round_down(nanos: int) -> None:
    assert nanos_to_millis(nanos) == nanos // 10**6
    assert nanos_to_secs(nanos) == nanos // 10**9
    assert type(nanos_to_secs(np.int64(nanos))) is int


@pytest.mark.parametrize("convert", [nanos_to_millis, nanos_to_secs])
def test_what_does_not_fit_64_bits_is_a_value_error(convert: type) -> None:
    for nanos in (INT64_MAX + 1, -INT64_MAX - 2, 10**100):
        with pytest.raises(InvalidArgument, match=r"^nanos does not fit 64 bits$") as caught:
            convert(nanos)
        assert caught.value.reason == "TIME_OUT_OF_RANGE"


@pytest.mark.parametrize("convert", [nanos_to_millis, nanos_to_secs])
@pytest.mark.parametrize("nanos", [1.0, True, "1", None, np.float64(1), np.True_], ids=repr)
def test_other_types_are_type_errors(convert: type, nanos: object) -> None:
    with pytest.raises(TypeError, match=r"^nanos must be an int, not "):
        convert(nanos)


def test_now_is_the_wall_clock() -> None:
    before = time.time_ns()
    now = unix_nanos_now()
    assert type(now) is int
    assert before <= now <= time.time_ns()
