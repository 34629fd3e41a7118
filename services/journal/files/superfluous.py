"""Removes what checkpoints and drops leave behind in a journal: records and parts that are no longer needed.

They are removed in slices, between commits.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from services.journal.files.parts import Parts
from services.journal.files.sqlite_file import sync_wal

__all__ = ["ALL_RECORDS", "Superfluous"]

ALL_RECORDS = 2**62
_RECORDS_MAX = 2_000
_BYTES_MAX = 16 << 20


class Superfluous:
    """The superfluous records and parts of one journal."""

    def __init__(self, path: Path, parts: Parts) -> None:
        self._path = path
        self._parts = parts
        self.records: dict[int, int] = {}
        """The last superfluous record, by stream id."""
        self.generations: list[int] = []
        """Generations whose parts are superfluous."""
        self.keeps_parts = False
        """Keeps parts while the journal is being copied."""

    @property
    def is_removable(self) -> bool:
        """Whether a slice can be removed now."""
        return bool(self.records) or (bool(self.generations) and not self.keeps_parts)

    def find_records_of_others(self, connection: sqlite3.Connection, streams: set[int]) -> None:
        """Finds the records of streams that no longer exist. Raises sqlite3.Error."""
        found = connection.execute("SELECT MIN(stream) FROM record").fetchone()[0]
        while found is not None:
            if found not in streams:
                self.records[found] = ALL_RECORDS
            found = connection.execute("SELECT MIN(stream) FROM record WHERE stream > ?", (found,)).fetchone()[0]

    def remove_parts(self) -> bool:
        """Removes the parts, if allowed; returns whether there were any."""
        if not self.generations or self.keeps_parts:
            return False
        generations, self.generations = self.generations, []
        try:
            # The new checkpoint must be on the disk before the old parts are removed.
            sync_wal(self._path)
        except OSError:
            return True
        self._parts.remove(generations)
        return True

    def remove_records(self, connection: sqlite3.Connection) -> int:
        """Removes a slice of the records of one stream; returns its bytes. Raises sqlite3.Error."""
        stream, through = next(iter(self.records.items()))
        rows = connection.execute(
            "SELECT sequence, LENGTH(payload) FROM record WHERE stream = ? AND sequence <= ? ORDER BY sequence "
            f"LIMIT {_RECORDS_MAX}",
            (stream, through),
        ).fetchall()
        sums: list[int] = list(accumulate(size for _, size in rows))
        count = bisect_right(sums, _BYTES_MAX) or min(1, len(rows))
        if not count:
            del self.records[stream]
            return 0
        connection.execute("DELETE FROM record WHERE stream = ? AND sequence <= ?", (stream, rows[count - 1][0]))
        return sums[count - 1]

    def leave_records(self) -> None:
        """Skips the records on which `remove_records` failed; retried with the stream's next checkpoint."""
        if self.records:
            self.records.pop(next(iter(self.records)))
