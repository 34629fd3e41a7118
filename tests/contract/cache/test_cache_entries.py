"""Entries, eviction, expiry and counters of caches, in process and remote."""

from __future__ import annotations

import math
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.support import strategies
from tests.support.api import Api
from tests.support.waiting import until

VALUES = [
    None, True, False, 0, -1, 2**63, -(2**200), 1.5, math.inf, -math.inf, -0.0, "", "größe", b"", b"\x00\xff",
    Decimal("1.10"), Decimal("-0"), Decimal("NaN"), Decimal("1E+30"), date(2024, 8, 8),
    timedelta(days=-1, microseconds=1),
    datetime(2024, 8, 8, 1, 2, 3, 4, tzinfo=UTC),
    datetime(2024, 8, 8, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    datetime(2024, 10, 27, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
    [], [1, [2, None]], (), (1, ("a",)), set(), {1, "a", None}, {}, {"b": 1, "a": {2: [3]}, None: (), 1.5: True},
]  # fmt: skip

ARRAYS = [
    np.arange(6).reshape(2, 3), np.zeros((0, 3), dtype=np.float32), np.array(7, dtype=np.uint8),
    np.array([True, False]), np.array([1 + 2j]), np.array(["2024-08-08"], dtype="datetime64[ns]"),
    np.asfortranarray(np.arange(4.0).reshape(2, 2)),
]  # fmt: skip
SCALARS = [np.float32(0.1), np.int8(-1), np.uint64(2**64 - 1), np.bool_(True), np.float64(math.pi)]


def same(a: Any, b: Any) -> bool:
    """Equal and of the same type, all the way down; NaN is NaN, -0.0 is not 0.0, dicts keep their order."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, Decimal):
        return a.as_tuple() == b.as_tuple()
    if isinstance(a, datetime):
        return a == b and a.utcoffset() == b.utcoffset() and str(a.tzinfo) == str(b.tzinfo) and a.fold == b.fold
    return bool(a == b)


def shown(value: Any) -> str:
    """Returns a text that is the same in each process, unlike the order of a set's members."""
    return f"set of {len(value)}" if isinstance(value, set) else repr(value)


@pytest.mark.parametrize("value", VALUES, ids=shown)
def test_a_value_comes_back_equal_and_of_the_same_type(api: Api, value: Any) -> None:
    cache = api.make_cache()
    cache.put("k", value)
    assert same(cache.get("k"), value)
    assert cache.contains("k")


@pytest.mark.parametrize("value", ARRAYS + SCALARS, ids=lambda value: f"{value.dtype}{value.shape}")
def test_numpy_values_keep_dtype_and_shape(api: Api, value: Any) -> None:
    cache = api.make_cache()
    cache.put("k", {"v": value})
    back = cache.get("k")["v"]
    assert type(back) is type(value)
    assert (back.dtype, back.shape) == (value.dtype, value.shape)
    assert np.array_equal(back, value)


def test_prices_and_quantities_are_values_too(api: Api) -> None:
    cache = api.make_cache()
    value = [api.model.Price("45000.000000001"), api.model.Quantity("0.5")]
    cache.put("k", value)
    assert cache.get("k") == value
    assert [type(each) for each in cache.get("k")] == [type(each) for each in value]


@given(value=strategies.cache_values())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nested_values_come_back(shared_cache: Any, value: Any) -> None:
    shared_cache.put("k", value)
    assert same(shared_cache.get("k"), value)


@pytest.fixture
def shared_cache(api: Api) -> Any:
    return api.make_cache()


class Subclass(dict[str, int]):
    pass


@pytest.mark.parametrize("value", [object(), Subclass(a=1), 1j, {(1,): 2}, np.array([object()]), [lambda: 1], range(3)])
def test_other_types_are_a_type_error_that_names_what_is_supported(api: Api, value: Any) -> None:
    cache = api.make_cache()
    with pytest.raises(TypeError, match="Decimal"):
        cache.put("k", value)
    assert not cache.contains("k")


def test_nesting_has_a_bound(api: Api) -> None:
    cache = api.make_cache()
    value: Any = 1
    for _ in range(32):
        value = [value]
    cache.put("k", value)
    assert cache.get("k") == value
    with pytest.raises((TypeError, ValueError)):
        cache.put("k", [value])


def test_mutable_values_are_copied_in_and_out(api: Api) -> None:
    cache = api.make_cache()
    value = {"a": [1]}
    cache.put("k", value)
    value["a"].append(2)
    cache.get("k")["a"].append(3)
    assert cache.get("k") == {"a": [1]}


def test_a_stored_none_is_no_miss(api: Api) -> None:
    cache = api.make_cache()
    cache.put("k", None)
    assert cache.get("k") is None
    assert cache.contains("k")
    assert cache.get_many(["k", "other"]) == {"k": None}
    assert (cache.statistics().hits, cache.statistics().misses) == (2, 1)


@pytest.mark.one_engine("the order of use is each partition's")
def test_the_least_recently_used_goes_first(api: Api) -> None:
    cache = api.make_cache(max_size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1  # refreshes
    assert cache.contains("b")  # does not
    cache.put("c", 3)
    assert [key for key in "abc" if cache.contains(key)] == ["a", "c"]
    cache.put("a", 4)  # also refreshes
    cache.put("d", 5)
    assert [key for key in "abcd" if cache.contains(key)] == ["a", "d"]
    assert cache.statistics().evictions == 2
    assert cache.size() == 2


def test_an_expired_entry_is_a_miss_and_no_reason_to_evict(api: Api) -> None:
    cache = api.make_cache(max_size=2, default_ttl=0.05)
    cache.put("short", 1)
    cache.put("long", 2, ttl=60)
    until(lambda: not cache.contains("short"))
    assert cache.get("short") is None
    assert cache.size() == 1
    cache.put("new", 3, ttl=math.inf)
    statistics = cache.statistics()
    assert (statistics.evictions, statistics.expirations, statistics.entries) == (0, 1, 2)
    assert cache.get("long") == 2


def test_delete_and_clear(api: Api) -> None:
    cache = api.make_cache()
    cache.put("a", 1)
    assert cache.delete("a") is True
    assert cache.delete("a") is False
    cache.put_many({"a": 1, "b": 2})
    cache.clear()
    assert cache.size() == 0
    assert cache.statistics().total_operations == 5
    assert cache.statistics().evictions == 0


def test_batches(api: Api) -> None:
    cache = api.make_cache()
    cache.put_many({"a": 1, "b": None})
    cache.warm_cache({"c": [3]})
    assert cache.get_many(["c", "x", "a", "b"]) == {"c": [3], "a": 1, "b": None}
    assert cache.delete_many(["a", "x"]) == 1
    statistics = cache.statistics()
    assert (statistics.hits, statistics.misses, statistics.total_operations) == (3, 1, 9)
    assert statistics.hit_ratio == 0.75


def test_put_if_absent_and_increment(api: Api) -> None:
    cache = api.make_cache()
    assert cache.put_if_absent("a", 1)
    assert not cache.put_if_absent("a", 2)
    assert cache.get("a") == 1
    assert cache.increment("n") == 1
    assert cache.increment("n", 2**70) == 2**70 + 1
    cache.put("text", "x")
    with pytest.raises(RuntimeError) as caught:
        cache.increment("text")
    assert caught.value.reason == "VALUE_NOT_NUMERIC"


def test_time_to_live_can_be_asked_and_renewed(api: Api) -> None:
    cache = api.make_cache(default_ttl=30.0)
    cache.put("a", 1)
    assert 25 < cache.ttl("a") <= 30
    assert cache.touch("a", ttl=math.inf)
    assert cache.ttl("a") == math.inf
    cache.put("n", 1, ttl=1000)
    cache.increment("n")
    assert 900 < cache.ttl("n") <= 1000
    assert not cache.touch("missing")
    assert cache.ttl("missing") is None


def test_keys_by_prefix(api: Api) -> None:
    cache = api.make_cache()
    cache.put_many({"a:1": 1, "a:2": 2, "b:1": 3})
    assert sorted(cache.keys("a:")) == ["a:1", "a:2"]
    assert sorted(cache.keys()) == ["a:1", "a:2", "b:1"]


def test_get_or_compute_computes_once(api: Api) -> None:
    cache = api.make_cache()
    calls = []
    for _ in range(2):
        assert cache.get_or_compute("k", lambda: calls.append(1) or "made") == "made"
    assert calls == [1]
    statistics = cache.statistics()
    assert (statistics.hits, statistics.misses, statistics.total_operations) == (0, 0, 0)


@pytest.mark.one_engine("the order of use is each partition's")
def test_get_or_compute_makes_an_entry_the_most_recently_used(api: Api) -> None:
    cache = api.make_cache(max_size=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get_or_compute("a", lambda: 3) == 1
    cache.put("c", 3)
    assert sorted(cache.keys()) == ["a", "c"]


def test_hit_ratio_is_zero_when_nothing_was_asked(api: Api) -> None:
    statistics = api.make_cache().statistics()
    assert statistics.hit_ratio == 0
    assert statistics.estimated_memory_bytes >= 0


@pytest.mark.parametrize("ttl", [0, -1.0, math.nan])
def test_a_time_to_live_must_be_above_zero(api: Api, ttl: float) -> None:
    cache = api.make_cache()
    with pytest.raises(ValueError):
        cache.put("k", 1, ttl=ttl)
    with pytest.raises(ValueError):
        api.make_cache(default_ttl=ttl)


def test_limits_on_sizes(api: Api) -> None:
    with pytest.raises(ValueError):
        api.make_cache(max_size=0)
    cache = api.make_cache()
    cache.put("k" * 1024, b"x" * (4 * 2**20 - 64))
    for key, value in (("", 1), ("k" * 1025, 1), ("k", b"x" * (4 * 2**20 + 1))):
        with pytest.raises(ValueError):
            cache.put(key, value)
    assert cache.size() == 1
