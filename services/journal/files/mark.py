"""The mark of a journal: a small file with the position of each stream, written every second and at a stop.

SQLite can't detect that a journal has lost its end. The mark can: a stream that ends before its mark has lost
acknowledged inputs. Without a mark nothing is known, and every engine starts a new epoch; so a copy made by
`alphaforge journal backup`, which has no mark, is never mistaken for the current journal.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Mark", "Place", "boot_id", "read_mark", "write_mark"]

_FORMAT = 1


class Place(NamedTuple):
    """The position of a stream. A stream that is dropped and created again has a different id."""

    id: int
    sequence: int


class Mark(NamedTuple):
    """`boot` is the machine's boot id when it was written; `is_closed` means that nothing was written after it."""

    boot: str
    is_closed: bool
    places: Mapping[str, Place]


def boot_id() -> str:
    """A different id after each boot, which loses what the system had not written; containers see their host's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def read_mark(path: Path) -> Mark | None:
    """The mark in the file; None if it is missing or damaged."""
    try:
        line, checksum = path.read_bytes().rsplit(b"\n", 1)
        if zlib.crc32(line) != int(checksum, 16):
            return None
        found = json.loads(line)
        if found["format"] != _FORMAT:
            return None
        places = {name: Place(*place) for name, place in found["places"].items()}
        return Mark(found["boot"], found["closed"], places)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_mark(path: Path, mark: Mark) -> None:
    """Replaces the mark and syncs it to the disk. Raises OSError."""
    value = {"format": _FORMAT, "boot": mark.boot, "closed": mark.is_closed, "places": mark.places}
    line = json.dumps(value).encode()
    temporary = path.with_suffix(".mark-new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, b"%s\n%08x" % (line, zlib.crc32(line)))
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Syncs a directory. Raises OSError."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
