"""The store of journals on one machine: records in SQLite, parts of checkpoints and the mark in files beside it.

    data-fsync.journal        streams and records; SQLite's write-ahead log beside it
    data-fsync.checkpoints/   the parts of checkpoints
    data-fsync.mark           the position of each stream

SQLite's log ends at the first wrong checksum, so SQLite itself drops a torn end, which was not acknowledged. Damage
that looks like a torn end is detected by reading the log before SQLite does, and by comparing each stream with the
mark.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from alphaforge_core.errors import EngineError
from alphaforge_core.journal import SEMANTICS

from services.journal.backup import answer_request, copy_open_journal
from services.journal.files import format1, sqlite_file
from services.journal.files.mark import Mark, Place, boot_id, read_mark, write_mark
from services.journal.files.parts import PartDamaged, Parts
from services.journal.files.sqlite_file import INSERT_RECORD, StreamRow, pack_record, record_row, sync_wal
from services.journal.files.superfluous import ALL_RECORDS, Superfluous
from services.journal.store import (
    Append,
    Checkpoint,
    Commit,
    Drop,
    Durability,
    Entry,
    Move,
    OutcomeUnknown,
    Part,
    Record,
    WriteRefused,
)

__all__ = ["SqliteStore"]

# Errors of a COMMIT whose last page did not reach SQLite's log, so that the log ends before it.
_NOT_COMMITTED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)

_logger = logging.getLogger("services.journal")


@dataclass(slots=True)
class _Stream:
    """A stream and the sequence of its next record. `is_live`: it was read to its end, so records may be appended."""

    row: StreamRow
    following: int = 1
    is_live: bool = True


class _Change(NamedTuple):
    """A batch while it is written: its rows, and what to do to the store's memory after a commit or a failure."""

    rows: list[tuple[Any, ...]]
    sequences: list[int]
    appended: list[_Stream]
    undo: list[Callable[[], object]]
    then: list[Callable[[], object]]

    def roll_back(self) -> None:
        """Undoes what the batch has changed in the store's memory."""
        for stream in self.appended:
            stream.following -= 1
        for act in reversed(self.undo):
            act()


