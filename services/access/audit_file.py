"""The files of the audit log: appended to in whole lines, and rotated at a size.

logging's handlers drop a record whose write failed. Here the caller keeps it and retries.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["AuditFile"]


class AuditFile:
    """The file at `path` and the rotated ones, of which `path.1` is the newest; readable by their owner only.

    Each file has at most `size_bytes_max` bytes, unless a single write is larger, and there are at most `files_max`,
    2 or more. A path that isn't a regular file, such as a pipe, is not rotated. Raises OSError if it can't be opened.
    """

    def __init__(self, path: Path, size_bytes_max: int, files_max: int) -> None:
        self._path = path
        self._size_bytes_max = size_bytes_max
        self._files_max = files_max
        self._open()

    def write(self, lines: bytes) -> None:
        """Appends whole lines, all or none. Raises OSError."""
        if self._is_rotated and self._size and self._size + len(lines) > self._size_bytes_max:
            self._rotate()
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # A full disk may take part of a write.
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(lines)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        status = os.fstat(descriptor)
        self._descriptor, self._size = descriptor, status.st_size
        self._is_rotated = stat.S_ISREG(status.st_mode)

    def _rotate(self) -> None:
        # A rotation that failed half-way leaves the path or a number free, so no file moves twice.
        if self._path.exists():
            numbers = range(1, self._files_max)
            last = next((number for number in numbers if not self._numbered(number).exists()), numbers[-1])
            for number in range(last, 0, -1):
                os.replace(self._numbered(number - 1), self._numbered(number))
        before = self._descriptor
        self._open()
        os.close(before)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
