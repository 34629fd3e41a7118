"""The cache service is stopped and started: its caches go on, and nothing old ever comes back as if it were current."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alphaforge.cache.v1.atomics_pb2 import IncrementRequest, IncrementResponse
from alphaforge.cache.v1.caches_pb2 import ListCachesRequest, ListCachesResponse
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_client.cache import GenericCache
from alphaforge_core.model import Price

from tests.support.service import Service, command, environment, running_service
from tests.support.stack import Stack

VALUES = {
    "none": None,
    "text": "ü",
    "list": [1, (2.5, {"a": Decimal("1.10")}), {3}],
    "time": datetime(2024, 1, 2, tzinfo=UTC),
    "price": Price("1.5"),
    "big": 2**200,
}


@pytest.fixture
def own_stack(own_stack: Stack) -> Stack:
    own_stack.serve("cache")
    return own_stack


def restart(stack: Stack) -> None:
    assert stack.stop("cache") == 0
    stack.start("cache")


def saved_file(stack: Stack) -> Path:
    return stack.data_dir / "cache" / "caches.saved"


def call(service: Service, method: str, request: bytes) -> bytes:
    unary: Callable[..., bytes] = service.channel.unary_unary(f"/alphaforge.cache.v1.CacheService/{method}")
    return unary(request, timeout=10)


def test_clients_go_on_after_a_restart_without_noticing_it(own_stack: Stack) -> None:
    target = own_stack.target("cache")
    with (
        GenericCache(3, math.inf, max_bytes=10_000, name="small", target=target) as small,
        GenericCache(name="values", target=target) as values,
    ):
        values.put_many(VALUES)
        values.put("short", 1, ttl=100.0)
        entry = values.get_entry("text")
        assert entry is not None
        for key in "abc":
            small.put(key, key)
        small.get("a")
        counted = values.statistics()
        epochs = [small._connection.epoch, values._connection.epoch]
        restart(own_stack)
        after = values.statistics()
        assert [small._connection.epoch, values._connection.epoch] == epochs
        assert (after.total_operations, after.hits) == (counted.total_operations, counted.hits)
        assert values.compare_and_swap("text", entry[1], "ü")
        found = values.get_many(VALUES)
        assert found == VALUES
        assert [type(value) for value in found.values()] == [type(value) for value in VALUES.values()]
        left = values.ttl("short")
        assert left is not None
        assert 0 < left < 100.0
        # The bound and the order of use are the old ones: b is the one used longest ago.
        small.put("d", "d")
        assert sorted(small.keys()) == ["a", "c", "d"]
        assert small.ttl("a") == math.inf


def test_a_time_to_live_goes_on_while_the_service_is_down(own_stack: Stack) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put("soon", 1, ttl=0.5)
        cache.put("late", 1, ttl=100.0)
        own_stack.stop("cache")
        time.sleep(0.5)
        own_stack.start("cache")
        assert cache.keys() == ["late"]
        assert cache.statistics().expirations == 1


def test_what_was_loaded_does_not_come_back_after_a_crash(own_stack: Stack) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put("key", "old")
        restart(own_stack)
        epoch = cache._connection.epoch
        cache.put("key", "new")
        own_stack.kill("cache")
        own_stack.start("cache")
        assert cache.get("key") is None
        assert cache._connection.epoch != epoch


@pytest.mark.parametrize("place", [0, 20, -1, 0.5], ids=["mark", "head", "end", "entries"])
def test_a_damaged_file_is_reported_and_set_aside(own_stack: Stack, place: float) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put_many({str(number): number for number in range(1_000)})
        own_stack.stop("cache")
        damaged = bytearray(saved_file(own_stack).read_bytes())
        damaged[int(place * len(damaged)) if place == 0.5 else int(place)] ^= 1
        saved_file(own_stack).write_bytes(damaged)
        own_stack.start("cache")
        assert "saved caches set aside" in own_stack.log("cache").read_text()
        assert (own_stack.data_dir / "cache" / "caches.set-aside").read_bytes() == damaged
        assert not saved_file(own_stack).exists()
        assert cache.size() == 0
        cache.put("key", 1)
        restart(own_stack)
        assert cache.get("key") == 1


def test_without_warm_restart_nothing_is_saved_and_nothing_old_is_kept_for_later(tmp_path: Path) -> None:
    with running_service("cache", tmp_path) as service:
        with GenericCache(name="c", target=service.address) as cache:
            cache.put("key", 1)
        assert service.stop() == 0
    with running_service("cache", tmp_path, "--no-warm-restart") as service:
        assert not ListCachesResponse.FromString(
            call(service, "ListCaches", ListCachesRequest().SerializeToString())
        ).caches
        assert service.stop() == 0
    assert not (tmp_path / "caches.saved").exists()
    with running_service("cache", tmp_path) as service, GenericCache(name="c", target=service.address) as cache:
        assert cache.get("key") is None


def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    with running_service("cache", tmp_path):
        second = subprocess.run(
            command("cache", "--data-dir", str(tmp_path)),
            capture_output=True, text=True, env=environment(), timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "another cache service keeps its state in" in second.stderr


def test_a_call_repeated_across_the_restart_is_not_done_twice(tmp_path: Path) -> None:
    request = IncrementRequest(cache="c", request_id="once", key="k", amount=Value(int_value=1)).SerializeToString()
    with running_service("cache", tmp_path) as service:
        first = call(service, "Increment", request)
        service.stop()
    with running_service("cache", tmp_path) as service:
        assert call(service, "Increment", request) == first
        again = request.replace(b"once", b"more")
        assert IncrementResponse.FromString(call(service, "Increment", again)).value.int_value == 2


def test_a_folder_that_cannot_be_written_stops_the_service_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = subprocess.run(
        command("cache", "--data-dir", str(tmp_path / "file")),
        capture_output=True, text=True, env=environment(), timeout=30, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "can't start" in refused.stderr


def test_a_stop_under_load_ends_in_time_and_keeps_what_was_acknowledged(own_stack: Stack) -> None:
    with GenericCache(name="c", target=own_stack.target("cache"), timeout=2.0) as cache:
        process = own_stack.processes["cache"]
        acknowledged = 0
        while process.poll() is None:
            with suppress(ConnectionError, TimeoutError):
                cache.put(str(acknowledged), acknowledged)
                acknowledged += 1
                if acknowledged == 500:
                    process.terminate()
        restart(own_stack)
        assert len(cache.get_many([str(number) for number in range(acknowledged)])) == acknowledged >= 500
