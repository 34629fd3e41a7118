"""The file of a journal: streams of records and their checkpoints, in SQLite.

SQLite writes ahead too (WAL), with checksums: a torn tail is dropped by SQLite itself, since no caller was told of it.
Each record has its own checksum besides, for damage in the middle, which is reported and never skipped.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from alphaforge_core.errors import EngineError

from services.common.boot import boot_id

__all__ = ["Append", "Checkpoint", "Drop", "Durability", "Entry", "JournalFile", "Record", "Store"]

CHECKPOINT_PART_BYTES = 64 << 20

# What SQLite's own log may keep on the disk once it is in the file.
WAL_BYTES_MAX = 64 << 20

# What a checkpoint made superfluous goes in slices of this size, between which commits get their turn.
PRUNED_RECORDS_MAX = 2_000
PRUNED_BYTES_MAX = 16 << 20

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (stream, sequence)) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    stream TEXT NOT NULL, part INTEGER NOT NULL, sequence INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (stream, part)) STRICT;
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL) STRICT;
"""


class Durability(StrEnum):
    """What an acknowledgement promises: `fsync` survives power loss, `os` survives kill -9, `none` survives neither."""

    FSYNC = "fsync"
    OS = "os"
    NONE = "none"


class Record(NamedTuple):
    """One input of one engine; `sequence` is gapless from 1 within a stream, `time_ns` is when it was received."""

    sequence: int
    kind: int
    time_ns: int
    payload: bytes


class Checkpoint(NamedTuple):
    """An engine's state after the input `sequence`."""

    sequence: int
    payload: bytes


class Append(NamedTuple):
    """An input to be written."""

    stream: str
    kind: int
    time_ns: int
    payload: bytes


class Store(NamedTuple):
    """A checkpoint to be written in the place of the one before; the inputs up to it become superfluous."""

    stream: str
    checkpoint: Checkpoint


class Drop(NamedTuple):
    """A stream to be forgotten."""

    stream: str


Entry: TypeAlias = Append | Store | Drop


