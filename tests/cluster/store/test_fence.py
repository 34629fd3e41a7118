"""The fence: no write of an older term gets into the log, after freezes, cancellations and delays."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator

import pytest

from services.cluster import store_postgres
from services.cluster.database import Database
from services.cluster.records import read_places, read_records
from services.journal.store import PART_BYTES_MAX, Append, Commit, Manifest, OutcomeUnknown, WriteRefused
from tests.support.cluster import Held, cluster_command
from tests.support.postgres import Pair
from tests.support.waiting import until

TIME = 1_700_000_000_000_000_000


def an_input(payload: bytes, stream: str = "e") -> Append:
    return Append(stream, 20, TIME, payload)


@pytest.fixture
def dsn(postgres: Pair) -> str:
    dsn = postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    return dsn


@pytest.fixture
def hold(dsn: str) -> Iterator[Callable[..., Held]]:
    """Makes candidates without services; they are closed at the end of the test."""
    made: list[Held] = []

    def one(address: str, **options: int) -> Held:
        made.append(Held(dsn, address, **options))
        return made[-1]

    yield one
    for each in made:
        each.end()


def log(held: Held, stream: str = "e") -> list[bytes]:
    return [item.payload for item in held.store.replay(stream)]


def test_a_deposed_primary_can_neither_write_nor_beat_nor_checkpoint(hold: Callable[..., Held]) -> None:
    a, b = hold("a:1"), hold("b:1")
    assert a.take()
    assert a.store.write([an_input(b"1")]) == [1]
    generation = a.store.checkpoint_begin("e", 1)
    part = a.store.checkpoint_part(generation, 0, [memoryview(b"state of a")])
    assert b.take()
    with pytest.raises(WriteRefused):
        a.store.write([an_input(b"never")])
    # The term that `a` remembers does not matter, only the database row does.
    a.store.settle_term()
    a.shard.term = b.shard.term - 1
    with pytest.raises(WriteRefused):
        a.store.write([Commit("e", generation, 1, Manifest().with_part(part))])
    a.shard.term = b.shard.term - 1
    a.shard.tick()
    assert not a.thread.call(a.shard.beat())
    assert b.store.write([an_input(b"2")]) == [2]
    assert log(b) == [b"1", b"2"]


def test_of_two_that_take_over_at_once_one_does(hold: Callable[..., Held]) -> None:
    candidates = [hold(f"{name}:1") for name in "abc"]
    for each in candidates:
        each.thread.call(each.shard.connect())
        each.thread.call(each.shard.check_standbys())
    seen = candidates[0].thread.call(candidates[0].shard.read())
    futures = [each.thread.start(each.shard.take(seen)) for each in candidates]
    assert sorted(future.result() for future in futures) == [False, False, True]


def test_a_beat_that_came_since_stops_a_take_over(hold: Callable[..., Held]) -> None:
    a, b = hold("a:1"), hold("b:1")
    assert a.take()
    b.thread.call(b.shard.connect())
    seen = b.thread.call(b.shard.read())
    a.shard.tick()
    assert a.thread.call(a.shard.beat())
    assert not b.thread.call(b.shard.take(seen))
    assert a.store.write([an_input(b"1")]) == [1]


@pytest.mark.parametrize("streams", [("e", "moved"), ("moved",)])
def test_a_batch_is_all_or_nothing_where_a_stream_of_it_was_moved(
    hold: Callable[..., Held], postgres: Pair, streams: tuple[str, ...]
) -> None:
    a = hold("a:1")
    assert a.take()
    assert a.store.write([an_input(b"1"), an_input(b"1", "moved")]) == [1, 1]
    database = a.shard.database._dsns[0][1].rpartition("/")[2]
    postgres.a.sql_in(database, "UPDATE alphaforge.stream SET shard = 7 WHERE engine = 'moved'")
    with pytest.raises(WriteRefused, match="no longer placed"):
        a.store.write([an_input(b"2", stream) for stream in streams])
    assert log(a) == [b"1"]
    assert log(a, "moved") == [b"1"]


def test_an_engine_of_another_shard_is_refused_and_says_where_it_is(hold: Callable[..., Held]) -> None:
    a, b = hold("a:1"), hold("b:1", shard=1)
    assert a.take()
    assert b.take()
    a.store.write([an_input(b"1")])
    with pytest.raises(WriteRefused, match="placed in data-0"):
        b.store.write([an_input(b"1")])


def test_a_frozen_checkpoint_never_mixes_with_its_successors(
    hold: Callable[..., Held], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_postgres, "KEPT_SECONDS", 0.0)
    a, b = hold("a:1"), hold("b:1")
    assert a.take()
    a.store.write([an_input(b"1"), an_input(b"2")])
    mine = a.store.checkpoint_begin("e", 2)
    first = a.store.checkpoint_part(mine, 0, [memoryview(b"a" * PART_BYTES_MAX)])
    assert b.take()
    theirs = b.store.checkpoint_begin("e", 2)
    manifest = Manifest()
    for number in range(2):
        manifest = manifest.with_part(b.store.checkpoint_part(theirs, number, [memoryview(b"b" * 10)]))
    b.store.write([Commit("e", theirs, 2, manifest)])
    # `a` wakes, and writes the rest of its checkpoint.
    second = a.store.checkpoint_part(mine, 1, [memoryview(b"a" * 10)])
    a.store.settle_term()
    a.shard.term = b.shard.term - 1
    with pytest.raises(WriteRefused):
        a.store.write([Commit("e", mine, 2, Manifest().with_part(first).with_part(second))])
    while b.store.has_superfluous:
        b.store.prune()
    assert log(b) == [b"b" * 20]


def test_a_checkpoint_goes_only_forward_and_only_whole(hold: Callable[..., Held]) -> None:
    a = hold("a:1")
    assert a.take()
    a.store.write([an_input(b"%d" % number) for number in range(4)])
    old = a.store.checkpoint_begin("e", 2)
    part = a.store.checkpoint_part(old, 0, [memoryview(b"old")])
    new = a.store.checkpoint_begin("e", 4)
    manifest = Manifest().with_part(a.store.checkpoint_part(new, 0, [memoryview(b"new")]))
    a.store.write([Commit("e", new, 4, manifest)])
    with pytest.raises(WriteRefused):
        a.store.write([Commit("e", old, 2, Manifest().with_part(part))])
    a.store.settle_term()
    lacking = a.store.checkpoint_begin("e", 4)
    part = a.store.checkpoint_part(lacking, 0, [memoryview(b"1 of 2")])
    with pytest.raises(WriteRefused):
        a.store.write([Commit("e", lacking, 4, Manifest(2, part.size, part.crc))])
    assert log(a) == [b"new"]


def test_a_cancelled_wait_for_the_standby_is_not_taken_for_success(own_postgres: Pair) -> None:
    # The role's settings are too weak for the product, which overrides them.
    own_postgres.a.sql("ALTER ROLE postgres SET client_min_messages = error")
    own_postgres.a.sql("ALTER ROLE postgres SET synchronous_commit = local")
    dsn = own_postgres.database()
    assert cluster_command(dsn, "init").returncode == 0
    a = Held(dsn, "a:1")
    try:
        assert a.take()
        assert a.store.write([an_input(b"1")]) == [1]
        own_postgres.b.freeze()
        failure: list[BaseException] = []

        def write() -> None:
            try:
                a.store.write([an_input(b"2")])
            except OutcomeUnknown as error:
                failure.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        cancel = (
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
            "AND query LIKE '%INSERT INTO record%'"
        )
        until(lambda: own_postgres.a.sql(cancel) == "1", "the write waits for the standby")
        writer.join(60)
        assert len(failure) == 1
        assert "canceling wait for synchronous replication" in str(failure[0])
    finally:
        own_postgres.b.thaw()
        a.end()


def test_the_next_term_settles_an_unknown_outcome(hold: Callable[..., Held]) -> None:
    a = hold("a:1")
    assert a.take()
    a.store.write([an_input(b"1")])
    session = a.shard.session
    assert session is not None
    a.thread.call(closed(session))
    with pytest.raises(OutcomeUnknown):
        a.store.write([an_input(b"2")])
    with pytest.raises(WriteRefused):
        a.store.write([an_input(b"3")])
    a.end()
    a.thread.call(a.shard.connect())
    assert a.thread.call(a.shard.take_again())
    places = a.thread.call(a.store.open())
    assert places["e"].last == 1
    a.store.settle_term()
    assert a.store.write([an_input(b"2")]) == [2]


async def closed(session: object) -> None:
    session.terminate()


def test_a_follower_reads_what_is_confirmed_and_nothing_else(hold: Callable[..., Held]) -> None:
    a = hold("a:1")
    assert a.take()
    a.store.write([an_input(b"1")])
    confirmed = a.shard.confirmed_batch
    a.store.write([an_input(b"2")])
    reader = a.shard.reader
    assert reader is not None
    place = a.thread.call(read_places(reader, "data", 0))["e"]
    records, _ = a.thread.call(read_records(reader, "e", place.id, 0, confirmed))
    assert [record.payload for record in records] == [b"1"]


def test_random_bytes_of_any_size_come_back(hold: Callable[..., Held]) -> None:
    a = hold("a:1")
    assert a.take()
    payloads = [secrets.token_bytes(size) for size in (0, 1, 1_000, 3 << 20)]
    a.store.write([an_input(payload) for payload in payloads])
    assert log(a) == payloads


def test_a_dsn_is_never_shown() -> None:
    database = Database("postgresql://user:secret@h1:1,h2:2/d?target_session_attrs=read-write", "x")
    assert [host for host, _ in database._dsns] == ["h1:1", "h2:2"]
    assert "secret" not in repr(database) + str(database)
