"""The caches of a service between a clean stop and the next start: one file, written whole and read once.

A file is current only until somebody serves what is in it: it is removed as soon as it is loaded, so that a process
that is killed later leaves none behind, and its caches begin new epochs. A lock on the folder keeps two services from
taking each other's file.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from services.cache.engine import NamedCache
from services.common.answers import SavedAnswer

__all__ = ["SavedCaches"]

_FORMAT = 1
_MAGIC = b"AFCACHES"
# The size and the checksum of the head, which is JSON; the caches follow as the core writes them.
_NUMBER_BYTES = 8
_HEAD_BYTES_MAX = 1 << 30

_logger = logging.getLogger("services.saved_caches")

Build = Callable[[str, int, Mapping[str, Any]], NamedCache]


class SavedCaches:
    """The file of one service's caches, in a folder that this process alone uses."""

    def __init__(self, folder: Path) -> None:
        """Raises RuntimeError when another service uses the folder, OSError when it can't be written to."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "caches.saved"
        self._aside = folder / "caches.set-aside"
        self._temporary = folder / "caches.temporary"
        # Locked as long as it is open, which is as long as the process lives.
        self._lock = _locked(folder / "caches.lock")

    def close(self) -> None:
        """Leaves the folder to others."""
        self._lock.close()

    def save(self, caches: Iterable[NamedCache], answers: Iterable[SavedAnswer]) -> None:
        """Writes the file. Raises OSError, and then there is none."""
        saved = list(caches)
        head = {
            "format": _FORMAT,
            "wall_ns": time.time_ns(),
            "caches": [{"name": each.name, "epoch": each.epoch, "settings": each.settings} for each in saved],
            "answers": [each.as_json() for each in answers],
        }
        entries = 0
        with _created(self._temporary) as file:
            _write_head(file, json.dumps(head).encode())
            for each in saved:
                entries += each.engine.save(file.fileno(), time.time_ns())
            os.fsync(file.fileno())
        self._temporary.replace(self.path)
        self._sync_folder()
        _logger.info("caches saved", extra={"caches": len(saved), "entries": entries})

    def load(self, build: Build) -> tuple[list[NamedCache], list[SavedAnswer]]:
        """The caches of the file, which is then gone; none where there is no file.

        A damaged one is reported and set aside. Raises OSError when the file can be neither removed nor set aside: it
        would be taken for current at a later start.
        """
        try:
            file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            return [], []
        try:
            with file:
                caches, answers = _read(file, build)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._set_aside(f"damaged: {error}")
            return [], []
        self.path.unlink()
        self._sync_folder()
        entries = sum(each.engine.size() for each in caches)
        _logger.info("caches loaded", extra={"caches": len(caches), "entries": entries})
        return caches, answers

    def set_aside_unused(self) -> None:
        """Lets nobody load at a later start what this process will not have loaded."""
        if self.path.exists():
            self._set_aside("warm_restart is off")

    def _set_aside(self, why: str) -> None:
        self.path.replace(self._aside)
        self._sync_folder()
        _logger.warning("saved caches set aside", extra={"reason": why, "file": str(self._aside)})

    def _sync_folder(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(
            f"another cache service keeps its state in {path.parent}; give each its own data_dir"
        ) from None
    return file


def _created(path: Path) -> IO[bytes]:
    # For nobody else's eyes: it has what is in the caches.
    return open(path, "wb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))


def _write_head(file: IO[bytes], head: bytes) -> None:
    whole = _MAGIC + _number(len(head)) + _number(zlib.crc32(head)) + head
    while whole:
        whole = whole[file.write(whole) :]


def _read(file: IO[bytes], build: Build) -> tuple[list[NamedCache], list[SavedAnswer]]:
    if _read_exactly(file, len(_MAGIC)) != _MAGIC:
        raise ValueError("it is no file of saved caches")
    size, checksum = (int.from_bytes(_read_exactly(file, _NUMBER_BYTES), "little") for _ in range(2))
    if size > _HEAD_BYTES_MAX:
        raise ValueError("the length of its head")
    text = _read_exactly(file, size)
    if zlib.crc32(text) != checksum:
        raise ValueError("the checksum of its head")
    head = json.loads(text)
    if head["format"] != _FORMAT:
        raise ValueError("its format is not of this release")
    caches = []
    for saved in head["caches"]:
        cache = build(saved["name"], saved["epoch"], saved["settings"])
        cache.engine.load(file.fileno(), time.time_ns())
        caches.append(cache)
    if file.read(1):
        raise ValueError("there is more in it than was written")
    passed_seconds = max(0, time.time_ns() - head["wall_ns"]) / 1e9
    return caches, [SavedAnswer.from_json(each, passed_seconds) for each in head["answers"]]


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = file.read(min(size, 1 << 20))
        if not part:
            raise ValueError("it ends too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _number(value: int) -> bytes:
    return value.to_bytes(_NUMBER_BYTES, "little")
