"""The rules of "Cache", one by one, on the cache in process with a simulated clock."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from alphaforge_core.cache import GenericCache
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, UnsupportedValue

SECOND = 1_000_000_000


class Clock:
    """A clock in nanoseconds that the test advances."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def filled(names: str, max_size: int = 3) -> GenericCache:
    cache = GenericCache(max_size, math.inf)
    for name in names:
        cache.put(name, name)
    return cache


@pytest.mark.parametrize(
    ("calls", "left"),
    [
        ([], "bcd"),
        ([("get", "a")], "acd"),
        ([("put", "a", 1)], "acd"),
        ([("get_many", ["b", "a"])], "abd"),
        ([("touch", "a")], "acd"),
        ([("contains", "a"), ("size",), ("ttl", "a"), ("keys",), ("statistics",)], "bcd"),
        ([("put_if_absent", "a", 1)], "bcd"),
        ([("compare_and_swap", "a", 1, 1)], "acd"),
        ([("compare_and_swap", "a", 2, 1)], "bcd"),
    ],
)
def test_the_entry_used_longest_ago_leaves(calls: list[tuple[Any, ...]], left: str) -> None:
    cache = filled("abc")
    for name, *arguments in calls:
        getattr(cache, name)(*arguments)
    cache.put("d", 1)
    assert "".join(sorted(cache.keys())) == left
    assert cache.statistics().evictions == 1


def test_bytes_bound_a_cache_too() -> None:
    cache = GenericCache(max_bytes=1000)
    for name in "abcde":
        cache.put(name, bytes(100))
    # Key, 102 bytes of value and 96 of overhead: 199 an entry.
    assert (cache.size(), cache.statistics().evictions) == (5, 0)
    cache.put("a", bytes(150))
    assert sorted(cache.keys()) == ["a", "c", "d", "e"]
    cache.put("large", bytes(800))
    assert cache.keys() == ["large"]
    with pytest.raises(InvalidArgument) as refusal:
        cache.put_many({"small": 1, "larger": bytes(1000)})
    assert refusal.value.reason == "LIMIT_EXCEEDED"
    assert cache.keys() == ["large"]


def test_an_entry_is_there_until_its_time_has_passed(clock: Clock) -> None:
    cache = GenericCache(default_ttl=10.0, clock=clock)
    cache.put("default", 1)
    cache.put("short", 2, ttl=0.5)
    cache.put("ever", 3, ttl=math.inf)
    clock.now += SECOND // 2 - 1
    assert cache.get("short") == 2
    clock.now += 1
    assert (cache.get("short"), cache.contains("short"), cache.ttl("short")) == (None, False, None)
    assert (cache.ttl("default"), cache.ttl("ever")) == (9.5, math.inf)
    clock.wait(1e9)
    assert cache.keys() == ["ever"]


def test_an_expired_entry_never_pushes_a_good_one_out(clock: Clock) -> None:
    cache = GenericCache(3, math.inf, clock=clock)
    cache.put("good", 1)
    cache.put("better", 1)
    cache.put("short", 1, ttl=1)
    clock.wait(1)
    cache.put("new", 1)
    statistics = cache.statistics()
    assert sorted(cache.keys()) == ["better", "good", "new"]
    assert (statistics.evictions, statistics.expirations) == (0, 1)


def test_expired_entries_are_freed_without_being_touched(clock: Clock) -> None:
    cache = GenericCache(100_000, 10.0, clock=clock)
    cache.put_many({f"key{n}": bytes(100) for n in range(50_000)})
    full = cache.statistics().estimated_memory_bytes
    clock.wait(10)
    # Other calls free a few expired entries each.
    for _ in range(20_000):
        cache.contains("other")
    statistics = cache.statistics()
    assert (statistics.entries, statistics.expirations, statistics.evictions) == (0, 50_000, 0)
    assert statistics.estimated_memory_bytes < full / 10


def test_time_that_goes_back_brings_nothing_back(clock: Clock) -> None:
    cache = GenericCache(default_ttl=10.0, clock=clock)
    cache.put("a", 1)
    clock.wait(10)
    assert cache.get("a") is None
    clock.wait(-10)
    assert cache.get("a") is None


