"""The cache service is stopped, killed and started: its caches survive, and no stale value comes back as current."""

from __future__ import annotations

import math
import resource
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.cache.v1.atomics_pb2 import IncrementRequest, IncrementResponse
from alphaforge.cache.v1.caches_pb2 import ListCachesRequest, ListCachesResponse
from alphaforge.cache.v1.entries_pb2 import ClearRequest, DeleteRequest
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.errors import DeadlineExceeded, Unavailable
from alphaforge_core.model import Price

from tests.support.service import Service, command, environment, running_service
from tests.support.stack import Stack
from tests.support.waiting import until

VALUES = {
    "none": None,
    "text": "ü",
    "list": [1, (2.5, {"a": Decimal("1.10")}), {3}],
    "time": datetime(2024, 1, 2, tzinfo=UTC),
    "price": Price("1.5"),
    "big": 2**200,
}

pytestmark = pytest.mark.files("caches start empty after a takeover")


@pytest.fixture
def own_stack(own_stack: Stack) -> Stack:
    own_stack.serve("cache")
    return own_stack


def restart(stack: Stack) -> None:
    assert stack.stop("cache") == 0
    stack.start("cache")


def file_of(stack: Stack, name: str) -> Path:
    return stack.data_dir / "cache" / f"{name}.cache"


def call(service: Service, method: str, request: bytes) -> bytes:
    unary: Callable[..., bytes] = service.channel.unary_unary(f"/alphaforge.cache.v1.CacheService/{method}")
    return unary(request, timeout=10)


def test_clients_do_not_notice_a_restart(own_stack: Stack) -> None:
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
        # The bound and the order of use are restored: b is least recently used.
        small.put("d", "d")
        assert sorted(small.keys()) == ["a", "c", "d"]
        assert small.ttl("a") == math.inf


def test_a_time_to_live_goes_on_while_the_service_is_down(own_stack: Stack) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put("soon", 1, ttl=0.5)
        expires = time.time() + 0.5
        cache.put("late", 1, ttl=100.0)
        own_stack.stop("cache")
        until(lambda: time.time() > expires)
        own_stack.start("cache")
        assert cache.keys() == ["late"]
        assert cache.statistics().expirations == 1


def kill(stack: Stack) -> None:
    stack.kill("cache")
    stack.start("cache")


def test_a_killed_service_finds_every_acknowledged_change(own_stack: Stack) -> None:
    target = own_stack.target("cache")
    with GenericCache(100, name="ü/..", target=target) as cache, GenericCache(3, name="small", target=target) as small:
        cache.put_many(VALUES)
        epoch = cache._connection.epoch
        cache.put("short", 1, ttl=0.2)
        entry = cache.get_entry("text")
        assert entry is not None
        cache.increment("n", 5)
        for key in "abcd":
            small.put(key, key)
        small.get("b")
        for number in range(3):
            cache.put("again", number)
            kill(own_stack)
            assert cache.get_many(VALUES) == VALUES
            assert cache.get("again") == number
            assert cache.increment("n") == 6 + number
            assert sorted(small.keys()) == ["b", "c", "d"]
        assert cache.compare_and_swap("text", entry[1], "ü")
        assert cache._connection.epoch == epoch
        until(lambda: not cache.contains("short"))
        cache.delete("again")
        cache.clear()
        kill(own_stack)
        assert cache.keys() == []
        small.reset()
        kill(own_stack)
        assert small.size() == 0
        small.put("e", 1)
        small.drop()
        kill(own_stack)
        assert [each.cache for each in caches(own_stack)] == ["ü/.."]


def caches(stack: Stack) -> list[Any]:
    with grpc.insecure_channel(stack.target("cache")) as channel:
        unary = channel.unary_unary("/alphaforge.cache.v1.CacheService/ListCaches")
        return list(ListCachesResponse.FromString(unary(b"", timeout=10)).caches)


def test_settings_given_later_survive_a_kill(own_stack: Stack) -> None:
    target = own_stack.target("cache")
    with GenericCache(10, name="c", target=target) as cache:
        cache.put_many({str(number): number for number in range(10)})
    with GenericCache(5, name="c", target=target, reconfigure=True) as cache:
        assert cache.size() == 5
        kill(own_stack)
        assert cache.size() == 5
        assert [each.settings.max_size for each in caches(own_stack)] == [5]


def test_near_caches_hold_nothing_stale_over_a_kill(own_stack: Stack) -> None:
    target = own_stack.target("cache")
    near_cache = NearCache(max_size=100, max_age=60.0)
    with (
        GenericCache(name="c", target=target, near_cache=near_cache) as near,
        GenericCache(name="c", target=target) as writer,
    ):
        for number in range(5):
            writer.put("key", number)
            until(lambda number=number: near.get("key") == number)
            kill(own_stack)
            writer.put("key", -number)
            until(lambda number=number: near.get("key") == -number)


@pytest.mark.parametrize("durability", ["os", "none"])
def test_only_what_durability_promises_comes_back_after_a_kill(tmp_path: Path, durability: str) -> None:
    options = ("--durability", durability)
    with running_service("cache", tmp_path, *options) as service:
        with GenericCache(name="c", target=service.address) as cache:
            cache.put("stopped", 1)
        assert service.stop() == 0
    with running_service("cache", tmp_path, *options) as service:
        with GenericCache(name="c", target=service.address) as cache:
            assert cache.get("stopped") == 1
            cache.put("killed", 1)
        service.kill()
    kept = {"stopped": 1, "killed": 1} if durability == "os" else {}
    with (
        running_service("cache", tmp_path, *options) as service,
        GenericCache(name="c", target=service.address) as cache,
    ):
        assert cache.get_many(["stopped", "killed"]) == kept


