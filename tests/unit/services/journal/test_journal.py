"""The journal keeps acknowledged inputs, applies only written ones, and groups commits."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alphaforge_core.errors import EngineError, ResourceExhausted

from services.journal.files.store_sqlite import SqliteStore
from services.journal.journal import Checkpoint, Durability, Journal, Record
from services.journal.store import JournalStore
from tests.support.cluster import cluster_command, primary_store
from tests.support.postgres import Pair
from tests.support.waiting import turns, until_async

TIME = 1_700_000_000_000_000_000


class Kept(NamedTuple):
    """Where a journal is kept, to be opened again and again."""

    store: Callable[[], AbstractContextManager[JournalStore]]

    def run(self, body: Callable[[Journal], Coroutine[Any, Any, None]], **options: Any) -> None:
        async def opened() -> None:
            with self.store() as store:
                journal = Journal(store, **options)
                for stream in journal.streams():
                    list(journal.replay(stream))
                try:
                    await body(journal)
                finally:
                    await journal.close()

        asyncio.run(opened())

    def contents(self, stream: str) -> list[Checkpoint | Record]:
        found: list[Checkpoint | Record] = []

        async def read(journal: Journal) -> None:
            found.extend(journal.replay(stream))

        self.run(read)
        return found


def in_sqlite(path: Path) -> Kept:
    return Kept(lambda: nullcontext(SqliteStore(path, Durability.OS)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """One contract, two stores."""
    if request.param == "sqlite":
        return in_sqlite(tmp_path / "journal.db")
    pair: Pair = request.getfixturevalue("postgres")
    dsn = pair.database()
    assert cluster_command(dsn, "init").returncode == 0
    return Kept(lambda: primary_store(dsn))


def test_what_was_appended_is_replayed_in_order_after_a_restart(kept: Kept) -> None:
    async def write(journal: Journal) -> None:
        for number in range(5):
            await journal.append("a", number, TIME, b"%d" % number, lambda _: None)
        await journal.append("b", 7, TIME, b"other", lambda _: None)

    kept.run(write)
    assert kept.contents("a") == [Record(n + 1, n, TIME, b"%d" % n) for n in range(5)]
    assert kept.contents("b") == [Record(1, 7, TIME, b"other")]


def test_sequences_go_on_after_a_restart(kept: Kept) -> None:
    async def write(journal: Journal) -> None:
        await journal.append("a", 1, TIME, b"x", lambda _: None)

    kept.run(write)
    kept.run(write)
    assert [record.sequence for record in kept.contents("a") if isinstance(record, Record)] == [1, 2]


def test_inputs_are_applied_in_the_order_of_the_journal(kept: Kept) -> None:
    applied: list[int] = []

    async def write(journal: Journal) -> None:
        answers = [journal.append("a", 0, TIME, b"%d" % n, lambda _, n=n: applied.append(n) or n) for n in range(100)]
        assert await asyncio.gather(*answers) == list(range(100))
        assert journal.statistics().commits < 10, "inputs that arrive together share a commit"

    kept.run(write)
    assert applied == list(range(100))


def test_the_event_loop_has_turns_while_a_large_batch_is_applied(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """One input at a time: other waiting work runs between any two inputs."""
    monkeypatch.setattr("services.journal.journal._APPLY_SECONDS", 0.0)
    happened: list[int | str] = []

    async def write(journal: Journal) -> None:
        def apply(number: int) -> int:
            if number == 150:
                raise ValueError("no")
            happened.append(number)
            if number == 100:
                # Written while the previous batch is being applied, and applied after it.
                more.append(append(200))
            assert not journal.is_idle
            return number

        def append(number: int) -> asyncio.Future[int]:
            return journal.append("a", 0, TIME, b"%d" % number, lambda _: apply(number))

        more: list[asyncio.Future[int]] = []
        answers = [append(number) for number in range(200)]
        while not all(answer.done() for answer in answers):
            happened.append("turn")
            await turns()
        assert await more[0] == 200
        assert isinstance(answers[150].exception(), ValueError)
        await until_async(lambda: journal.is_idle)
        assert journal.statistics().records == 201

    kept.run(write)
    assert [each for each in happened if each != "turn"] == [n for n in range(201) if n != 150]
    applied = happened[happened.index(1) :]
    assert "turn" in applied[: applied.index(100)]
    assert all("turn" in applied[applied.index(n) : applied.index(n + 1)] for n in range(1, 148))


def test_an_input_whose_caller_gave_up_is_applied_all_the_same(kept: Kept) -> None:
    applied: list[int] = []

    async def write(journal: Journal) -> None:
        abandoned = journal.append("a", 0, TIME, b"1", lambda _: applied.append(1))
        abandoned.cancel()
        await journal.append("a", 0, TIME, b"2", lambda _: applied.append(2))

    kept.run(write)
    assert applied == [1, 2]


def test_what_the_engine_raises_reaches_the_caller_and_stays_in_the_journal(kept: Kept) -> None:
    def refuse(_: int) -> None:
        raise ValueError("no")

    async def write(journal: Journal) -> None:
        with pytest.raises(ValueError, match="no"):
            await journal.append("a", 0, TIME, b"refused", refuse)

    kept.run(write)
    assert kept.contents("a") == [Record(1, 0, TIME, b"refused")]


def test_a_checkpoint_stands_for_the_inputs_it_contains(kept: Kept) -> None:
    async def write(journal: Journal) -> None:
        for number in range(3):
            await journal.append("a", 0, TIME, b"%d" % number, lambda _: None)
        held = journal.statistics().held_bytes
        await journal.checkpoint("a", 3, [])
        await until_async(lambda: journal.statistics().held_bytes < held)
        await journal.append("a", 0, TIME, b"after", lambda _: None)

    kept.run(write)
    assert kept.contents("a") == [Checkpoint(3, b""), Record(4, 0, TIME, b"after")]


def test_a_dropped_stream_is_gone(kept: Kept) -> None:
    async def write(journal: Journal) -> None:
        await journal.append("a", 0, TIME, b"x", lambda _: None)
        await journal.checkpoint("a", 1, [b"state"])
        await journal.drop("a")
        await journal.append("a", 0, TIME, b"new", lambda _: None)

    kept.run(write)
    assert kept.contents("a") == [Record(1, 0, TIME, b"new")]


def test_a_full_journal_refuses_with_a_clear_error_and_applies_nothing(kept: Kept) -> None:
    applied: list[int] = []

    async def write(journal: Journal) -> None:
        await journal.append("a", 0, TIME, bytes(600), lambda _: applied.append(1))
        with pytest.raises(ResourceExhausted) as refused:
            await journal.append("a", 0, TIME, bytes(600), lambda _: applied.append(2))
        assert refused.value.reason == "JOURNAL_FULL"
        await journal.checkpoint("a", 1, [b"small"])
        await until_async(lambda: journal.statistics().held_bytes < 100)
        await journal.append("a", 0, TIME, bytes(600), lambda _: applied.append(3))

    kept.run(write, size_bytes_max=1000)
    assert applied == [1, 3]


def test_a_failed_write_is_reported_changes_nothing_and_is_over_when_the_disk_recovers(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    applied: list[int] = []

    async def write(journal: Journal) -> None:
        await journal.append("a", 0, TIME, b"1", lambda _: applied.append(1))
        # The file may not grow: SQLite's own way to a full disk.
        pages = journal._store._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EngineError) as failed:
            await journal.append("a", 0, TIME, bytes(100_000), lambda _: applied.append(2))
        assert failed.value.reason == "JOURNAL_FAILED"
        assert "full" in (journal.failure or "")
        journal._store._connection.execute("PRAGMA max_page_count = 1000000")
        await journal.append("a", 0, TIME, b"3", lambda _: applied.append(3))
        assert journal.failure is None

    in_sqlite(path).run(write)
    assert applied == [1, 3]
    assert in_sqlite(path).contents("a") == [Record(1, 0, TIME, b"1"), Record(2, 0, TIME, b"3")]


def test_damage_in_the_middle_is_reported_and_never_skipped(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def write(journal: Journal) -> None:
        for number in range(3):
            await journal.append("a", 0, TIME, b"%d" % number, lambda _: None)

    in_sqlite(path).run(write)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE record SET payload = x'ff' WHERE sequence = 2")
    connection.close()
    journal = Journal(SqliteStore(path, Durability.OS))
    with pytest.raises(EngineError) as damaged:
        list(journal.replay("a"))
    assert damaged.value.reason == "JOURNAL_DAMAGED"
    assert "input 2 of 'a'" in str(damaged.value)
    asyncio.run(journal.close())


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    async def write(journal: Journal) -> None:
        await journal.append("a", 0, TIME, b"x", lambda _: None)
        with pytest.raises(EngineError) as refused:
            SqliteStore(tmp_path / "journal.db", Durability.OS)
        assert refused.value.reason == "JOURNAL_IN_USE"

    in_sqlite(tmp_path / "journal.db").run(write)


WRITER = """
import asyncio, sys
from pathlib import Path
from services.journal.journal import Durability, Journal
from services.journal.files.store_sqlite import SqliteStore
async def main():
    journal = Journal(SqliteStore(Path(sys.argv[1]), Durability.OS))
    last = max((item.sequence for item in journal.replay("a")), default=0)
    async def one(number):
        await journal.append("a", 0, 1, b"%d" % number, lambda _: None)
        print(number, flush=True)
    while True:
        await asyncio.gather(*(one(last + offset) for offset in range(1, 9)))
        last += 8
asyncio.run(main())
"""


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for after in (1, 20, 200, 1000):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
        writer.wait()
        writer.stdout.close()
        written = [int(item.payload) for item in in_sqlite(path).contents("a") if isinstance(item, Record)]
        assert written[: max(acknowledged)] == list(range(1, max(acknowledged) + 1))
