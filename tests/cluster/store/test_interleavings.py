"""Writes W and takeovers T of one shard, each forced to the step where it meets the other; the design numbers them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from services.cluster.records import read_records
from services.journal.store import Append, OutcomeUnknown, WriteRefused
from tests.support.cluster import Held, cluster_command
from tests.support.postgres import Pair, running_pair
from tests.support.waiting import until

TIME = 1_700_000_000_000_000_000
WRITES, TAKES = "%INSERT INTO record%", "%SET term = term + 1%"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """A pair for these tests, which stop its standby."""
    with running_pair() as pair:
        yield pair


class Shard:
    """A shard with its primary `a` and a candidate `b`, which has seen its row."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.dsn = pair.database()
        assert cluster_command(self.dsn, "init").returncode == 0
        self.a, self.b = Held(self.dsn, "a:1"), Held(self.dsn, "b:1")
        assert self.a.take()
        assert self.a.store.write([an_input(b"1")]) == [1]
        self.b.thread.call(self.b.shard.connect())
        self.stream, _ = self.a.store.known()["e"]
        self.seen = self.b.thread.call(self.b.shard.read())

    def sql(self, statement: str) -> str:
        return self.pair.a.sql_in(self.dsn.rpartition("/")[2], statement)

    def take(self) -> bool:
        return self.b.thread.call(self.b.shard.take(self.seen))

    def log(self) -> list[bytes]:
        """What the candidate can read."""
        assert self.b.shard.reader is not None
        records, _ = self.b.thread.call(read_records(self.b.shard.reader, "e", self.stream, 0))
        return [record.payload for record in records]

    def await_waiting(self, statement: str, event: str) -> None:
        """Waits until such a statement waits for such an event."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            f"AND query LIKE '{statement}' AND (wait_event = '{event}' OR wait_event_type = '{event}')"
        )
        until(lambda: self.sql(waiting) == "1", f"{statement} waits for {event}")


@pytest.fixture
def shard(pair: Pair) -> Iterator[Shard]:
    """Both candidates without services, of a database of their own."""
    shard = Shard(pair)
    yield shard
    shard.a.end()
    shard.b.end()


@pytest.fixture
def beside() -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Runs functions in threads."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def an_input(payload: bytes) -> Append:
    return Append("e", 20, TIME, payload)


@contextmanager
def without_standby(pair: Pair) -> Iterator[None]:
    """The standby is down; it is back and synchronous afterwards."""
    pair.b.control("stop", "-m", "immediate")
    try:
        yield
    finally:
        pair.b.control("start")
        pair.await_standby()


Beside = Callable[[Callable[[], object]], "Future[object]"]


def test_i3_a_takeover_waits_for_a_write_that_holds_the_row_and_sees_it(shard: Shard, beside: Beside) -> None:
    with without_standby(shard.pair):
        write = beside(lambda: shard.a.store.write([an_input(b"2")]))
        shard.await_waiting(WRITES, "SyncRep")
        take = beside(shard.take)
        shard.await_waiting(TAKES, "Lock")
        assert not write.done()
        assert not take.done()
    assert write.result(60) == [2]
    assert take.result(60) is True
    assert shard.log() == [b"1", b"2"]


def test_i4_a_takeover_goes_on_when_the_writer_dies_and_its_write_never_comes(shard: Shard, beside: Beside) -> None:
    # A write stops at a row of the same key that is not committed: it has locked the shard by then.
    held = Held(shard.dsn, "c:1")
    try:
        with blocked_key(held, shard):
            write = beside(lambda: shard.a.store.write([an_input(b"2")]))
            shard.await_waiting(WRITES, "Lock")
            take = beside(shard.take)
            shard.await_waiting(TAKES, "Lock")
            shard.a.end()
            assert take.result(60) is True
        with pytest.raises(OutcomeUnknown):
            write.result(60)
        assert shard.log() == [b"1"]
    finally:
        held.end()


@contextmanager
def blocked_key(held: Held, shard: Shard) -> Iterator[None]:
    """A transaction that has inserted the next record, and is rolled back at the end."""
    held.thread.call(held.shard.connect())
    session = held.shard.session
    assert session is not None

    async def execute(statement: str) -> None:
        await session.execute(statement)

    held.thread.call(execute("BEGIN"))
    held.thread.call(execute(f"INSERT INTO record VALUES ({shard.stream}, 2, 2, 2, 20, 0, 0, '')"))
    yield
    held.thread.call(execute("ROLLBACK"))


def test_i5_a_write_waits_for_a_takeover_that_is_not_confirmed_and_is_refused(shard: Shard, beside: Beside) -> None:
    with without_standby(shard.pair):
        take = beside(shard.take)
        shard.await_waiting(TAKES, "SyncRep")
        write = beside(lambda: shard.a.store.write([an_input(b"never")]))
        shard.await_waiting(WRITES, "Lock")
        assert not take.done()
    assert take.result(60) is True
    with pytest.raises(WriteRefused, match="no longer the primary"):
        write.result(60)
    assert shard.log() == [b"1"]


def test_i7_no_sequence_is_written_twice_even_past_the_fence(shard: Shard) -> None:
    shard.sql(f"INSERT INTO alphaforge.record VALUES ({shard.stream}, 2, 2, 2, 20, 0, 0, 'other')")
    with pytest.raises(WriteRefused, match="duplicate key"):
        shard.a.store.write([an_input(b"2")])
    with pytest.raises(WriteRefused, match="does not accept writes"):
        shard.a.store.write([an_input(b"2")])
    assert shard.sql("SELECT count(*) FROM alphaforge.record") == "2"


def test_i8_without_the_standby_a_write_is_neither_acknowledged_nor_visible(shard: Shard, beside: Beside) -> None:
    with without_standby(shard.pair):
        write = beside(lambda: shard.a.store.write([an_input(b"2")]))
        shard.await_waiting(WRITES, "SyncRep")
        assert shard.log() == [b"1"]
        assert not write.done()
    assert write.result(60) == [2]
    assert shard.log() == [b"1", b"2"]