class SqliteStore:
    """An open store. Raises EngineError: JOURNAL_IN_USE, JOURNAL_DAMAGED, JOURNAL_VERSION, JOURNAL_FAILED."""

    limits = None
    refusal = None

    def __init__(self, path: Path, durability: Durability) -> None:
        self._path = path
        self._durability = durability
        self._mark_path = path.with_suffix(".mark")
        self._boot = boot_id()
        self._streams: dict[str, _Stream] = {}
        self._missing: dict[str, EngineError] = {}
        self._begun: dict[int, tuple[str, int]] = {}  # generations being written, and their streams
        self._has_progress = False
        self._lock, self._parts = _locked(path.with_suffix(".checkpoints"), path)
        self._superfluous = Superfluous(path, self._parts)
        with ExitStack() as on_failure:
            on_failure.callback(os.close, self._lock)
            self._mark = read_mark(self._mark_path)
            self._connection = on_failure.enter_context(closing(self._open()))
            self._read_streams()
            on_failure.pop_all()
        self._next_generation = 1 + max(
            (*self._parts.generations(), *(each.row.generation for each in self._streams.values())), default=0
        )
        self._is_clean = not _has_content(sqlite_file.wal_of(path))
        self.held_bytes = self._held()

    def __str__(self) -> str:
        return str(self._path)

    # --- Opening.

    def _open(self) -> sqlite3.Connection:
        path, mark = self._path, self._mark
        try:
            if not path.exists():
                self._create()
            format_found = sqlite_file.format_of(path)
            if format_found == 1 and mark is None:
                format1.move(path, self._parts, self._mark_path)
                mark = self._mark = read_mark(self._mark_path)
            elif format_found > sqlite_file.FORMAT and mark is None:
                raise sqlite_file.other_release(
                    path,
                    f"a later release wrote it, in journal format {format_found}; this one reads up to format "
                    f"{sqlite_file.FORMAT}",
                    "start that release",
                )
            elif format_found != sqlite_file.FORMAT:
                raise sqlite_file.damaged(path, "its first page is damaged")
            if mark is not None and (mark.is_closed or mark.boot == self._boot):
                sqlite_file.check_before_opening(path, was_closed=mark.is_closed)
            path.chmod(0o600)
            return sqlite_file.connect(path, sync_each_commit=self._durability is Durability.FSYNC)
        except OSError as error:
            raise EngineError(f"{path} can't be opened: {error}", reason="JOURNAL_FAILED") from None
        except sqlite3.OperationalError as error:
            reason = "JOURNAL_IN_USE" if "locked" in str(error) else "JOURNAL_FAILED"
            raise EngineError(f"{path} can't be opened: {error}", reason=reason) from None
        except sqlite3.DatabaseError as error:
            raise sqlite_file.damaged(path, str(error)) from None

    def _create(self) -> None:
        if (self._mark is not None and self._mark.places) or _has_content(sqlite_file.wal_of(self._path)):
            raise sqlite_file.damaged(self._path, "it is missing, but other files of the journal exist")
        sqlite_file.create(self._path)
        self._mark = Mark(self._boot, is_closed=False, places={})
        write_mark(self._mark_path, self._mark)

    @property
    def _may_have_lost_all(self) -> bool:
        """Whether any stream may lack acknowledged inputs although it is not damaged."""
        mark = self._mark
        if mark is None:
            return True
        return self._durability is Durability.OS and not mark.is_closed and mark.boot != self._boot

    def _read_streams(self) -> None:
        try:
            rows = list(sqlite_file.read_streams(self._connection))
        except sqlite3.Error as error:
            raise sqlite_file.damaged(self._path, f"its streams can't be read ({error})") from None
        places = {} if self._mark is None or self._may_have_lost_all else self._mark.places
        names = {place.id: name for name, place in places.items()}
        for row, is_intact in rows:
            if is_intact:
                self._streams[row.name] = _Stream(row, is_live=False)
            else:
                name = str(names.get(row.id, row.name))
                self._missing[name] = sqlite_file.damaged(self._path, f"its entry for {name!r} is damaged")
        for name in places.keys() - self._streams.keys() - self._missing.keys():
            self._missing[name] = sqlite_file.damaged(self._path, f"{name!r} is missing")
        # A refusal must leave the files unchanged, so that the release that wrote them can still read them.
        for stream in self._streams.values():
            sqlite_file.check_semantics(self._connection, self._path, stream.row)

    def _held(self) -> int:
        sizes = sum(each.row.manifest.size for each in self._streams.values())
        try:
            query = "SELECT COALESCE(SUM(LENGTH(payload)), 0) FROM record"
            return sizes + int(self._connection.execute(query).fetchone()[0])
        except sqlite3.Error:
            # A page is damaged; the affected engine is found when its records are read.
            return sizes + self._path.stat().st_size

    # --- Reading.

    def streams(self) -> list[str]:
        """Names of all streams, sorted, including those known to be missing, for which `replay` raises."""
        return sorted(self._streams.keys() | self._missing.keys())

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, if it has one, then every record after it, in order.

        Raises EngineError: JOURNAL_DAMAGED, JOURNAL_VERSION.
        """
        if stream in self._missing:
            raise self._missing[stream]
        found = self._streams.get(stream)
        if found is None:
            return
        row = found.row
        if row.generation:
            try:
                payload = b"".join(self._parts.read(row.generation, row.manifest))
            except PartDamaged as error:
                raise sqlite_file.damaged(self._path, f"the checkpoint of {stream!r} is lost: {error}") from None
            yield Checkpoint(row.sequence, payload)
        sequence = row.sequence
        for record in sqlite_file.read_records(self._connection, self._path, row):
            sequence = record.sequence
            yield record
        if self._mark is not None and not self._may_have_lost_all:
            place = self._mark.places.get(stream, Place(row.id, 0))
            if place.id != row.id or sequence < place.sequence:
                raise sqlite_file.damaged(
                    self._path,
                    f"{stream!r} ends with input {sequence}, but inputs up to {place.sequence} were acknowledged",
                )
        found.following, found.is_live = sequence + 1, True
        if row.sequence:
            self._superfluous.records[row.id] = row.sequence

    def may_have_lost(self, stream: str) -> bool:
        """Whether acknowledged inputs of an undamaged stream may be missing, which requires a new epoch."""
        return self._may_have_lost_all or self._mark is None or stream not in self._mark.places

    def ready(self) -> None:
        """Ends recovery: every stream is replayed, and the required new epochs have started."""
        if not self._is_clean:
            self.settle()
        is_whole = all(each.is_live for each in self._streams.values()) and not self._missing
        mark = Mark(self._boot, is_closed=False, places=self._places())
        was_closed = self._mark is not None and self._mark.is_closed
        if not self._note(mark):
            # Nothing may be written while the mark on the disk says that the journal is closed.
            self._mark, self._has_progress = mark._replace(is_closed=was_closed), True
        if is_whole:
            # All streams are whole, so no other parts are needed to repair them.
            live = {each.row.generation for each in self._streams.values()}
            self._superfluous.generations += sorted(self._parts.generations() - live)
            with suppress(sqlite3.Error):
                ids = {each.row.id for each in self._streams.values()}
                self._superfluous.find_records_of_others(self._connection, ids)

    # --- Writing.

    def write(self, batch: Sequence[Entry]) -> list[int]:
        """Commits all of the batch or nothing; returns the sequence of each Append, 0 for the others.

        Raises WriteRefused or OutcomeUnknown.
        """
        has_drops = Drop in set(map(type, batch))
        if has_drops or not self._is_clean or self._mark is None or self._mark.is_closed:
            self._prepare([entry.stream for entry in batch if isinstance(entry, Drop)])
        change = _Change([], [], [], [], [])
        cursor = self._connection.cursor()
        is_committing = False
        try:
            cursor.execute("BEGIN IMMEDIATE")
            for entry in batch:
                if not isinstance(entry, Append):
                    assert not isinstance(entry, Move), "files are not shared with other shards"
                    change.sequences.append(0)
                    self._apply_to_stream(cursor, entry, change)
                    continue
                stream = self._streams.get(entry.stream)
                if stream is None:
                    stream = self._make_stream(cursor, entry.stream, change)
                if not stream.is_live:
                    raise WriteRefused(f"{entry.stream!r} is damaged")
                # record_row(), inlined: this runs on every call.
                columns = stream.row.id, stream.following, SEMANTICS, entry.kind, entry.time_ns
                crc = crc32(entry.payload, crc32(pack_record(*columns)))
                change.rows.append((*columns, crc, entry.payload))
                change.sequences.append(stream.following)
                stream.following += 1
                change.appended.append(stream)
            cursor.executemany(INSERT_RECORD, change.rows)
            is_committing = True
            cursor.execute("COMMIT")
        except BaseException as error:
            change.roll_back()
            raise self._failed(error, is_committing=is_committing) from error
        for *_, payload in change.rows:
            self.held_bytes += len(payload)
        self._has_progress = True
        for act in change.then:
            act()
        return change.sequences

    def replace(self, stream: str, record: Record) -> None:
        """Replaces the input that has the sequence of `record`. Raises EngineError JOURNAL_FAILED."""
        _, _, semantics, *columns = record_row(self._streams[stream].row.id, *record)
        try:
            self._connection.execute(
                "UPDATE record SET semantics = ?, kind = ?, time_ns = ?, crc = ?, payload = ? "
                "WHERE stream = ? AND sequence = ?",
                (semantics, *columns, self._streams[stream].row.id, record.sequence),
            )
        except sqlite3.Error as error:
            raise EngineError(f"{self._path} can't be written: {error}", reason="JOURNAL_FAILED") from None
        self._is_clean = False

    def _make_stream(self, cursor: sqlite3.Cursor, name: str, change: _Change) -> _Stream:
        stream = self._streams[name] = _Stream(StreamRow(secrets.randbits(47) | 1, name))
        stream.row.insert(cursor)
        change.undo.append(partial(self._streams.pop, name))
        # The mark must have a new stream before the stream is acknowledged.
        change.then.append(self.note_progress)
        return stream

    def _apply_to_stream(self, cursor: sqlite3.Cursor, entry: Commit | Drop, change: _Change) -> None:
        stream = self._streams.get(entry.stream)
        if isinstance(entry, Drop):
            change.then.append(partial(self._missing.pop, entry.stream, None))
            if stream is not None:
                cursor.execute("DELETE FROM stream WHERE id = ?", (stream.row.id,))
                del self._streams[entry.stream]
                change.undo.append(partial(self._streams.__setitem__, entry.stream, stream))
                change.then.append(partial(self._discard, stream.row, through=ALL_RECORDS))
        elif stream is None or self._begun.get(entry.generation) != (entry.stream, stream.row.id):
            # The stream was dropped, and perhaps recreated, while the parts were written.
            self.checkpoint_abandon(entry.generation)
        else:
            before = stream.row
            stream.row = before._replace(generation=entry.generation, sequence=entry.sequence, manifest=entry.manifest)
            change.undo.append(partial(setattr, stream, "row", before))
            stream.row.insert(cursor)
            change.then.append(partial(self._discard, before, through=entry.sequence))
            change.then.append(partial(self._begin_counting, stream.row))

    def _discard(self, row: StreamRow, through: int) -> None:
        """Marks for deletion what a newer checkpoint replaces or a dropped stream leaves behind."""
        self.held_bytes -= row.manifest.size
        self._superfluous.records[row.id] = through
        if row.generation:
            self._superfluous.generations.append(row.generation)

    def _begin_counting(self, row: StreamRow) -> None:
        self.held_bytes += row.manifest.size
        self._begun.pop(row.generation, None)

    def _prepare(self, dropped: Sequence[str] = ()) -> None:
        """Writes what must be on the disk before a commit. Raises WriteRefused."""
        if not self._is_clean and not self.settle():
            raise WriteRefused("an earlier write failed and can't be undone yet")
        mark = self._mark
        if mark is None or not (mark.is_closed or dropped):
            return
        # A stream is removed from the mark before it is dropped, so that it can't be mistaken for a loss.
        places = {name: place for name, place in self._places().items() if name not in dropped}
        boot = self._boot if mark.is_closed else mark.boot
        self._note(Mark(boot, is_closed=False, places=places), refuse=True)

    def _failed(self, error: BaseException, *, is_committing: bool) -> Exception:
        self._is_clean = False
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()
        # The batch in SQLite's log would reappear at the next start if its last page was written.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_FULL)
        if self.settle() or not is_committing or code in _NOT_COMMITTED:
            return WriteRefused(str(error))
        return OutcomeUnknown(str(error))

    def settle(self) -> bool:
        """Moves committed pages from SQLite's log to its file and empties the log; nothing else can reappear."""
        try:
            is_busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            sync_wal(self._path)
        except (sqlite3.Error, OSError):
            return False
        self._is_clean = not is_busy
        return self._is_clean

    # --- Checkpoints.

    def checkpoint_begin(self, stream: str, sequence: int) -> int:
        """A new generation, a number never used before, for the parts of a checkpoint."""
        generation, self._next_generation = self._next_generation, self._next_generation + 1
        found = self._streams.get(stream)
        self._begun[generation] = (stream, 0 if found is None else found.row.id)
        return generation

    def checkpoint_part(self, generation: int, part: int, pieces: Sequence[memoryview]) -> Part:
        """Writes a part to the disk. Thread-safe. Raises OSError."""
        return self._parts.write(generation, part, pieces)

    def checkpoint_abandon(self, generation: int) -> None:
        """Forgets a checkpoint that is not committed."""
        if self._begun.pop(generation, None) is not None:
            self._superfluous.generations.append(generation)

    @property
    def has_superfluous(self) -> bool:
        """Whether there is something that `prune` would remove."""
        return self._superfluous.is_removable

    def prune(self) -> None:
        """Removes a slice of what a checkpoint has replaced."""
        if self._superfluous.remove_parts() or not self._superfluous.records:
            return
        try:
            self._prepare()
            self.held_bytes -= self._superfluous.remove_records(self._connection)
        except (sqlite3.Error, WriteRefused):
            self._is_clean = False
            self._superfluous.leave_records()

    # --- The mark.

    def note_progress(self) -> bool:
        """Records the position of each stream, so that a later start detects a loss. False if that fails."""
        if self._mark is None or not self._has_progress:
            return True
        return self._note(Mark(self._mark.boot, is_closed=False, places=self._places()))

    def _places(self) -> dict[str, Place]:
        """The position of each stream; for a damaged one, its previous position."""
        before = {} if self._mark is None or self._may_have_lost_all else self._mark.places
        places = {
            name: Place(stream.row.id, stream.following - 1) for name, stream in self._streams.items() if stream.is_live
        }
        known = self._streams.keys() | self._missing.keys()
        return {**{name: place for name, place in before.items() if name in known}, **places}

    def _note(self, mark: Mark, *, refuse: bool = False) -> bool:
        try:
            write_mark(self._mark_path, mark)
        except OSError as error:
            if refuse:
                raise WriteRefused(f"{self._mark_path} can't be written: {error}") from None
            _logger.warning("the mark can't be written", extra={"journal": str(self._path), "reason": str(error)})
            return False
        self._mark, self._has_progress = mark, False
        return True

    # --- Copies and the end.

    def answer_backup_request(self, between: Callable[[], object]) -> None:
        """Makes a consistent copy, if requested; meanwhile calls `between`, which may write."""
        self._superfluous.keeps_parts = True
        try:
            answer_request(self._path, lambda to: copy_open_journal(self._connection, self._parts, to, between))
        finally:
            self._superfluous.keeps_parts = False

    def close(self) -> None:
        """Writes everything to the disk and closes the store. Raises OSError."""
        try:
            is_settled = self.settle()
            self._connection.close()
            if not is_settled:
                raise OSError("the commit can't be synced to the disk")
            if self._mark is not None and not self._may_have_lost_all:
                write_mark(self._mark_path, Mark(self._boot, is_closed=True, places=self._places()))
        except sqlite3.Error as error:
            raise OSError(str(error)) from None
        finally:
            os.close(self._lock)


def _locked(folder: Path, path: Path) -> tuple[int, Parts]:
    """The directory of a journal's checkpoints, locked by one process at a time."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise EngineError(f"{path} can't be opened: {error}", reason="JOURNAL_FAILED") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise EngineError(f"{path} is in use by another process", reason="JOURNAL_IN_USE") from None
    return file, Parts(folder)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
