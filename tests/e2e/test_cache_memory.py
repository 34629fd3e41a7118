"""The limit on the memory of all caches of a service: eviction, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.errors import ResourceExhausted

from tests.support.service import running_service
from tests.support.waiting import until

LIMIT_BYTES = 8 * 2**20
BOUND = ("--max-memory-bytes", str(LIMIT_BYTES))
# An entry takes some 1,100 bytes.
ITEMS = {f"key{number}": b"x" * 1_000 for number in range(20_000)}


def test_a_full_service_refuses_to_store_more_and_does_all_else(tmp_path: Path) -> None:
    with (
        running_service("cache", tmp_path, *BOUND, "--when-full", "refuse") as service,
        GenericCache(1_000_000, name="full", target=service.address) as full,
        GenericCache(name="other", target=service.address) as other,
    ):
        other.put("a", 1)
        with pytest.raises(ResourceExhausted, match="of max_memory_bytes 8,388,608") as refused:
            full.put_many(ITEMS)
        assert refused.value.reason == "MEMORY_LIMIT"
        stores = (
            lambda: other.put("b", 1),
            lambda: other.put_many({"b": 1}),
            lambda: other.put_if_absent("b", 1),
            lambda: other.increment("a"),
            lambda: other.get_or_compute("b", lambda: 1),
        )
        for store in stores:
            with pytest.raises(ResourceExhausted):
                store()
        assert other.get("a") == 1
        assert full.statistics().evictions == 0
        full.clear()
        other.put("b", 1)


def test_a_full_service_evicts_from_the_cache_that_takes_most(tmp_path: Path) -> None:
    with (
        running_service("cache", tmp_path, *BOUND) as service,
        GenericCache(1_000_000, name="large", target=service.address) as large,
        GenericCache(name="small", target=service.address) as small,
    ):
        small.put_many({str(number): number for number in range(1_000)})
        for _ in range(3):
            large.put_many(ITEMS)
        until(lambda: large.statistics().estimated_memory_bytes <= LIMIT_BYTES)
        taken = large.statistics().estimated_memory_bytes + small.statistics().estimated_memory_bytes
        assert LIMIT_BYTES / 2 < taken <= LIMIT_BYTES
        assert large.statistics().evictions > 0
        assert small.statistics().evictions == 0
        assert small.size() == 1_000
        # The newest stay.
        last = [*ITEMS][-1]
        assert large.get(last) == ITEMS[last]
        assert "max_memory_bytes is reached" in service.log.read_text()
        large.drop()
        small.put_many(dict.fromkeys(ITEMS, 1))
        assert small.size() == 10_000


def test_a_restart_with_a_smaller_bound_restores_only_what_fits(tmp_path: Path) -> None:
    with (
        running_service("cache", tmp_path) as service,
        GenericCache(1_000_000, name="c", target=service.address) as cache,
    ):
        cache.put_many(ITEMS)
        service.stop()
    with (
        running_service("cache", tmp_path, *BOUND) as service,
        GenericCache(name="c", target=service.address) as cache,
    ):
        until(lambda: cache.statistics().estimated_memory_bytes <= LIMIT_BYTES)
        assert cache.size() > 1_000