class JournalFile:
    """An open file. `held_bytes` is what its records and checkpoints amount to.

    `may_have_lost` tells whether acknowledged inputs may be missing: the machine went down, and OS promises less.
    Raises EngineError: JOURNAL_IN_USE where another process has it open, JOURNAL_DAMAGED, JOURNAL_FAILED.
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        self._path = path
        self._following: dict[str, int] = {}  # per stream, the sequence its next record gets
        self._prunable: dict[str, int] = {}  # per stream, the last input that its checkpoint contains
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._open(durability)
        cursor = self._connection.cursor()
        self.held_bytes = _held(cursor, "record") + _held(cursor, "checkpoint")

    def _open(self, durability: Durability) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0.5)
        try:
            # One owner: a second process would give the same sequence numbers to other inputs.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durability is Durability.FSYNC else 'NORMAL'}")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
            connection.executescript(_SCHEMA)
            self.may_have_lost = _note_boot(connection) and durability is Durability.OS
        except sqlite3.OperationalError as error:
            connection.close()
            if "locked" in str(error):
                raise EngineError(f"{self._path} is in use by another process", reason="JOURNAL_IN_USE") from None
            raise EngineError(f"{self._path} can't be opened: {error}", reason="JOURNAL_FAILED") from None
        except sqlite3.DatabaseError as error:
            connection.close()
            raise EngineError(
                f"{self._path} is damaged ({error}); restore it from a copy or move it aside", reason="JOURNAL_DAMAGED"
            ) from None
        return connection

    def streams(self) -> list[str]:
        """The streams that have records or a checkpoint, sorted."""
        rows = self._connection.execute("SELECT stream FROM record UNION SELECT stream FROM checkpoint ORDER BY 1")
        return [stream for (stream,) in rows]

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, where it has one, then every record after it, in order.

        Raises EngineError JOURNAL_DAMAGED at a record whose checksum is wrong or that is missing.
        """
        checkpoint = self._checkpoint(stream)
        sequence = 0
        if checkpoint is not None:
            sequence = self._prunable[stream] = checkpoint.sequence
            yield checkpoint
        rows = self._connection.execute(
            "SELECT sequence, kind, time_ns, crc, payload FROM record WHERE stream = ? AND sequence > ? "
            "ORDER BY sequence",
            (stream, sequence),
        )
        with closing(rows):
            for found, kind, time_ns, crc, payload in rows:
                sequence += 1
                if found != sequence or _crc(kind, time_ns, payload) != crc:
                    raise self._damaged(stream, sequence)
                yield Record(found, kind, time_ns, payload)
        self._following[stream] = sequence + 1

    def _checkpoint(self, stream: str) -> Checkpoint | None:
        rows = self._connection.execute(
            "SELECT sequence, crc, payload FROM checkpoint WHERE stream = ? ORDER BY part", (stream,)
        ).fetchall()
        if not rows:
            return None
        payload = b"".join(part for _, _, part in rows)
        sequence, crc, _ = rows[0]
        if zlib.crc32(payload) != crc:
            raise self._damaged(stream, sequence)
        return Checkpoint(sequence, payload)

    def _damaged(self, stream: str, sequence: int) -> EngineError:
        return EngineError(
            f"{self._path}: input {sequence} of {stream!r} is missing or damaged; "
            "restore the file from a copy, or drop the engine",
            reason="JOURNAL_DAMAGED",
        )

    def write(self, batch: Sequence[Entry]) -> list[int]:
        """Commits all of the batch or nothing; returns the sequence of each Append, 0 for the others.

        Raises sqlite3.Error.
        """
        following, prunable = dict(self._following), dict(self._prunable)
        sequences: list[int] = []
        rows: list[tuple[Any, ...]] = []
        held = self.held_bytes
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            for work in batch:
                if isinstance(work, Append):
                    sequence = following.get(work.stream, 1)
                    following[work.stream] = sequence + 1
                    sequences.append(sequence)
                    crc = _crc(work.kind, work.time_ns, work.payload)
                    rows.append((work.stream, sequence, work.kind, work.time_ns, crc, work.payload))
                    held += len(work.payload)
                    continue
                sequences.append(0)
                _insert(cursor, rows)
                rows.clear()
                held -= _held(cursor, "checkpoint", work.stream)
                if isinstance(work, Store):
                    _store(cursor, work.stream, work.checkpoint)
                    held += len(work.checkpoint.payload)
                    prunable[work.stream] = work.checkpoint.sequence
                else:
                    held -= _held(cursor, "record", work.stream)
                    following.pop(work.stream, None)
                    prunable.pop(work.stream, None)
                    cursor.execute("DELETE FROM record WHERE stream = ?", (work.stream,))
                    cursor.execute("DELETE FROM checkpoint WHERE stream = ?", (work.stream,))
            _insert(cursor, rows)
            cursor.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise
        self._following, self._prunable, self.held_bytes = following, prunable, held
        return sequences

    @property
    def has_superfluous(self) -> bool:
        """Whether there are inputs that `prune` would forget."""
        return bool(self._prunable)

    def prune(self) -> None:
        """Forgets a slice of the inputs that a checkpoint contains."""
        stream, sequence = next(iter(self._prunable.items()))
        cursor = self._connection.cursor()
        try:
            rows = cursor.execute(
                "SELECT sequence, LENGTH(payload) FROM record WHERE stream = ? AND sequence <= ? ORDER BY sequence "
                f"LIMIT {PRUNED_RECORDS_MAX}",
                (stream, sequence),
            ).fetchall()
            sums = list(accumulate(size for _, size in rows))
            count = bisect_right(sums, PRUNED_BYTES_MAX) or min(1, len(rows))
            if count:
                query = "DELETE FROM record WHERE stream = ? AND sequence <= ?"
                cursor.execute(query, (stream, rows[count - 1][0]))
                self.held_bytes -= sums[count - 1]
        except sqlite3.Error:
            # They are superfluous, not harmful: the next checkpoint tries again.
            del self._prunable[stream]
            return
        if not rows:
            del self._prunable[stream]

    def close(self) -> None:
        """Closes the file, all of which is then on the disk."""
        try:
            self._connection.execute("UPDATE boot SET id = ?", (_CLOSED,))
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()


# What the table `boot` says of a journal that was closed in order, after which everything was synced.
_CLOSED = "closed"


def _note_boot(connection: sqlite3.Connection) -> bool:
    """Whether the machine went down since the journal was last opened, without the journal having been closed."""
    boot, found = boot_id(), connection.execute("SELECT id FROM boot").fetchone()
    connection.execute("DELETE FROM boot")
    connection.execute("INSERT INTO boot VALUES (?)", (boot,))
    return found is not None and found[0] not in (boot, _CLOSED)


def _crc(kind: int, time_ns: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(struct.pack("<qq", kind, time_ns)))


def _held(cursor: sqlite3.Cursor, table: str, stream: str | None = None) -> int:
    """Bytes of payload in a table, of one stream or of all."""
    query = f"SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM {table}"
    if stream is not None:
        return int(cursor.execute(f"{query} WHERE stream = ?", (stream,)).fetchone()[0])
    return int(cursor.execute(query).fetchone()[0])


def _insert(cursor: sqlite3.Cursor, rows: list[tuple[Any, ...]]) -> None:
    cursor.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", rows)


def _store(cursor: sqlite3.Cursor, stream: str, checkpoint: Checkpoint) -> None:
    crc = zlib.crc32(checkpoint.payload)
    cursor.execute("DELETE FROM checkpoint WHERE stream = ?", (stream,))
    for part, start in enumerate(range(0, max(1, len(checkpoint.payload)), CHECKPOINT_PART_BYTES)):
        payload = checkpoint.payload[start : start + CHECKPOINT_PART_BYTES]
        row = (stream, part, checkpoint.sequence, crc, payload)
        cursor.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", row)
