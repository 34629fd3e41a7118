"""The files of a service's caches, from which caches are restored after a stop or a kill (rule 4.9).

Each cache has one file: a snapshot followed by changes, each written by the core before it is acknowledged (durability
os). A file that is much larger than its cache is rewritten in the background. With durability none, files exist only
between a stop and the next start.

Every second, and at a stop, `caches.mark` records the epoch and the last sequence of each cache. If a file of the same
epoch ends at an earlier sequence, it has lost acknowledged changes, so its cache starts a new epoch.

A lock on the directory prevents a second service from using it.
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

from services.base.messages import given
from services.cache.engine import NamedCache
from services.cache.replica import UNBOUNDED
from services.cache.settings import CacheDurability
from services.engines.answers import ANSWER_SECONDS
from services.engines.engine import new_epoch
from services.engines.recovery import RecoveryStatistics
from services.journal.files.mark import Mark, Place, boot_id, read_mark, write_mark
from services.journal.journal import JournalStatistics

__all__ = ["CacheFiles"]

_SUFFIX = ".cache"
_BEGUN, _REWRITTEN = ".begun", ".rewritten"
_SET_ASIDE = ".set-aside"

# A file is rewritten when it exceeds this size and has grown by this factor since the last rewrite.
_FILE_BYTES_MIN = 128 << 20
_GROWTH = 3

# Backoff after failed rewrites.
_RETRY_SECONDS, _RETRY_SECONDS_MAX = 1.0, 60.0

_logger = logging.getLogger("services.cache_files")

Build = Callable[[str, int, Mapping[str, Any], CacheEngine], NamedCache]


class _Found(NamedTuple):
    """The header of a file: its cache's name, epoch and settings."""

    epoch: int
    settings: Mapping[str, Any]
    notes: Sequence[CacheNote]
    valid_bytes: int
    is_complete: bool
    is_behind: bool


class _Written(NamedTuple):
    """Totals written for a cache; `file_bytes` is the current size of its file."""

    writes: int = 0
    changes: int = 0
    written_bytes: int = 0
    failures: int = 0
    file_bytes: int = 0
    rewrites: int = 0


def _written(cache: NamedCache) -> _Written:
    return _Written(*cache.core.file_statistics())


