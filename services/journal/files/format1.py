"""Journals of format 1, written by earlier releases: a cleanly stopped one is converted to format 2."""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from services.journal.files import sqlite_file
from services.journal.files.mark import Mark, Place, boot_id, write_mark
from services.journal.files.parts import Parts
from services.journal.files.sqlite_file import StreamRow
from services.journal.store import PART_BYTES_MAX, Manifest

__all__ = ["move"]

# The entry of the table `boot` in a cleanly closed journal.
_CLOSED = "closed"

# The kind of input that opens an empty engine.
_OPENED = 1

_logger = logging.getLogger("services.journal")


def move(path: Path, parts: Parts, mark_path: Path) -> None:
    """Replaces a file of format 1 with one of format 2, with the same checkpoints and epochs.

    Raises EngineError: JOURNAL_VERSION if there are inputs after a checkpoint, which only the release that wrote them
    may apply; JOURNAL_DAMAGED. Raises sqlite3.Error, OSError.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.5)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        boot = connection.execute("SELECT id FROM boot").fetchone()
        waiting = connection.execute(
            "SELECT stream, sequence, kind, time_ns, payload FROM record WHERE sequence > COALESCE("
            "(SELECT sequence FROM checkpoint WHERE checkpoint.stream = record.stream AND part = 0), 0)"
        ).fetchall()
        # An engine that was opened but not used has no checkpoint; opening is the same under all rules.
        opened = {name: record for name, *record in waiting if record[1] == _OPENED}
        if len(waiting) != len(opened):
            raise sqlite_file.other_release(
                path,
                f"an earlier release wrote it (journal format 1) and was not stopped cleanly: {len(waiting):,} inputs "
                "are not in a checkpoint",
                "start that release once and stop it, then start this one",
            )
        # Removes remains of an earlier attempt.
        parts.remove(parts.generations())
        rows = list(_moved(connection, path, parts, opened))
    records = [sqlite_file.record_row(row.id, *opened[row.name]) for row in rows if row.name in opened]
    sqlite_file.create(path, rows, records)
    sqlite_file.wal_of(path).unlink(missing_ok=True)
    if boot is not None and boot[0] == _CLOSED:
        # Otherwise engines start new epochs, since losses are unknown.
        places = {row.name: Place(row.id, opened.get(row.name, (row.sequence,))[0]) for row in rows}
        write_mark(mark_path, Mark(boot_id(), is_closed=True, places=places))
    _logger.info("journal moved to format 2", extra={"journal": str(path), "engines": len(rows)})


def _moved(
    connection: sqlite3.Connection, path: Path, parts: Parts, opened: Mapping[str, Sequence[Any]]
) -> Iterator[StreamRow]:
    checkpointed = {name for (name,) in connection.execute("SELECT DISTINCT stream FROM checkpoint")}
    for number, name in enumerate(sorted(checkpointed | opened.keys()), 1):
        if name not in checkpointed:
            yield StreamRow(number, name)
            continue
        found = connection.execute(
            "SELECT sequence, crc, payload FROM checkpoint WHERE stream = ? ORDER BY part", (name,)
        ).fetchall()
        payload = memoryview(b"".join(part for _, _, part in found))
        sequence, crc, _ = found[0]
        if zlib.crc32(payload) != crc:
            raise sqlite_file.damaged(path, f"the checkpoint of {name!r} is damaged")
        manifest = Manifest()
        for part, start in enumerate(range(0, len(payload), PART_BYTES_MAX)):
            manifest = manifest.with_part(parts.write(number, part, [payload[start : start + PART_BYTES_MAX]]))
        yield StreamRow(number, name, number, sequence, manifest)
