"""The write-ahead journal: an engine's inputs, committed before they are applied.

Engines are deterministic: the same inputs in the same order give the same state and the same answers. So the journal
keeps inputs, and recovery is the last checkpoint followed by the inputs after it. An input is applied only once it is
written, in the order in which it was written; a failed write therefore changes nothing, and nobody ever reads a state
that a crash could undo.

Commits are shared. While one transaction is being written, whatever arrives waits and makes the next one: a lone
caller pays for one sync, and a thousand callers at once pay for one too.

The store is SQLite in WAL mode, whose log carries checksums: a torn tail is dropped by SQLite itself, since no caller
was told of it. Each record has its own checksum besides, for damage in the middle, which is reported and never
skipped.
"""

from __future__ import annotations

import asyncio
import sqlite3
import struct
import threading
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from alphaforge_core.errors import EngineError, ResourceExhausted

__all__ = ["Checkpoint", "Durability", "Journal", "JournalStatistics", "Record"]

T = TypeVar("T")

WAITING_RECORDS_MAX = 100_000
WAITING_BYTES_MAX = 256 << 20
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


class JournalStatistics(NamedTuple):
    """Counts since the journal was opened, and `held_bytes`: what its records and checkpoints amount to now."""

    commits: int
    records: int
    record_bytes: int
    failures: int
    waiting: int
    held_bytes: int
    checkpoints: int


@dataclass(frozen=True, slots=True)
class _Append:
    stream: str
    kind: int
    time_ns: int
    payload: bytes
    apply: Callable[[int], Any]
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Store:
    stream: str
    checkpoint: Checkpoint
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Drop:
    stream: str
    done: asyncio.Future[Any]


_Work = _Append | _Store | _Drop