class CacheFiles:
    """The cache files in a directory, which this process has locked."""

    def __init__(self, folder: Path, durability: CacheDurability, *, warm_restart: bool) -> None:
        """Raises RuntimeError if another service uses the directory, OSError if it isn't writable."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._durability = durability
        self._warm_restart = warm_restart
        # Held until the process exits.
        self._lock = _locked(folder / "caches.lock")
        self._bytes_after_rewrite: WeakKeyDictionary[NamedCache, int] = WeakKeyDictionary()
        self._retry_at = 0.0
        self._retry_seconds = _RETRY_SECONDS
        self._recovery = RecoveryStatistics(0.0, 0, 0)
        # Totals of dropped caches, included because counters never decrease.
        self._ended = _Written()
        self._mark_path = folder / "caches.mark"
        self._mark = Mark("", is_closed=False, places={})
        self.refused: dict[str, EngineError] = {}
        """The errors of caches whose files can't be read, by name."""

    # --- A cache's life.

    def begin(self, cache: NamedCache, before: NamedCache | None) -> None:
        """Creates the file of a new cache, in place of the file of the cache it replaces.

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
            raise EngineError(
                f"can't create the file of cache {cache.name!r}: {error}", reason="JOURNAL_FAILED"
            ) from error

    def drop(self, cache: NamedCache) -> None:
        """Deletes a cache's file. Raises EngineError JOURNAL_FAILED."""
        self.forget(cache.name)
        self._end(cache)
        # A rewrite may have created the file again meanwhile.
        self.forget(cache.name)

    def forget(self, name: str) -> None:
        """Removes the file of that name. Raises EngineError JOURNAL_FAILED."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise EngineError(f"can't remove the file of cache {name!r}: {error}", reason="JOURNAL_FAILED") from error

    def _begun(self, cache: NamedCache) -> Path:
        """Creates a new file for the cache to write to; the caller renames it to the cache's file name."""
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
        """Detaches the cache from its file, which gets no more changes or rewrites."""
        self._ended = _sums((self._ended, _written(cache)))
        # A power cut can undo the removal of the file. If the file had a clean end, the next start would then take it
        # for the current one.
        cache.core.leave_file()

    # --- Start and stop.

    def load(self, build: Build) -> list[NamedCache]:
        """Loads the caches in the directory. A damaged file is logged and set aside. An unreadable file stays, and its
        cache refuses calls.

        Raises OSError if a file can't be set aside, because a later start would take it for current.
        """
        self._mark = read_mark(self._mark_path) or self._mark
        began = time.monotonic()
        for left_over in (*self._folder.glob(f"*{_BEGUN}"), *self._folder.glob(f"*{_REWRITTEN}")):
            left_over.unlink()
        paths = sorted(self._folder.glob(f"*{_SUFFIX}"))
        caches = []
        for path in paths:
            if not self._warm_restart:
                _set_aside(path, "warm_restart is off")
            elif (cache := self._loaded_or_refused(path, build)) is not None:
                caches.append(cache)
        if self._warm_restart:
            for name in self._mark.places.keys() - {unquote(path.stem) for path in paths}:
                _logger.warning("cache file missing; the cache starts empty in a new epoch", extra={"cache": name})
        damaged = len(paths) - len(caches) if self._warm_restart else 0
        self._recovery = RecoveryStatistics(time.monotonic() - began, len(caches), damaged)
        entries = sum(each.core.size() for each in caches)
        _logger.info("caches loaded", extra={"caches": len(caches), "entries": entries})
        return caches

    def _loaded_or_refused(self, path: Path, build: Build) -> NamedCache | None:
        try:
            return self._loaded(path, build)
        except OSError as error:
            name = unquote(path.stem)
            refusal = EngineError(
                f"the file {path} of cache {name!r} can't be read: {error.strerror}; fix the disk and restart the "
                "service, or drop the cache",
                reason="JOURNAL_DAMAGED",
            )
            self.refused[name] = refusal
            _logger.error("cache can't be loaded", extra={"cache": name, "reason": str(refusal)})
            return None

    def note_progress(self, caches: Iterable[NamedCache], *, is_closed: bool = False) -> None:
        """Records the position of each cache, so that the next start detects a loss."""
        if self._durability != "os" and not is_closed:
            return
        places = {cache.name: self._place(cache) for cache in caches}
        if places == self._mark.places and is_closed == self._mark.is_closed:
            return
        mark = Mark(boot_id(), is_closed, places)
        try:
            write_mark(self._mark_path, mark)
        except OSError as error:
            _logger.warning("no mark", extra={"folder": str(self._folder), "reason": str(error)})
        else:
            self._mark = mark

    def _place(self, cache: NamedCache) -> Place:
        """Returns the epoch and the last sequence in the cache's file."""
        if cache.core.file_error is not None:
            return self._mark.places.get(cache.name, Place(0, 0))
        return Place(cache.epoch, cache.core.sequence)

    def close(self, caches: Iterable[NamedCache]) -> None:
        """Saves the current state of each cache, including the order in which reads used its entries."""
        caches = list(caches)
        saved = 0
        for cache in caches if self._durability == "os" or self._warm_restart else ():
            try:
                self._save(cache)
                saved += 1
            except OSError as error:
                # With durability os, the file lacks only the order of use by reads.
                cache.core.end_file(sync=False)
                _logger.error("cache not saved", extra={"cache": cache.name, "reason": str(error)})
        _logger.info("caches saved", extra={"caches": saved})
        self.note_progress(caches, is_closed=True)
        self._lock.close()

    def _save(self, cache: NamedCache) -> None:
        begun = self._begun(cache)
        cache.core.end_file(sync=True)
        begun.replace(self._path(cache.name))

    def _loaded(self, path: Path, build: Build) -> NamedCache | None:
        core = CacheEngine(UNBOUNDED)
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            found = _read(file, core, self._mark, unquote(path.stem))
        except ValueError as error:
            os.close(file)
            _set_aside(path, f"damaged: {error}")
            return None
        except OSError:
            os.close(file)
            raise
        if found.is_behind:
            extra = {"cache": unquote(path.stem), "file": str(path)}
            _logger.error("cache file has lost changes; the cache starts a new epoch", extra=extra)
        cache = build(unquote(path.stem), found.epoch, found.settings, core)
        cache.answers.restore(note.answer for note in found.notes if note.HasField("answer"))
        if self._durability == "os":
            os.ftruncate(file, found.valid_bytes)
            os.lseek(file, 0, os.SEEK_END)
            core.keep_in(file, found.valid_bytes)
            for note in _notes(cache):
                core.note(note)
            # Without it, a power cut could restore the previous process's file, and the loss of later changes would go
            # unnoticed.
            os.fsync(file)
            if found.is_complete:
                # Written at the stop, and already compact.
                self._bytes_after_rewrite[cache] = found.valid_bytes
        else:
            # Once the cache is served, the file is out of date.
            os.close(file)
            path.unlink()
        return cache

    # --- Rewriting.

    async def rewrite_large(self, caches: Iterable[NamedCache]) -> None:
        """Rewrites files that are much larger than their caches, and files that could not be written."""
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
                _logger.warning("cache file not rewritten", extra={"cache": cache.name, "reason": str(error)})
                return
            self._retry_seconds = _RETRY_SECONDS
            self._bytes_after_rewrite[cache] = size = _written(cache).file_bytes
            _logger.info("cache file rewritten", extra={"cache": cache.name, "before": file_bytes, "bytes": size})

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
        """Totals written to all files, and their current size."""
        now = [_written(cache) for cache in caches]
        ever = _sums((self._ended, *now))
        return [
            JournalStatistics(
                commits=ever.writes, records=ever.changes, record_bytes=ever.written_bytes, failures=ever.failures,
                waiting=0, held_bytes=sum(each.file_bytes for each in now), checkpoints=ever.rewrites,
            )
        ]  # fmt: skip

    def recovery(self) -> RecoveryStatistics:
        """The result of `load`; damaged counts files set aside."""
        return self._recovery

    def _path(self, name: str) -> Path:
        return self._folder / (quote(name, safe="") + _SUFFIX)


