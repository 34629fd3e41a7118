"""Caches with durability=replicated: a takeover has every acknowledged change, once, under the same epoch."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import grpc
import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.errors import AlphaForgeError

from tests.support.cluster import Cluster, running_cluster
from tests.support.cluster_shards import running_cluster_shards
from tests.support.postgres import Pair
from tests.support.service import command, environment
from tests.support.waiting import let_pass, until

REPLICATED = ("--durability", "replicated")
CALLERS = 4


@pytest.fixture
def caches(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Two candidates of a cache service."""
    with running_cluster(tmp_path, postgres.database(), "cache", cache=REPLICATED) as cluster:
        yield cluster


def opened(cluster: Cluster, name: str = "c", max_size: int | None = None) -> GenericCache:
    return GenericCache(max_size, name=name, target=cluster.target("cache"), timeout=20.0)


def kill_primary(cluster: Cluster) -> None:
    primary = cluster.primary("cache")
    primary.kill()
    cluster.primary("cache", but=primary)
    primary.start()


@dataclass
class Counting:
    """Several callers increment counters, put values and claim keys until they are ended."""

    target: str | None = None
    targets: list[str] | None = None
    increments: Counter[str] = field(default_factory=Counter)
    values: dict[str, int] = field(default_factory=dict)
    claimed: Counter[str] = field(default_factory=Counter)
    failed: list[AlphaForgeError] = field(default_factory=list)
    rounds: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Counting:
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CALLERS)]
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        for each in self._threads:
            each.join()

    def _run(self, caller: int) -> None:
        with GenericCache(name="c", target=self.target, targets=self.targets, timeout=30.0, coalesce=False) as cache:
            number = 0
            while not self._ended.is_set():
                number += 1
                try:
                    cache.increment(f"sum-{caller}", 1)
                    self.increments[f"sum-{caller}"] += 1
                    cache.put(f"value-{caller}", number)
                    self.values[f"value-{caller}"] = number
                    claim = f"claim-{self.rounds // 10}"
                    if cache.put_if_absent(claim, caller):
                        self.claimed[claim] += 1
                    cache.put_many({f"many-{caller}-{each}": number for each in range(20)})
                except AlphaForgeError as error:
                    self.failed.append(error)
                self.rounds += 1

    def await_more(self, more: int = 40) -> None:
        wanted = self.rounds + more
        until(lambda: self.rounds >= wanted, lambda: f"calls continue; {self.failed[-1:]}", seconds=90)

    def assert_all_there(self, cluster: Cluster) -> None:
        assert not self.failed
        with opened(cluster) as cache:
            for key, count in self.increments.items():
                assert cache.get(key) == count
            assert set(self.claimed.values()) == {1}
            assert len(cache.get_many(self.claimed)) == len(self.claimed)
            for key, value in self.values.items():
                assert cache.get(key) == value
                caller = key.rpartition("-")[2]
                assert {cache.get(f"many-{caller}-{each}") for each in range(20)} == {value}


def test_kills_of_the_primary_under_load_lose_and_double_nothing(caches: Cluster) -> None:
    with opened(caches) as cache, Counting(caches.target("cache")) as load:
        load.await_more()
        epoch = cache.list_caches()[0].epoch
        for _ in range(3):
            load.await_more()
            kill_primary(caches)
        load.await_more()
    load.assert_all_there(caches)
    with opened(caches) as cache:
        assert cache.list_caches()[0].epoch == epoch


def test_sessions_that_postgresql_ends_lose_and_double_nothing(caches: Cluster, postgres: Pair) -> None:
    name = caches.dsn.rpartition("/")[2]
    query = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
    with opened(caches) as cache, Counting(caches.target("cache")) as load:
        load.await_more()
        epoch = cache.list_caches()[0].epoch
        for _ in range(3):
            postgres.a.sql(query)
            load.await_more()
        assert cache.list_caches()[0].epoch == epoch
    load.assert_all_there(caches)


def test_a_frozen_primary_answers_nothing_when_it_wakes(caches: Cluster) -> None:
    with opened(caches) as cache:
        cache.put("a", 1)
        frozen = caches.primary("cache")
        frozen.freeze()
        cache.put("a", 2)
        frozen.thaw()
        with grpc.insecure_channel(frozen.address) as channel:
            get = channel.unary_unary("/alphaforge.cache.v1.CacheService/Get")
            for _ in range(20):
                with pytest.raises(grpc.RpcError) as refused:
                    get(b"\x0a\x01c\x1a\x01a", timeout=5.0)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert cache.get("a") == 2
        assert frozen.stop() == 0
        assert cache.get("a") == 2


