"""Random histories give the same answers, entries and counters on the cache and on its twin, under a given clock."""

from __future__ import annotations

from typing import Any

from alphaforge_core.cache import GenericCache
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.strategies import CACHE_KEYS, Operation
from tests.support.twins import cache as twins

COUNTS = ("hits", "misses", "total_operations", "evictions", "expirations", "entries", "hit_ratio")


@given(st.integers(1, 4), st.sampled_from((1.0, 2.0, float("inf"))), strategies.cache_histories())
def test_every_call_answers_as_the_twin_does(max_size: int, default_ttl: float, history: list[Operation]) -> None:
    twin = twins.GenericCache(max_size, default_ttl)
    cache = GenericCache(max_size, default_ttl, clock=lambda: twin.now)
    for name, arguments in history:
        if name == "wait":
            twin.now += round(arguments[0] * twins.SECOND)
            continue
        assert answer(cache, name, arguments) == answer(twin, name, arguments), (name, arguments)
        statistics = cache.statistics()
        assert {count: getattr(statistics, count) for count in COUNTS} == twin.statistics(), (name, arguments)
    for key in CACHE_KEYS:
        assert (cache.contains(key), cache.get(key), cache.ttl(key)) == (
            twin.contains(key), twin.get(key), twin.ttl(key),
        )  # fmt: skip


def answer(cache: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    result = getattr(cache, name)(*arguments)
    return set(result) if name == "keys" else result
