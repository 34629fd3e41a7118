"""The files of a service's caches: how a cache comes back after a stop, and after a kill.

Each cache has one file. It begins with the cache as it was at some time; then follow its changes, each written by the
core before anybody is told of it (durability os). Once a file is much larger than its cache it is rewritten, beside
other calls. With durability none there are files only between a stop and the next start.

A lock on the folder keeps two services from taking each other's files.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from alphaforge.journal.v1.caches_pb2 import CacheNote
from alphaforge_core.cache_wire import CacheEngine
from alphaforge_core.errors import EngineError

from services.cache.engine import NamedCache
from services.cache.settings import CacheDurability
from services.common.answers import ANSWER_SECONDS
from services.common.boot import boot_id
from services.common.engine import new_epoch
from services.common.journal import JournalStatistics
from services.common.messages import given
from services.common.registry import RecoveryStatistics

__all__ = ["CacheFiles"]

_SUFFIX = ".cache"
_BEGUN, _REWRITTEN = ".begun", ".rewritten"
_SET_ASIDE = ".set-aside"

# A file is rewritten when it is larger than both: this, and so many times what it was after the last time.
_FILE_BYTES_MIN = 128 << 20
_GROWTH = 3

# After a rewrite that failed the next one waits, longer each time.
_RETRY_SECONDS, _RETRY_SECONDS_MAX = 1.0, 60.0

# More entries than any cache holds: what a file says is taken whole, the cache's own bounds come after it.
_UNBOUNDED = 4_000_000_000

_logger = logging.getLogger("services.cache_files")

Build = Callable[[str, int, Mapping[str, Any], CacheEngine], NamedCache]


class _Found(NamedTuple):
    """What a file says of its cache, beside the entries."""

    epoch: int
    settings: Mapping[str, Any]
    notes: Sequence[CacheNote]
    valid_bytes: int
    is_complete: bool


class _Written(NamedTuple):
    """What was written for a cache; `file_bytes` is what its file has now."""

    writes: int = 0
    changes: int = 0
    written_bytes: int = 0
    failures: int = 0
    file_bytes: int = 0
    rewrites: int = 0


def _written(cache: NamedCache) -> _Written:
    return _Written(*cache.core.file_statistics())


class CacheFiles:
    """The files in a folder that this process alone uses."""

    def __init__(self, folder: Path, durability: CacheDurability, *, warm_restart: bool) -> None:
        """Raises RuntimeError when another service uses the folder, OSError when it can't be written to."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._durability = durability
        self._warm_restart = warm_restart
        # Locked as long as it is open, which is as long as the process lives.
        self._lock = _locked(folder / "caches.lock")
        self._bytes_after_rewrite: WeakKeyDictionary[NamedCache, int] = WeakKeyDictionary()
        self._retry_at = 0.0
        self._retry_seconds = _RETRY_SECONDS
        self._recovery = RecoveryStatistics(0.0, 0, 0)
        # For caches that are gone: counters never fall.
        self._ended = _Written()

    # --- A cache's life.

    def begin(self, cache: NamedCache, before: NamedCache | None) -> None:
        """Makes the file of a new cache, in the place of another one's where the cache takes that one's.

        Raises EngineError JOURNAL_FAILED.
        """
        if self._durability != "os":
            return
        try:
            begun = self._begun(cache)
            if before is not None:
                self._end(before)
            begun.replace(self._path(cache.name))
        except OSError as error:
            raise EngineError(f"cache {cache.name!r} can't have a file: {error}", reason="JOURNAL_FAILED") from error

    def drop(self, cache: NamedCache) -> None:
        """Forgets a cache's file. Raises EngineError JOURNAL_FAILED."""
        path = self._path(cache.name)
        try:
            path.unlink(missing_ok=True)
            self._end(cache)
            # A rewrite may have ended between the two.
            path.unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(
                f"the file of {cache.name!r} can't be removed: {error}", reason="JOURNAL_FAILED"
            ) from error

    def _begun(self, cache: NamedCache) -> Path:
        """A new file, in which the cache goes on; it is to be renamed to what the cache's file is called."""
        path = self._path(cache.name).with_suffix(_BEGUN)
        file = _created(path)
        try:
            size = cache.core.write_entries(file, _notes(cache), cache.brief_notes())
        except OSError:
            os.close(file)
            raise
        cache.core.keep_in(file, size)
        return path

    def _end(self, cache: NamedCache) -> None:
        """From now on nothing of it reaches a file: neither a change nor the end of a rewrite."""
        self._ended = _sums((self._ended, _written(cache)))
        cache.core.end_file(sync=False)

    # --- Start and stop.

    def load(self, build: Build) -> list[NamedCache]:
        """The caches of the folder. A damaged file is reported and set aside.

        Raises OSError when a file can be neither read nor set aside: it would be taken for current at a later start.
        """
        began = time.monotonic()
        for left_over in (*self._folder.glob(f"*{_BEGUN}"), *self._folder.glob(f"*{_REWRITTEN}")):
            left_over.unlink()
        paths = sorted(self._folder.glob(f"*{_SUFFIX}"))
        caches = []
        for path in paths:
            if not self._warm_restart:
                _set_aside(path, "warm_restart is off")
            elif (cache := self._loaded(path, build)) is not None:
                caches.append(cache)
        damaged = len(paths) - len(caches) if self._warm_restart else 0
        self._recovery = RecoveryStatistics(time.monotonic() - began, len(caches), damaged)
        entries = sum(each.core.size() for each in caches)
        _logger.info("caches loaded", extra={"caches": len(caches), "entries": entries})
        return caches

    def close(self, caches: Iterable[NamedCache]) -> None:
        """Leaves each cache to the next start as it is now, the order of use by reads included."""
        saved = 0
        for cache in caches if self._durability == "os" or self._warm_restart else ():
            try:
                self._save(cache)
                saved += 1
            except OSError as error:
                # With durability os the file says all but the reads.
                cache.core.end_file(sync=False)
                _logger.error("a cache is not saved", extra={"cache": cache.name, "reason": str(error)})
        _logger.info("caches saved", extra={"caches": saved})
        self._lock.close()

    def _save(self, cache: NamedCache) -> None:
        begun = self._begun(cache)
        cache.core.end_file(sync=True)
        begun.replace(self._path(cache.name))

    def _loaded(self, path: Path, build: Build) -> NamedCache | None:
        core = CacheEngine(_UNBOUNDED)
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            found = _read(file, core)
        except ValueError as error:
            os.close(file)
            _set_aside(path, f"damaged: {error}")
            return None
        cache = build(unquote(path.stem), found.epoch, found.settings, core)
        cache.answers.restore(note.answer for note in found.notes if note.HasField("answer"))
        if self._durability == "os":
            os.ftruncate(file, found.valid_bytes)
            os.lseek(file, 0, os.SEEK_END)
            core.keep_in(file, found.valid_bytes)
            for note in _notes(cache):
                core.note(note)
            if found.is_complete:
                # It was written at the stop, and is as small as it can be.
                self._bytes_after_rewrite[cache] = found.valid_bytes
        else:
            # It is current only until somebody serves what is in it.
            os.close(file)
            path.unlink()
        return cache

    # --- Rewriting.

    async def rewrite_large(self, caches: Iterable[NamedCache]) -> None:
        """Rewrites files that are much larger than their caches, and those that could not be written to."""
        if self._durability != "os" or time.monotonic() < self._retry_at:
            return
        for cache in caches:
            file_bytes = _written(cache).file_bytes
            limit = max(_FILE_BYTES_MIN, _GROWTH * self._bytes_after_rewrite.get(cache, 0))
            if file_bytes <= limit and cache.core.file_error is None:
                continue
            rewrite = partial(self._rewrite, cache, _notes(cache), cache.brief_notes())
            try:
                await asyncio.get_running_loop().run_in_executor(None, rewrite)
            except OSError as error:
                if error.errno == errno.ECANCELED:  # the cache is gone
                    continue
                self._retry_at = time.monotonic() + self._retry_seconds
                self._retry_seconds = min(2 * self._retry_seconds, _RETRY_SECONDS_MAX)
                _logger.warning("a file is not rewritten", extra={"cache": cache.name, "reason": str(error)})
                return
            self._retry_seconds = _RETRY_SECONDS
            self._bytes_after_rewrite[cache] = size = _written(cache).file_bytes
            _logger.info("a file is rewritten", extra={"cache": cache.name, "before": file_bytes, "bytes": size})

    def _rewrite(self, cache: NamedCache, notes: list[bytes], brief_notes: list[bytes]) -> None:
        path = self._path(cache.name)
        temporary = path.with_suffix(_REWRITTEN)
        file = _created(temporary)
        try:
            cache.core.rewrite(file, str(temporary), str(path), notes, brief_notes)
        except OSError:
            os.close(file)
            temporary.unlink()
            raise

    # --- Numbers.

    def statistics(self, caches: Iterable[NamedCache]) -> list[JournalStatistics]:
        """What was written to all files, and what they hold now."""
        now = [_written(cache) for cache in caches]
        ever = _sums((self._ended, *now))
        return [
            JournalStatistics(
                commits=ever.writes, records=ever.changes, record_bytes=ever.written_bytes, failures=ever.failures,
                waiting=0, held_bytes=sum(each.file_bytes for each in now), checkpoints=ever.rewrites,
            )
        ]  # fmt: skip

    def recovery(self) -> RecoveryStatistics:
        """What `load` did; damaged are those whose files were set aside."""
        return self._recovery

    def _path(self, name: str) -> Path:
        return self._folder / (quote(name, safe="") + _SUFFIX)


