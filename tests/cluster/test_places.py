"""Rendezvous hashing over the live shards places a new engine, whichever shard is asked; it stays there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine
from alphaforge_client.model import TradeTick

from services.base.errors import info_of
from services.journal.store import Append
from tests.support.cluster import Held, cluster_command, running_cluster
from tests.support.cluster_shards import Shards, running_cluster_shards
from tests.support.postgres import Pair

START_NS = 1_700_000_000_000_000_000


def names_for(shards: Shards, wanted: int, of: int | None = None) -> Iterator[str]:
    """Yields names that hashing over the first `of` shards places on a shard."""
    return (name for name in (f"n{number}" for number in count()) if shards.winner(name, of=of) == [wanted])


@pytest.fixture
def data(postgres: Pair, tmp_path: Path) -> Iterator[Shards]:
    with running_cluster_shards(postgres.database(), tmp_path, "data", (1, 1)) as shards:
        yield shards


@pytest.mark.parametrize(
    ("noun", "client"),
    [
        ("data", lambda name, **where: DataEngine(name=name, **where)),
        ("data", lambda name, **where: DataEngine(DataEngineConfig(durability="none"), name=name, **where)),
        ("execution", lambda name, **where: ExecutionEngine(name=name, **where)),
        ("cache", lambda name, **where: GenericCache(name=name, **where)),
    ],
    ids=["data", "data without durability", "execution", "cache"],
)
def test_whichever_shard_is_asked_a_new_engine_goes_where_the_hash_says(
    postgres: Pair, tmp_path: Path, noun: str, client: Callable[..., Any]
) -> None:
    with running_cluster_shards(postgres.database(), tmp_path, noun, (1, 1)) as shards, ExitStack() as exits:
        for wanted in (0, 1):
            for asked in (0, 1):
                name = next(name for name in names_for(shards, wanted) if name not in shards.table())
                first = exits.enter_context(closing(client(name, target=shards.seeds(asked), timeout=30.0)))
                first.wait_ready()
                assert shards.place_of(first) == wanted
                assert shards.table()[name] == wanted
                other = exits.enter_context(closing(client(name, target=shards.seeds(1 - asked), timeout=30.0)))
                other.wait_ready()
                assert shards.place_of(other) == wanted
        # A dropped engine may be created again.
        assert other.drop()
        again = exits.enter_context(closing(client(name, target=shards.seeds(0), timeout=30.0)))
        again.wait_ready()
        assert shards.place_of(again) == wanted


def test_partitions_are_spread_evenly_and_a_list_with_the_shards_names_leads_straight_there(data: Shards) -> None:
    config = DataEngineConfig(bar_types=["1tick"])
    with (
        closing(DataEngine(config, name="e", partitions=4, target=data.seeds(0), timeout=30.0)) as seeded,
        closing(DataEngine(config, name="e", partitions=4, targets=data.targets, timeout=30.0)) as listed,
    ):
        instruments = [f"I{number}" for number in range(16)]
        ticks = [TradeTick(name, 100, 1, "BUY", "1", START_NS + at) for at, name in enumerate(instruments)]
        assert len(seeded.process_trade_ticks(ticks)) == len(ticks)
        assert sorted(listed.instruments()) == sorted(instruments)
    table = data.table()
    places = [table[name] for name in ("e", "e~1", "e~2", "e~3")]
    assert places == data.winner("e", 4)
    assert sorted(places) == [0, 0, 1, 1]


def test_a_write_without_an_epoch_creates_nothing_in_the_wrong_shard(data: Shards) -> None:
    name = next(names_for(data, 1))
    with grpc.insecure_channel(data.seeds(0)) as channel, pytest.raises(grpc.RpcError) as raised:
        DataServiceStub(channel).AdvanceTime(AdvanceTimeRequest(engine=name, now_ns=START_NS), timeout=10.0)
    assert isinstance(raised.value, grpc.Call)
    info = info_of(raised.value)
    assert info is not None
    assert info.reason == "ENGINE_MOVED"
    assert info.metadata["shard"] == "data-1"
    assert info.metadata["target"] == data.seeds(1)
    assert name not in data.table()
    # The series of that shard carry its name.
    assert data.each[1].primary("data").series()["alphaforge_cluster_primary"] == 1.0
    with grpc.insecure_channel(info.metadata["target"]) as channel:
        DataServiceStub(channel).AdvanceTime(AdvanceTimeRequest(engine=name, now_ns=START_NS), timeout=10.0)
    assert data.table()[name] == 1


def test_a_new_shard_moves_nothing_and_a_dead_one_gets_nothing_new(data: Shards, tmp_path: Path) -> None:
    # Names that hashing over three shards places on the third.
    third = (name for name in (f"n{number}" for number in count()) if data_2_wins(name))
    before = [next(third) for _ in range(3)]
    for name in before:
        with closing(DataEngine(name=name, target=data.seeds(0), timeout=30.0)) as engine:
            engine.wait_ready()
    table = data.table()
    assert {table[name] for name in before} <= {0, 1}
    place = tmp_path / "third"
    place.mkdir()
    with running_cluster(place, data.dsn, "data", count=1, is_made=True, data=("--shard", "2")) as cluster:
        cluster.primary("data")
        after, late = next(third), next(third)
        with ExitStack() as exits:
            for name in (*before, after):
                engine = exits.enter_context(closing(DataEngine(name=name, target=data.seeds(0), timeout=30.0)))
                engine.wait_ready()
        assert data.table() == {**table, after: 2}
        cluster.primary("data").kill()
    # The killed shard counts as live for a few seconds; a caller sent there in vain asks its own target again.
    with closing(DataEngine(name=late, target=data.seeds(0), timeout=60.0)) as engine:
        engine.wait_ready(60.0)
        assert data.place_of(engine) in (0, 1)
    assert data.table()[late] in (0, 1)
    # The killed shard still owns its engine.
    assert data.table()[after] == 2


def data_2_wins(name: str) -> bool:
    return Shards("", "data", ()).winner(name, of=3) == [2]


def test_of_two_shards_that_create_an_engine_at_once_one_does(postgres: Pair) -> None:
    dsn = postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    held = [Held(dsn, f"test:{number}", shard=number) for number in (0, 1)]
    try:
        for each in held:
            assert each.take()
            each.beat_on()
        with ThreadPoolExecutor(2) as threads:
            for number in range(50):
                name = f"e{number}"
                claims = [threads.submit(each.thread.call, each.store.claim(name)) for each in held]
                assert sorted(claim.result() for claim in claims) == [False, True]
        assert all(each.shard.is_primary and each.store.is_settled for each in held)
        mine = [set(each.store.streams()) for each in held]
        assert not mine[0] & mine[1]
        assert len(mine[0] | mine[1]) == 50
    finally:
        for each in held:
            each.end()


def test_small_statements_do_not_wait_for_checkpoints(postgres: Pair) -> None:
    dsn = postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    held = Held(dsn)

    async def lock() -> None:
        assert held.shard.reader is not None
        await held.shard.reader.fetch("SELECT pg_advisory_lock(7)")

    async def wait() -> None:
        await (await held.shard.bulk()).fetch("SELECT pg_advisory_lock(7)")

    async def unlock() -> None:
        assert held.shard.reader is not None
        await held.shard.reader.fetch("SELECT pg_advisory_unlock(7)")

    try:
        assert held.take()
        held.beat_on()
        assert held.store.write([Append("e", 1, 0, b"x")]) == [1]
        generation = held.store.checkpoint_begin("e", 1)
        held.thread.call(lock())
        long = held.thread.start(wait())
        with ThreadPoolExecutor(1) as threads:
            part = threads.submit(held.store.checkpoint_part, generation, 0, [memoryview(b"state")])
            assert held.thread.call(held.shard.read()).owner == held.shard.owner
            assert held.store.write([Append("e", 1, 0, b"y")]) == [2]
            assert not part.done()
            held.thread.call(unlock())
            long.result()
            assert part.result().size == 5
    finally:
        held.end()