def test_all_of_a_cache_is_there_after_both_candidates_were_killed(caches: Cluster) -> None:
    with opened(caches, max_size=10) as cache:
        for number in range(15):
            cache.put(f"k{number}", {"n": number}, ttl=1_000.0 + number)
        cache.put("brief", 1, ttl=1.0)
        cache.delete("k14")
        assert cache.increment("k", 5) == 5
        before = {key: cache.get_entry(key) for key in list(cache.keys())}
        summary = cache.list_caches()[0]
        for each in caches.candidates["cache"]:
            each.signal(signal.SIGKILL)
        for each in caches.candidates["cache"]:
            each.kill()
            each.start()
        let_pass(1.0)
        after = {key: cache.get_entry(key) for key in list(cache.keys())}
        before.pop("brief")
        assert len(before) == 9
        assert after.keys() == before.keys()
        for key, entry in before.items():
            found = after[key]
            assert entry is not None
            assert found is not None
            assert found[:2] == entry[:2]
            assert entry[2] - 60.0 < found[2] < entry[2]
        assert cache.list_caches()[0].epoch == summary.epoch
        # Versions continue: no new entry has one that another had.
        cache.put("next", 1)
        entry = cache.get_entry("next")
        assert entry is not None
        assert entry[1] > max(found[1] for found in before.values() if found is not None)
        # Within the bounds, which were restored too.
        cache.put_many({f"n{number}": number for number in range(20)})
        assert cache.size() == 10


def test_reset_drop_and_other_bounds_are_followed(caches: Cluster) -> None:
    with opened(caches, "reset") as first, opened(caches, "dropped") as second, opened(caches, "bounds") as third:
        for cache in (first, second, third):
            cache.put_many({str(number): number for number in range(50)})
        first.reset()
        first.put("a", 1)
        assert second.drop()
        third.clear()
        third.put_many({str(number): number for number in range(30)})
        with GenericCache(20, name="bounds", target=caches.target("cache"), reconfigure=True, timeout=20.0) as smaller:
            assert smaller.size() == 20
        summaries = {each.name: each.epoch for each in first.list_caches()}
        kill_primary(caches)
        assert {each.name: each.epoch for each in first.list_caches()} == summaries
        assert sorted(summaries) == ["bounds", "reset"]
        assert list(first.keys()) == ["a"]
        assert third.size() == 20
        third.put("more", 1)
        assert third.size() == 20


def test_checkpoints_keep_the_journal_short(postgres: Pair, tmp_path: Path) -> None:
    arguments = (*REPLICATED, "--journal-checkpoint-bytes", "65536")
    with running_cluster(tmp_path, postgres.database(), "cache", cache=arguments) as cluster:
        primary = cluster.primary("cache")
        with opened(cluster) as cache, Counting(cluster.target("cache")) as load:
            cache.put("big", b"x" * 200_000)
            until(lambda: primary.series()["alphaforge_journal_checkpoints_total"] >= 3.0, "checkpoints", seconds=90)
            load.await_more()
        load.assert_all_there(cluster)
        until(lambda: primary.series()["alphaforge_journal_held_bytes"] < 2_000_000, "a short journal", seconds=60)
        for each in cluster.candidates["cache"]:
            each.kill()
        for each in cluster.candidates["cache"]:
            each.start()
        load.assert_all_there(cluster)
        with opened(cluster) as cache:
            assert cache.get("big") == b"x" * 200_000


def test_a_cache_moves_to_another_shard_under_load(postgres: Pair, tmp_path: Path) -> None:
    with running_cluster_shards(postgres.database(), tmp_path, "cache", (1, 1), REPLICATED) as shards:
        targets = shards.targets
        with GenericCache(name="c", targets=targets, timeout=20.0) as cache, Counting(targets=targets) as load:
            load.await_more()
            epoch = cache.list_caches()[0].epoch
            here = shards.table()["c"]
            shards.move("c", 1 - here)
            load.await_more()
            shards.move("c", here)
            load.await_more()
            assert {each.epoch for each in cache.list_caches()} == {epoch}
        load.assert_all_there(shards.each[here])


def test_without_postgresql_it_is_refused_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        command("cache", "--data-dir", str(tmp_path), *REPLICATED),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "durability=replicated needs PostgreSQL: set ALPHAFORGE_JOURNAL" in done.stderr
    assert "Traceback" not in done.stderr
