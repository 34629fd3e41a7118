"""The reader of SQLite's write-ahead logs agrees with SQLite, and tells damage from an unfinished write."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from alphaforge_core.journal import read_wal

FRAME_BYTES = 24 + 4096


@pytest.fixture
def log(tmp_path: Path) -> bytes:
    """Twenty commits of one to four pages, as kill -9 leaves them."""
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, bytes BLOB)")
    for number in range(20):
        connection.execute("INSERT INTO row VALUES (?, ?)", (number, bytes(number * 600)))
    found = (tmp_path / "a.db-wal").read_bytes()
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    connection.close()
    return found


def rows_recovered(log: bytes, tmp_path: Path) -> int:
    shutil.copy(tmp_path / "b.db", tmp_path / "c.db")
    (tmp_path / "c.db-wal").write_bytes(log)
    connection = sqlite3.connect(tmp_path / "c.db")
    try:
        return int(connection.execute("SELECT COUNT(*) FROM row").fetchone()[0])
    except sqlite3.OperationalError:  # the table is in the log too
        return 0
    finally:
        connection.close()


def test_a_whole_log_has_every_frame(log: bytes) -> None:
    wal = read_wal(log)
    assert wal.is_header_valid
    assert wal.frames == wal.committed_frames == (len(log) - 32) // FRAME_BYTES
    assert wal.frames_after_bad == 0


def test_a_log_cut_anywhere_is_a_torn_end(log: bytes, tmp_path: Path) -> None:
    everything = read_wal(log).frames
    for cut in random.Random(1).sample(range(32, len(log)), 20):
        wal = read_wal(log[:cut])
        assert wal.frames == (cut - 32) // FRAME_BYTES
        assert wal.frames_after_bad == 0
        assert wal.committed_frames <= wal.frames <= everything


def test_a_flipped_bit_is_found_unless_it_is_in_the_last_frame(log: bytes, tmp_path: Path) -> None:
    everything = read_wal(log).frames
    for at in random.Random(2).sample(range(32, len(log)), 60):
        damaged = bytearray(log)
        damaged[at] ^= 1 << at % 8
        wal = read_wal(bytes(damaged))
        bad = (at - 32) // FRAME_BYTES
        assert wal.frames == bad
        assert wal.frames_after_bad == everything - bad - 1
        assert rows_recovered(bytes(damaged), tmp_path) < 20


def test_a_flipped_bit_of_the_header_makes_it_invalid(log: bytes) -> None:
    for at in range(32):
        damaged = bytearray(log)
        damaged[at] ^= 4
        assert not read_wal(bytes(damaged)).is_header_valid


def test_frames_of_an_earlier_log_in_the_same_file_do_not_count(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, bytes BLOB)")
    connection.execute("INSERT INTO row VALUES (1, ?)", (bytes(100_000),))
    assert connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
    connection.execute("INSERT INTO row VALUES (2, ?)", (bytes(10),))
    wal = read_wal((tmp_path / "a.db-wal").read_bytes())
    assert 0 < wal.committed_frames < 5
    assert wal.frames_after_bad == 0
    connection.close()


@pytest.mark.parametrize("file", [b"", b"x", bytes(31), bytes(32), bytes(10_000)])
def test_what_is_no_log_has_no_frames(file: bytes) -> None:
    wal = read_wal(file)
    assert (wal.is_header_valid, wal.frames, wal.frames_after_bad) == (False, 0, 0)
