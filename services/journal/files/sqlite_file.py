"""The SQLite file of a journal: its tables, and the checks before SQLite may open it.

Format 2. Each record and each stream's checkpoint has a checksum over all columns.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from alphaforge_core.errors import EngineError
from alphaforge_core.journal import SEMANTICS, read_wal

from services.journal.files.mark import sync_folder
from services.journal.store import Manifest, Record

__all__ = [
    "FORMAT",
    "INSERT_RECORD",
    "StreamRow",
    "check_before_opening",
    "check_semantics",
    "connect",
    "create",
    "damaged",
    "format_of",
    "other_release",
    "pack_record",
    "read_records",
    "read_streams",
    "record_row",
    "sync_wal",
    "wal_of",
]

FORMAT = 2

pack_record = struct.Struct("<5q").pack
"""The bytes of a record's columns but `crc` and `payload`; the checksum covers them, then the payload."""

_APPLICATION_ID = 0x41464A4C  # "AFJL"

# Size to which SQLite's write-ahead log is truncated once its pages are in the file.
_WAL_BYTES_MAX = 64 << 20

# A release with format 1 reads `boot` when it opens a file, which gives it this error.
_LATER = '"a later release of AlphaForge wrote this file (journal format 2): start that release"'
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE stream (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, generation INTEGER NOT NULL, sequence INTEGER NOT NULL,
    parts INTEGER NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
CREATE TABLE record (
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL, semantics INTEGER NOT NULL, kind INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (stream, sequence)) STRICT;
CREATE VIEW checkpoint AS SELECT * FROM {_LATER};
CREATE VIEW boot AS SELECT id FROM {_LATER};
"""


INSERT_RECORD = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)"


class StreamRow(NamedTuple):
    """A stream and its checkpoint: the state after the input `sequence`. Generation 0: it has none."""

    id: int
    name: str
    generation: int = 0
    sequence: int = 0
    manifest: Manifest = Manifest()

    def insert(self, connection: sqlite3.Connection | sqlite3.Cursor) -> None:
        """Writes the row, replacing the previous one."""
        columns = self._columns()
        connection.execute("INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*columns, _crc(columns)))

    def _columns(self) -> tuple[Any, ...]:
        return (self.id, self.name, self.generation, self.sequence, *self.manifest)


def damaged(path: Path, why: str) -> EngineError:
    """The error for an engine, or for all engines of a file, whose inputs are missing or damaged."""
    return EngineError(
        f"{path}: {why}; restore the data folder from a backup, or drop the engine", reason="JOURNAL_DAMAGED"
    )


def other_release(path: Path, why: str, what_to_do: str) -> EngineError:
    """The error for an undamaged file that this release can't continue from."""
    return EngineError(f"{path}: {why}; {what_to_do}", reason="JOURNAL_VERSION")


def wal_of(path: Path) -> Path:
    """SQLite's write-ahead log of a file."""
    return path.with_name(path.name + "-wal")


# --- Files.


def sync_wal(path: Path) -> None:
    """Syncs SQLite's write-ahead log of a file, including its length, to the disk. Raises OSError."""
    with suppress(FileNotFoundError):
        _sync(wal_of(path))


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def create(path: Path, streams: Iterable[StreamRow] = (), records: Iterable[tuple[Any, ...]] = ()) -> None:
    """Creates a file with these rows, replacing any other. Raises OSError."""
    temporary = path.with_suffix(".journal-new")
    for left_over in (temporary, wal_of(temporary)):
        left_over.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            for row in streams:
                row.insert(connection)
            connection.executemany(INSERT_RECORD, records)
        _sync(temporary)
    except sqlite3.Error as error:
        raise OSError(f"can't create {path}: {error}") from None
    os.replace(temporary, path)
    sync_folder(path.parent)


def connect(path: Path, *, sync_each_commit: bool) -> sqlite3.Connection:
    """Opens a file for this process alone. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA synchronous = {'FULL' if sync_each_commit else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_MAX}")
        connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def format_of(path: Path) -> int:
    """The format in the file's header. Raises EngineError JOURNAL_DAMAGED for an invalid header."""
    with path.open("rb") as file:
        header = file.read(100)
    version, application_id = struct.unpack_from(">I4xI", header, 60) if len(header) == 100 else (0, 0)
    if not header.startswith(b"SQLite format 3\0"):
        raise damaged(path, "its first page is damaged" if header else "it is empty")
    if application_id == _APPLICATION_ID:
        return int(version)
    if application_id or version:
        raise damaged(path, "its first page is damaged")
    return 1


def check_before_opening(path: Path, *, was_closed: bool) -> None:
    """Checks a file for damage that SQLite would silently ignore. Only for files that no power cut can have torn.

    Raises EngineError JOURNAL_DAMAGED.
    """
    log = wal_of(path)
    content = log.read_bytes() if log.exists() else b""
    if not content:
        return
    if was_closed:
        raise damaged(log, "it does not belong to the journal, which was closed without it")
    wal = read_wal(content)
    if not wal.is_header_valid:
        raise damaged(log, "its header is damaged")
    if wal.frames_after_bad:
        raise damaged(
            log, f"its page {wal.frames + 1} is damaged, but {wal.frames_after_bad} pages after it are intact"
        )


# --- Rows.


def read_streams(connection: sqlite3.Connection) -> Iterator[tuple[StreamRow, bool]]:
    """Every stream, and whether its row is intact. Raises sqlite3.Error."""
    for *columns, crc in connection.execute("SELECT * FROM stream").fetchall():
        identity, name, generation, sequence, *manifest = columns
        row = StreamRow(identity, name, generation, sequence, Manifest(*manifest))
        yield row, _crc(columns) == crc


def check_semantics(connection: sqlite3.Connection, path: Path, row: StreamRow) -> None:
    """Raises EngineError JOURNAL_VERSION if the next input of a stream was written under other rules."""
    with suppress(sqlite3.Error):  # damage is detected when all of them are read
        query = "SELECT sequence, semantics FROM record WHERE stream = ? AND sequence > ? ORDER BY sequence LIMIT 1"
        for sequence, semantics in connection.execute(query, (row.id, row.sequence)).fetchall():
            if sequence == row.sequence + 1 and semantics != SEMANTICS:
                raise _other_rules(path, row.name, sequence, semantics)


def _other_rules(path: Path, name: str, sequence: int, semantics: int) -> EngineError:
    return other_release(
        path,
        f"the inputs of {name!r} from {sequence} on were written under other rules ({semantics}; this release has "
        f"{SEMANTICS})",
        "start the release that wrote them once and stop it, then start this one",
    )


def record_row(stream: int, sequence: int, kind: int, time_ns: int, payload: bytes) -> tuple[Any, ...]:
    """The row of an input, as INSERT_RECORD takes it."""
    columns = stream, sequence, SEMANTICS, kind, time_ns
    return *columns, _record_crc(*columns, payload), payload


def read_records(connection: sqlite3.Connection, path: Path, row: StreamRow) -> Iterator[Record]:
    """A stream's inputs after its checkpoint, in order.

    Raises EngineError: JOURNAL_DAMAGED at a damaged or missing input, JOURNAL_VERSION at one of another release.
    """
    sequence = row.sequence
    try:
        rows = connection.execute(
            "SELECT sequence, semantics, kind, time_ns, crc, payload FROM record WHERE stream = ? AND sequence > ? "
            "ORDER BY sequence",
            (row.id, row.sequence),
        )
        with closing(rows):
            for found, semantics, kind, time_ns, crc, payload in rows:
                sequence += 1
                if found != sequence or _record_crc(row.id, found, semantics, kind, time_ns, payload) != crc:
                    raise damaged(path, f"input {sequence} of {row.name!r} is missing or damaged")
                if semantics != SEMANTICS:
                    raise _other_rules(path, row.name, sequence, semantics)
                yield Record(found, kind, time_ns, payload)
    except sqlite3.Error as error:
        raise damaged(path, f"input {sequence + 1} of {row.name!r} can't be read ({error})") from None


def _record_crc(stream: Any, sequence: Any, semantics: Any, kind: Any, time_ns: Any, payload: Any) -> int:
    try:
        return zlib.crc32(payload, zlib.crc32(pack_record(stream, sequence, semantics, kind, time_ns)))
    except (TypeError, struct.error):
        # Damage may change the type of a column.
        return -1


def _crc(columns: Iterable[Any]) -> int:
    return zlib.crc32(repr(tuple(columns)).encode())