class Journal:
    """Streams of records in one file, one stream an engine. Four verbs: `append`, `replay`, `checkpoint`, `drop`.

    Belongs to one event loop; the file belongs to one process (`EngineError` JOURNAL_IN_USE for a second one).
    `may_have_lost` tells whether acknowledged inputs may be missing: the machine went down, and OS promises less.
    """

    def __init__(self, path: Path, durability: Durability, *, size_bytes_max: int = 16 << 30) -> None:
        self._path = path
        self._size_bytes_max = size_bytes_max
        self._following: dict[str, int] = {}  # per stream, the sequence its next record gets
        self._prunable: dict[str, int] = {}  # per stream, the last input that its checkpoint contains
        self._waiting: list[_Work] = []
        self._waiting_bytes = 0
        self._writing = False
        self._commits = self._records = self._record_bytes = self._failures = self._checkpoints = 0
        self._failure: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._open(durability)
        cursor = self._connection.cursor()
        self._held_bytes = _held(cursor, "record") + _held(cursor, "checkpoint")
        self._batches: SimpleQueue[list[_Work] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._write_batches, name="journal", daemon=True)
        self._writer.start()

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

    # --- Recovery: before the first append.

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

    # --- Writing: the event loop's side.

    @property
    def failure(self) -> str | None:
        """Why the last commit failed, None once one succeeds."""
        return self._failure

    def statistics(self) -> JournalStatistics:
        """What was written since the journal was opened, and what it holds now."""
        return JournalStatistics(
            commits=self._commits,
            records=self._records,
            record_bytes=self._record_bytes,
            failures=self._failures,
            waiting=len(self._waiting),
            held_bytes=self._held_bytes,
            checkpoints=self._checkpoints,
        )

    def append(
        self, stream: str, kind: int, time_ns: int, payload: bytes, apply: Callable[[int], T]
    ) -> asyncio.Future[T]:
        """Writes an input; once it is committed, calls `apply` in the event loop, in the order of the journal.

        `apply` is given the input's sequence. The future has what it returns or raises; it raises EngineError
        JOURNAL_FAILED, with nothing applied, where the write failed. Raises ResourceExhausted at once: JOURNAL_BACKLOG
        where too much waits, JOURNAL_FULL at the size limit.
        """
        if len(self._waiting) >= WAITING_RECORDS_MAX or self._waiting_bytes + len(payload) > WAITING_BYTES_MAX:
            raise ResourceExhausted(
                f"{len(self._waiting):,} inputs wait for the disk already; send again in a moment",
                reason="JOURNAL_BACKLOG",
            )
        if self._held_bytes + self._waiting_bytes + len(payload) > self._size_bytes_max:
            raise ResourceExhausted(
                f"{self._path} holds {self._held_bytes:,} bytes, the most it may; "
                "raise journal_size_bytes_max or drop engines",
                reason="JOURNAL_FULL",
            )
        self._waiting_bytes += len(payload)
        return self._enqueue(_Append(stream, kind, time_ns, payload, apply, self._future()))

    def checkpoint(self, stream: str, sequence: int, state: bytes) -> asyncio.Future[None]:
        """Stores the engine's state after the input `sequence`; the inputs up to it are forgotten by and by."""
        return self._enqueue(_Store(stream, Checkpoint(sequence, state), self._future()))

    def drop(self, stream: str) -> asyncio.Future[None]:
        """Forgets a stream and everything in it."""
        return self._enqueue(_Drop(stream, self._future()))

    async def close(self) -> None:
        """Writes what waits, then closes the file: all of it is then on the disk."""
        while self._writing:
            await asyncio.sleep(0.001)
        self._batches.put(None)
        await asyncio.to_thread(self._writer.join)
        try:
            self._connection.execute("UPDATE boot SET id = ?", (_CLOSED,))
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()

    def _future(self) -> asyncio.Future[Any]:
        self._loop = asyncio.get_running_loop()
        return self._loop.create_future()

    def _enqueue(self, work: _Work) -> asyncio.Future[Any]:
        self._waiting.append(work)
        if not self._writing:
            self._hand_over()
        return work.done

    def _hand_over(self) -> None:
        self._writing = bool(self._waiting)
        if self._writing:
            batch, self._waiting = self._waiting, []
            self._waiting_bytes = 0
            self._batches.put(batch)

    def _on_written(self, batch: list[_Work], sequences: list[int], error: str | None) -> None:
        # The next batch goes to the disk while this one is applied.
        self._failure = error
        self._hand_over()
        for work, sequence in zip(batch, sequences, strict=True):
            if error is not None:
                message = f"nothing was done: the journal can't be written: {error}"
                self._answer(work.done, EngineError(message, reason="JOURNAL_FAILED"))
            elif isinstance(work, _Append):
                self._apply(work, sequence)
            else:
                self._answer(work.done, None)

    def _apply(self, work: _Append, sequence: int) -> None:
        # Applied whether or not anybody still waits: it is in the journal, and a restart would apply it too.
        try:
            answer = work.apply(sequence)
        except Exception as error:
            answer = error
        self._answer(work.done, answer)

    @staticmethod
    def _answer(done: asyncio.Future[Any], answer: Any) -> None:
        if done.cancelled():
            return
        if isinstance(answer, Exception):
            done.set_exception(answer)
        else:
            done.set_result(answer)

    # --- Writing: the writer thread's side.

    def _write_batches(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                sequences, error = self._write(batch), None
            except Exception as failure:
                # Whatever it is: who waits is told, and the thread lives.
                self._failures += 1
                sequences, error = [0] * len(batch), str(failure)
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._on_written, batch, sequences, error)

    def _next_batch(self) -> list[_Work] | None:
        """What is to be written next; as long as nothing is, the superfluous goes."""
        while self._prunable:
            try:
                return self._batches.get_nowait()
            except Empty:
                self._prune()
        return self._batches.get()

    def _write(self, batch: list[_Work]) -> list[int]:
        following, prunable = dict(self._following), dict(self._prunable)
        sequences: list[int] = []
        rows: list[tuple[Any, ...]] = []
        held = self._held_bytes
        cursor = self._connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            for work in batch:
                if isinstance(work, _Append):
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
                if isinstance(work, _Store):
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
        self._following, self._prunable, self._held_bytes = following, prunable, held
        self._count(batch)
        return sequences

    def _count(self, batch: list[_Work]) -> None:
        sizes = [len(work.payload) for work in batch if isinstance(work, _Append)]
        self._commits += 1
        self._records += len(sizes)
        self._record_bytes += sum(sizes)
        self._checkpoints += sum(isinstance(work, _Store) for work in batch)

    def _prune(self) -> None:
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
                self._held_bytes -= sums[count - 1]
        except sqlite3.Error:
            # They are superfluous, not harmful: the next checkpoint tries again.
            del self._prunable[stream]
            return
        if not rows:
            del self._prunable[stream]


# What the table `boot` says of a journal that was closed in order, after which everything was synced.
_CLOSED = "closed"


def _boot_id() -> str:
    """Differs each time the machine starts; containers see their host's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _note_boot(connection: sqlite3.Connection) -> bool:
    """Whether the machine went down since the journal was last opened, without the journal having been closed."""
    boot, found = _boot_id(), connection.execute("SELECT id FROM boot").fetchone()
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