def test_a_stored_none_is_no_miss() -> None:
    cache = GenericCache()
    cache.put("a", None)
    assert cache.get("a") is None
    assert cache.contains("a")
    assert cache.get_many(["a", "b"]) == {"a": None}
    assert cache.get_or_compute("a", lambda: 1) is None


def test_values_are_copied_in_and_out() -> None:
    cache = GenericCache()
    value: dict[str, Any] = {"list": [1], "array": np.zeros(2)}
    cache.put("a", value)
    value["list"].append(2)
    value["array"][0] = 1
    once = cache.get("a")
    assert once["list"] == [1]
    assert once["array"].tolist() == [0, 0]
    once["list"].append(3)
    once["array"][1] = 1
    assert cache.get("a")["list"] == [1]
    assert cache.get("a")["array"].tolist() == [0, 0]


class Subclassed(int):
    pass


@pytest.mark.parametrize(
    "value",
    [
        ...,
        bytearray(b"a"),
        frozenset(),
        Subclassed(1),
        datetime.datetime(2024, 1, 1),
        datetime.time(),
        np.array([...], dtype=object),
        np.zeros(2, dtype=[("a", "i4")]),
        np.ma.masked_array([1]),
        {(1, 2): 3},
        {"deep": [Subclassed(1)]},
        range(3),
        1j,
    ],
    ids=repr,
)
def test_other_types_are_refused_with_the_list_of_those_supported(value: object) -> None:
    cache = GenericCache()
    with pytest.raises(UnsupportedValue, match="None, bool, int, float, str, bytes, Decimal") as refusal:
        cache.put("a", value)
    assert isinstance(refusal.value, TypeError)
    assert refusal.value.reason == "VALUE_UNSUPPORTED"
    with pytest.raises(TypeError):
        cache.put_many({"b": 1, "a": value})
    assert cache.size() == 0


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda cache: cache.put("", 1), "KEY_INVALID"),
        (lambda cache: cache.put("x" * 1025, 1), "KEY_INVALID"),
        (lambda cache: cache.put("é" * 513, 1), "KEY_INVALID"),
        (lambda cache: cache.get("\ud800"), "KEY_INVALID"),
        (lambda cache: cache.put_many({"a": 1, "": 2}), "KEY_INVALID"),
        (lambda cache: cache.get_many([""]), "KEY_INVALID"),
        (lambda cache: cache.put("a", "\ud800"), "VALUE_MALFORMED"),
        (lambda cache: cache.put("a", bytes(4 * 1024 * 1024)), "VALUE_TOO_LARGE"),
        (lambda cache: cache.put("a", ["x" * 1_000_000] * 5), "VALUE_TOO_LARGE"),
        (lambda cache: cache.put("a", np.zeros(2**20)), "VALUE_TOO_LARGE"),
        (lambda cache: cache.put("a", nested(33)), "VALUE_TOO_DEEP"),
        (lambda cache: cache.put("a", endless()), "VALUE_TOO_DEEP"),
        (lambda cache: cache.put("a", 1, ttl=0), "TTL_INVALID"),
        (lambda cache: cache.put("a", 1, ttl=-1.0), "TTL_INVALID"),
        (lambda cache: cache.put("a", 1, ttl=math.nan), "TTL_INVALID"),
        (lambda cache: cache.touch("a", -math.inf), "TTL_INVALID"),
        (lambda cache: GenericCache(0), "SETTING_INVALID"),
        (lambda cache: GenericCache(-1), "SETTING_INVALID"),
        (lambda cache: GenericCache(default_ttl=0), "TTL_INVALID"),
        (lambda cache: GenericCache(max_bytes=0), "SETTING_INVALID"),
        (lambda cache: cache.keys(cursor="0123"), "PAGE_TOKEN_INVALID"),
        (lambda cache: cache.keys(limit=0), "SETTING_INVALID"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_its_reason(call: Any, reason: str) -> None:
    cache = GenericCache()
    with pytest.raises(ValueError) as refusal:
        call(cache)
    assert isinstance(refusal.value, InvalidArgument)
    assert refusal.value.reason == reason
    assert cache.size() == 0


def test_bounds_are_reached() -> None:
    cache = GenericCache(1)
    cache.put("x" * 1024, nested(32))
    assert cache.get("x" * 1024) == nested(32)
    cache.put("a", bytes(4 * 1024 * 1024 - 5))
    assert len(cache.get("a")) == 4 * 1024 * 1024 - 5
    cache.put("a", 1, ttl=1e-12)
    cache.put("a", 1, ttl=1e300)
    assert cache.ttl("a") == math.inf


@pytest.mark.parametrize(
    "call",
    [
        lambda cache: cache.put(1, 1),
        lambda cache: cache.get(1.5),
        lambda cache: cache.get_many("abc"),
        lambda cache: cache.delete_many([b"a"]),
        lambda cache: cache.put_many({1: 1}),
        lambda cache: cache.put("a", 1, ttl="1"),
        lambda cache: GenericCache(True),
        lambda cache: GenericCache("1"),
    ],
)
def test_arguments_of_another_type_are_type_errors(call: Any) -> None:
    with pytest.raises(TypeError) as refusal:
        call(GenericCache())
    assert isinstance(refusal.value, AlphaForgeError)
    assert refusal.value.reason == "TYPE_UNSUPPORTED"


def test_batches_answer_what_was_found() -> None:
    cache = GenericCache()
    cache.warm_cache({"a": 1, "b": [2]})
    assert cache.get_many(iter(["b", "none", "a", "b"])) == {"b": [2], "a": 1}
    assert cache.delete_many(["a", "none"]) == 1
    assert cache.get_many([]) == {}


def test_a_swap_needs_the_version_it_knows() -> None:
    cache = GenericCache()
    assert cache.get_entry("a") is None
    assert not cache.compare_and_swap("a", 0, "first")
    assert cache.put_if_absent("a", "first")
    assert not cache.put_if_absent("a", "second")
    value, version, _ = cache.get_entry("a") or pytest.fail("the entry is gone")
    assert value == "first"
    assert cache.compare_and_swap("a", version, "second")
    assert not cache.compare_and_swap("a", version, "third")
    cache.delete("a")
    cache.put("a", "second")
    assert not cache.compare_and_swap("a", version, "third")
    cache.clear()
    cache.put("a", "again")
    assert (cache.get_entry("a") or ("", 0, 0))[1] > version + 1


@pytest.mark.parametrize(
    ("stored", "amount", "total"),
    [
        (None, 5, 5),
        (None, Decimal("1.50"), Decimal("1.50")),
        (2, -5, -3),
        (2**63 - 1, 1, 2**63),
        (-(2**63), -1, -(2**63) - 1),
        (2**63, -1, 2**63 - 1),
        (10**40, -(10**40), 0),
        (-(10**40), 10**20, -(10**40) + 10**20),
        (Decimal("1.50"), Decimal("1.5"), Decimal("3.00")),
        (Decimal("1.5"), 2, Decimal("3.5")),
        (2, Decimal("-2.50"), Decimal("-0.50")),
        (Decimal("1E+3"), Decimal("1E-3"), Decimal("1000.001")),
        (Decimal("1E+5"), Decimal("2E+4"), Decimal("1.2E+5")),
        (Decimal("0.1"), Decimal("-0.1"), Decimal("0.0")),
        (Decimal("-0.0"), Decimal("-0"), Decimal("-0.0")),
        (10**30, Decimal("0.000000000000000000000000000001"), Decimal(f"{10**30}.{'1':0>30}")),
    ],
)
def test_an_increment_is_exact(stored: Any, amount: Any, total: Any) -> None:
    cache = GenericCache()
    if stored is not None:
        cache.put("n", stored)
    assert repr(cache.increment("n", amount)) == repr(total)
    assert repr(cache.get("n")) == repr(total)


def test_an_increment_keeps_the_time_to_live(clock: Clock) -> None:
    cache = GenericCache(clock=clock)
    cache.put("n", 1, ttl=10)
    clock.wait(4)
    assert cache.increment("n", ttl=100) == 2
    assert cache.ttl("n") == 6
    assert cache.increment("new", ttl=100) == 1
    assert cache.ttl("new") == 100


@pytest.mark.parametrize(
    ("stored", "amount", "error", "reason"),
    [
        ("a", 1, EngineError, "VALUE_NOT_NUMERIC"),
        (1.5, 1, EngineError, "VALUE_NOT_NUMERIC"),
        (True, 1, EngineError, "VALUE_NOT_NUMERIC"),
        (Decimal("NaN"), 1, EngineError, "VALUE_NOT_NUMERIC"),
        (1, 1.5, UnsupportedValue, "VALUE_NOT_NUMERIC"),
        (1, True, UnsupportedValue, "VALUE_NOT_NUMERIC"),
        (1, Decimal("Infinity"), InvalidArgument, "NUMBER_MALFORMED"),
        (Decimal("1E+2000"), 1, InvalidArgument, "NUMBER_OUT_OF_RANGE"),
        (Decimal("1E-2000"), 1, InvalidArgument, "NUMBER_OUT_OF_RANGE"),
        (10**2000, Decimal(1), InvalidArgument, "NUMBER_OUT_OF_RANGE"),
    ],
)
def test_only_numbers_are_incremented(stored: Any, amount: Any, error: type[AlphaForgeError], reason: str) -> None:
    cache = GenericCache()
    cache.put("n", stored)
    with pytest.raises(error) as refusal:
        cache.increment("n", amount)
    assert refusal.value.reason == reason
    assert repr(cache.get("n")) == repr(stored)


def test_touch_gives_a_new_time_to_live(clock: Clock) -> None:
    cache = GenericCache(default_ttl=10.0, clock=clock)
    cache.put("a", 1, ttl=1)
    assert cache.touch("a")
    assert cache.ttl("a") == 10
    assert cache.touch("a", math.inf)
    assert cache.ttl("a") == math.inf
    assert not cache.touch("none")


def test_keys_are_listed_page_by_page_exactly_once() -> None:
    cache = GenericCache(100_000)
    stay = {f"stay{n}" for n in range(5_000)}
    cache.put_many(dict.fromkeys(stay))
    cache.put_many({f"other{n}": 1 for n in range(5_000)})
    seen: list[str] = []
    cursor, step = "", 0
    while True:
        page = cache.keys("stay", limit=100, cursor=cursor)
        assert len(page) <= 101
        seen += page
        cursor, step = page.next_cursor, step + 1
        if not cursor:
            break
        # The index grows and shrinks meanwhile.
        cache.put_many({f"new{step}-{n}": 1 for n in range(300)})
        cache.delete_many([f"other{n}" for n in range(step * 50, step * 50 + 50)])
    assert len(seen) == len(set(seen))
    assert set(seen) == stay
    assert set(cache.keys("stay")) == stay


def test_a_cursor_of_another_cache_is_refused() -> None:
    one, other = GenericCache(), GenericCache()
    for cache in (one, other):
        cache.put_many({f"key{n}": n for n in range(10)})
    cursor = one.keys(limit=1).next_cursor
    with pytest.raises(InvalidArgument):
        other.keys(cursor=cursor)


def test_operations_are_counted_as_documented(clock: Clock) -> None:
    cache = GenericCache(default_ttl=10.0, clock=clock)
    assert cache.statistics().hit_ratio == 0.0
    cache.put("a", 1)  # 1
    cache.get("a")  # 2
    cache.get("none")  # 3
    cache.delete("none")  # 4
    cache.contains("a")  # 5
    cache.put_many({"b": 1, "c": 2})  # 7
    cache.get_many(["a", "b", "none", "none"])  # 11
    cache.delete_many(["c", "none"])  # 13
    for uncounted in (cache.size, cache.keys, cache.statistics):
        uncounted()
    cache.put_if_absent("d", 1)
    cache.increment("d")
    cache.touch("d")
    cache.ttl("d")
    clock.wait(10)
    cache.clear()
    statistics = cache.statistics()
    assert statistics.as_dict() == {
        "hits": 3,
        "misses": 3,
        "near_hits": 0,
        "total_operations": 13,
        "evictions": 0,
        "expirations": 3,
        "entries": 0,
        "estimated_memory_bytes": statistics.estimated_memory_bytes,
        "hit_ratio": 0.5,
    }


def test_memory_is_counted_as_the_process_grows() -> None:
    cache = GenericCache(100_000)
    empty = cache.statistics().estimated_memory_bytes
    assert empty < 100_000
    cache.put_many({f"key{n:013}": bytes(64) for n in range(100_000)})
    assert 150 < (cache.statistics().estimated_memory_bytes - empty) / 100_000 < 210
    cache.clear()
    assert cache.statistics().estimated_memory_bytes < 100_000