def _read(file: int, core: CacheEngine, mark: Mark, name: str) -> _Found:
    """Reads a file into `core`. Raises ValueError if it is damaged, OSError if it can't be read."""
    replayed = core.replay(file, time.time_ns(), int(ANSWER_SECONDS * 1e9))
    written, valid_bytes, is_complete, damage, last_sequence = replayed
    notes = [CacheNote.FromString(note) for note in written]
    boots = [note.boot_id for note in notes if note.HasField("boot_id")]
    # Expected after a power loss: the file may have lost its end, and a new epoch tells clients.
    went_down = not is_complete and bool(boots) and boots[-1] != boot_id()
    if damage is not None and not went_down:
        raise ValueError(damage)
    opened = [note.opened for note in notes if note.HasField("opened")]
    if not opened:
        raise ValueError("its header is missing")
    epoch = opened[-1].epoch
    # A file of another epoch needs no check: clients notice that the epoch differs from theirs.
    place = mark.places.get(name, Place(0, 0))
    is_behind = not went_down and place.id == epoch and last_sequence < place.sequence
    if went_down or is_behind:
        epoch = new_epoch()
    return _Found(epoch, given(opened[-1].cache), notes, valid_bytes, is_complete, is_behind)


def _sums(each: Iterable[_Written]) -> _Written:
    return _Written(*map(sum, zip(*each, strict=True)))


def _notes(cache: NamedCache) -> list[bytes]:
    """Returns the notes at the start of a file and of each process's part of it."""
    return [cache.note(), CacheNote(boot_id=boot_id()).SerializeToString()]


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(f"another cache service uses {path.parent}; give each service its own data_dir") from None
    return file


def _created(path: Path) -> int:
    # Readable by the owner only: it has the cache's contents.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _set_aside(path: Path, why: str) -> None:
    aside = path.with_suffix(_SET_ASIDE)
    path.replace(aside)
    _logger.warning("damaged cache file set aside", extra={"reason": why, "file": str(aside)})