def _read(file: int, core: CacheEngine) -> _Found:
    """Raises ValueError for a damaged file."""
    written, valid_bytes, is_complete, damage = core.replay(file, time.time_ns(), int(ANSWER_SECONDS * 1e9))
    notes = [CacheNote.FromString(note) for note in written]
    boots = [note.boot_id for note in notes if note.HasField("boot_id")]
    # Then the file's end is lost or may be anything, which is nobody's fault, and clients are to know.
    went_down = not is_complete and bool(boots) and boots[-1] != boot_id()
    if damage is not None and not went_down:
        raise ValueError(damage)
    opened = [note.opened for note in notes if note.HasField("opened")]
    if not opened:
        raise ValueError("it has no beginning")
    epoch = new_epoch() if went_down else opened[-1].epoch
    return _Found(epoch, given(opened[-1].cache), notes, valid_bytes, is_complete)


def _sums(each: Iterable[_Written]) -> _Written:
    return _Written(*map(sum, zip(*each, strict=True)))


def _notes(cache: NamedCache) -> list[bytes]:
    """How a file begins, and how a process begins to write to one."""
    return [cache.note(), CacheNote(boot_id=boot_id()).SerializeToString()]


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


def _created(path: Path) -> int:
    # For nobody else's eyes: it has what is in the cache.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _set_aside(path: Path, why: str) -> None:
    aside = path.with_suffix(_SET_ASIDE)
    path.replace(aside)
    _logger.warning("the file of a cache is set aside", extra={"reason": why, "file": str(aside)})