@pytest.mark.parametrize("place", [0, 20, 0.5], ids=["length", "beginning", "entries"])
def test_a_damaged_file_is_reported_and_set_aside(own_stack: Stack, place: float) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put_many({str(number): number for number in range(1_000)})
        own_stack.stop("cache")
        file = file_of(own_stack, "c")
        damaged = bytearray(file.read_bytes())
        damaged[int(place * len(damaged)) if place == 0.5 else int(place)] ^= 1
        file.write_bytes(damaged)
        own_stack.start("cache")
        assert "damaged cache file set aside" in own_stack.log("cache").read_text()
        assert file.with_suffix(".set-aside").read_bytes() == damaged
        assert cache.size() == 0
        cache.put("key", 1)
        restart(own_stack)
        assert cache.get("key") == 1


def test_the_end_of_a_write_that_was_cut_off_is_dropped(own_stack: Stack) -> None:
    with GenericCache(name="c", target=own_stack.target("cache")) as cache:
        cache.put("a", 1)
        own_stack.kill("cache")
        file = file_of(own_stack, "c")
        whole = file.read_bytes()
        file.write_bytes(whole + whole[: len(whole) // 2 - 3])
        own_stack.start("cache")
        cache.put("b", 2)
        kill(own_stack)
        assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}


def test_without_warm_restart_nothing_old_is_loaded_now_or_later(tmp_path: Path) -> None:
    with running_service("cache", tmp_path) as service:
        with GenericCache(name="c", target=service.address) as cache:
            cache.put("key", 1)
        assert service.stop() == 0
    with running_service("cache", tmp_path, "--no-warm-restart") as service:
        assert not ListCachesResponse.FromString(
            call(service, "ListCaches", ListCachesRequest().SerializeToString())
        ).caches
        assert service.stop() == 0
    assert not list(tmp_path.glob("*.cache"))
    with running_service("cache", tmp_path) as service, GenericCache(name="c", target=service.address) as cache:
        assert cache.get("key") is None


def test_two_services_do_not_share_a_folder(tmp_path: Path) -> None:
    with running_service("cache", tmp_path):
        second = subprocess.run(
            command("cache", "--data-dir", str(tmp_path)),
            capture_output=True, text=True, env=environment(), timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "another cache service uses" in second.stderr


@pytest.mark.parametrize("end", [Service.stop, Service.kill])
def test_a_call_repeated_across_the_restart_is_not_done_twice(tmp_path: Path, end: Callable[[Service], object]) -> None:
    request = IncrementRequest(cache="c", request_id="once", key="k", amount=Value(int_value=1)).SerializeToString()
    clear = ClearRequest(cache="c", request_id="clear").SerializeToString()
    delete = DeleteRequest(cache="c", request_id="delete", key="k").SerializeToString()
    with running_service("cache", tmp_path) as service:
        call(service, "Clear", clear)
        assert call(service, "Delete", delete) == b"", "there is no such entry yet"
        first = call(service, "Increment", request)
        end(service)
    with running_service("cache", tmp_path) as service:
        call(service, "Clear", clear)
        assert call(service, "Delete", delete) == b""
        assert call(service, "Increment", request) == first
        again = request.replace(b"once", b"more")
        assert IncrementResponse.FromString(call(service, "Increment", again)).value.int_value == 2


def test_while_the_disk_is_full_values_are_read_and_changes_refused_until_it_is_not(tmp_path: Path) -> None:
    increment = IncrementRequest(cache="c", request_id="once", key="b", amount=Value(int_value=1)).SerializeToString()
    with (
        running_service("cache", tmp_path) as service,
        GenericCache(name="c", target=service.address, timeout=0.5) as cache,
    ):
        cache.put("a", b"x" * 1_000)
        # Files can't grow beyond this, as if the disk were full.
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
        with pytest.raises(grpc.RpcError) as refused:
            call(service, "Increment", increment)
        assert "the change was applied, but a restart may lose it" in refused.value.details()
        for change in (
            lambda: cache.put("c", 1),
            lambda: cache.delete("a"),
            lambda: cache.increment("n"),
            lambda: cache.put_many({"c": 1}),
            cache.clear,
        ):
            # On a loaded machine the last attempt may time out; its error then repeats the previous answer.
            with pytest.raises((Unavailable, DeadlineExceeded), match="the cache is read-only"):
                change()
        assert cache.get("a") == b"x" * 1_000
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        def is_healed() -> bool:
            with suppress(Unavailable, DeadlineExceeded):
                cache.put("c", 1)
                return True
            return False

        until(is_healed)
        # It is not done twice for a caller who repeats it.
        assert IncrementResponse.FromString(call(service, "Increment", increment)).value.int_value == 1
        service.kill()
    with running_service("cache", tmp_path) as service, GenericCache(name="c", target=service.address) as cache:
        assert cache.get_many(["a", "b", "c"]) == {"a": b"x" * 1_000, "b": 1, "c": 1}


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
