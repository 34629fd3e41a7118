"""Journals of other releases: this one continues from them exactly, or refuses to start with one line."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from alphaforge_core.errors import EngineError

from services.journal.files import sqlite_file
from services.journal.files.store_sqlite import SqliteStore
from services.journal.store import Append, Checkpoint, Durability, Record

# The tables of format 1, as the release of 22 November made them.
FORMAT_1 = """
CREATE TABLE IF NOT EXISTS record (
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (stream, sequence)) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    stream TEXT NOT NULL, part INTEGER NOT NULL, sequence INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (stream, part)) STRICT;
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL) STRICT;
"""
OPENED, SOME_INPUT = 1, 16
STATE = b"state" * 5_000_000  # two parts


def journal_of_format_1(folder: Path, boot: str = "closed") -> Path:
    """One engine with a checkpoint, and one that was opened and not used."""
    path = folder / "data-os.journal"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(FORMAT_1)
        connection.execute("INSERT INTO boot VALUES (?)", (boot,))
        connection.execute("INSERT INTO checkpoint VALUES ('used', 0, 7, ?, ?)", (zlib.crc32(STATE), STATE))
        # Inputs that the checkpoint contains may not have been removed yet.
        connection.execute("INSERT INTO record VALUES ('used', 7, ?, 1, 0, x'00')", (SOME_INPUT,))
        connection.execute("INSERT INTO record VALUES ('opened', 1, ?, 5, 0, x'abcd')", (OPENED,))
    return path


def test_a_journal_of_format_1_that_was_stopped_in_order_is_moved_and_keeps_its_epochs(tmp_path: Path) -> None:
    path = journal_of_format_1(tmp_path)
    for _ in range(2):
        store = SqliteStore(path, Durability.OS)
        assert store.streams() == ["opened", "used"]
        assert list(store.replay("used")) == [Checkpoint(7, STATE)]
        assert list(store.replay("opened")) == [Record(1, OPENED, 5, b"\xab\xcd")]
        assert not any(store.may_have_lost(name) for name in store.streams())
        store.ready()
        store.close()
    assert sqlite_file.format_of(path) == sqlite_file.FORMAT


def test_one_that_was_not_closed_begins_new_epochs(tmp_path: Path) -> None:
    store = SqliteStore(journal_of_format_1(tmp_path, boot="some boot"), Durability.OS)
    assert store.may_have_lost("used")
    store.close()


def test_one_with_inputs_after_a_checkpoint_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    path = journal_of_format_1(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO record VALUES ('used', 8, ?, 1, 0, x'00')", (SOME_INPUT,))
    before = path.read_bytes()
    with pytest.raises(EngineError, match="start that release once and stop it, then start this one") as refused:
        SqliteStore(path, Durability.OS)
    assert refused.value.reason == "JOURNAL_VERSION"
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before


def journal_of_this_format(folder: Path) -> Path:
    path = folder / "data-os.journal"
    store = SqliteStore(path, Durability.OS)
    store.write([Append("a", SOME_INPUT, 1, b"input")])
    store.close()
    return path


def test_inputs_written_under_other_rules_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journal_of_this_format(tmp_path)
    monkeypatch.setattr(sqlite_file, "SEMANTICS", sqlite_file.SEMANTICS + 1)
    with pytest.raises(EngineError, match="written under other rules") as refused:
        SqliteStore(path, Durability.OS)
    assert (refused.value.reason, "\n" in str(refused.value)) == ("JOURNAL_VERSION", False)
    # What was refused is not kept open.
    monkeypatch.undo()
    SqliteStore(path, Durability.OS).close()


def test_a_journal_of_a_later_format_is_refused_in_one_line(tmp_path: Path) -> None:
    path = journal_of_this_format(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 3")
    (tmp_path / "data-os.mark").unlink()  # a later release has another one
    with pytest.raises(EngineError, match="a later release wrote it, in journal format 3") as refused:
        SqliteStore(path, Durability.OS)
    assert (refused.value.reason, "\n" in str(refused.value)) == ("JOURNAL_VERSION", False)


def test_the_release_before_refuses_this_format_and_changes_nothing(tmp_path: Path) -> None:
    path = journal_of_this_format(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_schema").fetchall()
        # The release does this when it opens a journal.
        connection.executescript(FORMAT_1)
        with pytest.raises(sqlite3.OperationalError, match="a later release of AlphaForge wrote this file"):
            connection.execute("SELECT id FROM boot").fetchone()
        assert connection.execute("SELECT name, sql FROM sqlite_schema").fetchall() == tables
    store = SqliteStore(path, Durability.OS)
    assert [item.payload for item in store.replay("a")] == [b"input"]
    store.close()


def test_files_of_a_journal_are_for_their_owner_only(tmp_path: Path) -> None:
    path = journal_of_this_format(tmp_path / "data")
    store = SqliteStore(path, Durability.OS)
    assert list(store.replay("a"))
    store.ready()
    store.write([Append("a", SOME_INPUT, 1, b"input")])
    store.checkpoint_part(store.checkpoint_begin("a", 2), 0, [memoryview(b"state")])
    files = [each for each in path.parent.rglob("*") if each.is_file()]
    assert {each.suffix for each in files} == {".journal", ".journal-wal", ".mark", ".part"}
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert {each.stat().st_mode & 0o777 for each in (path.parent, path.with_suffix(".checkpoints"))} == {0o700}
    store.close()
