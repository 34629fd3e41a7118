"""Random histories: the native cache, its twin in plain Python and cachetools agree after every step."""

from __future__ import annotations

import math
from typing import Any

import cachetools
from alphaforge_core.cache import GenericCache
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support.twins import cache as twins

SECOND = twins.SECOND

# Few keys, so that operations collide; the last ones share a prefix.
KEYS = st.sampled_from(("a", "b", "c", "d", "e", "ab", "abc", "é"))
VALUES = st.integers(-3, 3) | st.none() | st.text(max_size=2)
TTLS = st.none() | st.sampled_from((0.5, 1.0, 2.0, 2.5, 10.0, 1e-9, math.inf))


class CacheMachine(RuleBasedStateMachine):
    """Makes every call on the cache and on its twin, under one clock."""

    @initialize(max_size=st.integers(1, 6), default_ttl=st.sampled_from((1.0, 3.0, math.inf)))
    def start(self, max_size: int, default_ttl: float) -> None:
        self.twin = twins.GenericCache(max_size, default_ttl)
        self.cache = GenericCache(max_size, default_ttl, clock=lambda: self.twin.now)

    def agree(self, name: str, *arguments: Any) -> None:
        expected = getattr(self.twin, name)(*arguments)
        assert getattr(self.cache, name)(*arguments) == expected

    @rule(step=st.sampled_from((1, SECOND // 2, SECOND, 3 * SECOND, 60 * SECOND)))
    def wait(self, step: int) -> None:
        self.twin.now += step

    @rule(name=st.sampled_from(("put", "put_if_absent")), key=KEYS, value=VALUES, ttl=TTLS)
    def put(self, name: str, key: str, value: object, ttl: float | None) -> None:
        self.agree(name, key, value, ttl)

    @rule(name=st.sampled_from(("get", "get", "delete", "contains", "ttl")), key=KEYS)
    def one(self, name: str, key: str) -> None:
        self.agree(name, key)

    @rule(key=KEYS, ttl=TTLS)
    def touch(self, key: str, ttl: float | None) -> None:
        self.agree("touch", key, ttl)

    @rule(key=KEYS, by=st.integers(-3, 3))
    def increment(self, key: str, by: int) -> None:
        entry = self.twin.find(key)
        if entry is None or type(entry.value) is int:
            self.agree("increment", key, by)

    @rule(name=st.sampled_from(("get_many", "delete_many")), keys=st.lists(KEYS, max_size=5))
    def many(self, name: str, keys: list[str]) -> None:
        self.agree(name, keys)

    @rule(items=st.dictionaries(KEYS, VALUES, max_size=5), ttl=TTLS)
    def put_many(self, items: dict[str, object], ttl: float | None) -> None:
        self.agree("put_many", items, ttl)

    @rule(key=KEYS, value=VALUES, ttl=TTLS, is_stale=st.booleans())
    def compare_and_swap(self, key: str, value: object, ttl: float | None, is_stale: bool) -> None:
        entry, twin_entry = self.cache.get_entry(key), self.twin.find(key)
        self.twin.get(key)
        version, twin_version = (entry[1] if entry else 7, twin_entry.version if twin_entry else 7)
        if is_stale:
            version, twin_version = version - 1, twin_version - 1
        expected = self.twin.compare_and_swap(key, twin_version, value, ttl)
        assert self.cache.compare_and_swap(key, version, value, ttl) == expected == (entry is not None and not is_stale)

    @rule()
    def clear(self) -> None:
        self.agree("clear")

    @invariant()
    def nothing_differs(self) -> None:
        self.cache.validate()
        assert set(self.cache.keys()) == self.twin.keys()
        assert set(self.cache.keys("ab")) == self.twin.keys("ab")
        assert self.cache.size() == self.twin.size()
        counted = self.cache.statistics().as_dict()
        assert counted.pop("estimated_memory_bytes") > 0
        assert counted.pop("near_hits") == 0
        assert counted == self.twin.statistics()


def test_every_call_does_what_the_twin_does() -> None:
    run_state_machine_as_test(CacheMachine)


OPERATIONS = st.lists(st.tuples(st.sampled_from(("put", "get", "delete", "wait")), st.integers(0, 9)), max_size=80)


@given(max_size=st.integers(1, 5), operations=OPERATIONS)
def test_without_times_the_order_of_eviction_is_that_of_cachetools(
    max_size: int, operations: list[tuple[str, int]]
) -> None:
    reference: cachetools.LRUCache[str, int] = cachetools.LRUCache(max_size)
    cache = GenericCache(max_size, math.inf)
    for name, number in operations:
        key = str(number)
        if name == "put":
            reference[key] = number
            cache.put(key, number)
        elif name == "delete":
            assert cache.delete(key) == (reference.pop(key, None) is not None)
        else:
            assert cache.get(key) == reference.get(key)
        assert set(cache.keys()) == set(reference)


@given(max_size=st.integers(1, 5), operations=OPERATIONS)
def test_with_one_time_to_live_it_is_the_ttl_cache_of_cachetools(
    max_size: int, operations: list[tuple[str, int]]
) -> None:
    now = 0
    reference: cachetools.TTLCache[str, int] = cachetools.TTLCache(max_size, 3 * SECOND, timer=lambda: now)
    cache = GenericCache(max_size, 3.0, clock=lambda: now)
    for name, number in operations:
        key = str(number)
        if name == "put":
            reference[key] = number
            cache.put(key, number)
        elif name == "delete":
            assert cache.delete(key) == (reference.pop(key, None) is not None)
        elif name == "get":
            assert cache.get(key) == reference.get(key)
        else:
            now += number * SECOND // 3
        reference.expire()
        assert set(cache.keys()) == set(reference)
