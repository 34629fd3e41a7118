"""The journal of a replicated cache (rule 4.11).

What a put evicts depends on all earlier reads, so the journal has the changes that the primary made, not its inputs.
The core collects them in the blocks of a cache's file; each block is a record. A call is evaluated at once, and
answered when every change made before its evaluation is in the journal. So nobody sees a state that a takeover can
undo, not even by a read or a refused compare-and-swap.

If a change can't be written, the memory is ahead of the journal; the cache then takes no calls until its entries are
loaded from the journal again.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from alphaforge.journal.v1.caches_pb2 import CacheNote
from alphaforge.journal.v1.checkpoints_pb2 import CacheCheckpoint
from alphaforge.journal.v1.inputs_pb2 import EngineOpened
from alphaforge_core.cache_wire import CacheEngine
from alphaforge_core.errors import AlphaForgeError, Unavailable

from services.access.roles import Role
from services.base.messages import given
from services.engines.answers import Answers
from services.engines.rows import Answer, Row, Runs, settled
from services.engines.state import Kept, State
from services.journal.journal import Journal

__all__ = ["ALONE", "CHANGED_NUMBER", "UNBOUNDED", "Blocks", "Replica", "Replication"]

# The kind of records with blocks of changes.
CHANGED_NUMBER = 5

# More bytes of a request than of any block it makes.
_BLOCK_BYTES_MAX = 8 << 20


# More entries than any cache has: all that was kept is loaded before the cache's bounds are applied.
UNBOUNDED = 4_000_000_000


class Blocks:
    """The payload of a record: blocks of changes, which the core decodes."""

    @staticmethod
    def FromString(data: bytes) -> bytes:  # noqa: N802
        """The payload itself."""
        return data


def _nothing() -> None:
    """Does nothing."""


class Replication(NamedTuple):
    """What the replicated caches of a service share."""

    reload: Callable[[], None] = _nothing
    """Called when the memory of a cache is ahead of its journal."""
    folder: Path = Path()
    """Where entries are written before they become a checkpoint."""


ALONE = Replication()
"""For caches without a journal."""


class _Cache(Protocol):
    """What `Replica` needs of a cache."""

    name: str
    core: CacheEngine
    settings: dict[str, Any]
    answers: Answers
    journal: Journal | None
    retired: AlphaForgeError | None
    is_ahead: bool
    sequence: int
    bytes_since_checkpoint: int

    def begin_serving(self) -> None: ...
    def notify_confirmed(self) -> None: ...
    def bound(self, settings: Mapping[str, Any]) -> None: ...
    def opened(self) -> EngineOpened: ...


class Replica:
    """The changes of one cache on their way to its journal. Used on the event loop."""

    def __init__(self, cache: _Cache, replication: Replication) -> None:
        self._cache = cache
        self._reload, self._folder = replication
        self._is_copy = False
        self._last: asyncio.Future[None] | None = None
        self.is_serving = False
        self.confirmed = 0
        """The sequence of the last change in the journal: what subscribers may see."""

    def begin(self, change_size: int | None = None) -> None:
        """Called before a call; `change_size` is the size of a request that may change something.

        Raises the journal's refusals of a change, and Unavailable while the cache is being loaded.
        """
        cache = self._cache
        if cache.retired is not None:
            raise cache.retired
        if cache.is_ahead:
            self._reload()
            raise _loading(cache.name)
        if change_size is not None or not self.is_serving:
            assert cache.journal is not None
            # A primary accepts changes only once it has applied its whole journal.
            cache.journal.check(cache.name, min(change_size or 0, _BLOCK_BYTES_MAX))
        if not self.is_serving:
            self._begin_serving()

    def _begin_serving(self) -> None:
        core = self._cache.core
        self.is_serving = True
        self.confirmed = core.sequence
        core.collect_changes()
        self._cache.begin_serving()
        if self._is_copy:
            core.resize(self._cache.settings["max_size"], self._cache.settings["max_bytes"])
        self.write()

    # --- Following.

    def follow(self, blocks: bytes) -> None:
        """Applies changes that the primary has made, or entries of a checkpoint."""
        cache = self._cache
        if not self._is_copy:
            # The primary's evictions are among its changes.
            self._is_copy = True
            cache.core.resize(UNBOUNDED, None)
        notes, damage = cache.core.follow(blocks, time.time_ns())
        if damage is not None:
            raise RuntimeError(damage)
        for each in notes:
            note = CacheNote.FromString(each)
            if note.HasField("opened"):
                cache.bound(given(note.opened.cache))
            if note.HasField("answer"):
                cache.answers.restore((note.answer,))

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Restores the entries and first answers of a checkpoint."""
        self._cache.answers.restore(CacheCheckpoint.FromString(kept).answers)
        self.follow(snapshot)

    # --- Writing.

    async def write_checkpoint(self) -> int:
        """Writes a checkpoint and returns its size. Its entries may have changes that are later than its input.

        They are applied again after it, which changes nothing: a record says what an entry is, not how it differs.
        But a takeover must not undo them, so they have to be in the journal first.
        """
        cache = self._cache
        assert cache.journal is not None
        sequence, size_before = cache.sequence, cache.bytes_since_checkpoint
        cache.bytes_since_checkpoint = 0
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                await asyncio.to_thread(cache.core.write_entries, file.fileno(), [], [])
                await self.settle()
                kept = CacheCheckpoint(answers=cache.answers.saved()).SerializeToString()
                opened = cache.opened().SerializeToString(deterministic=True)
                state = State(opened, Kept((), (kept,)), _EntriesFile(file.fileno()))
                return await cache.journal.checkpoint(cache.name, sequence, state)
        except BaseException:
            cache.bytes_since_checkpoint += size_before
            raise

    def write(self) -> asyncio.Future[None] | None:
        """Writes the changes made since the last call; returns the future of the last one that is not written yet."""
        cache = self._cache
        if not self.is_serving or cache.is_ahead:
            return self._last
        blocks, sequence = cache.core.take_changes()
        if cache.core.file_error is not None or (blocks and cache.retired is not None):
            # Not collected for lack of memory, or too late: the cache is being reset, dropped or moved.
            cache.is_ahead = True
        elif blocks:
            self._write(blocks, sequence)
        return self._last

    def _write(self, blocks: list[bytes], sequence: int) -> None:
        cache = self._cache
        assert cache.journal is not None
        for number, block in enumerate(blocks, start=1):
            confirmed = sequence if number == len(blocks) else 0
            written = partial(self._on_written, len(block), confirmed)
            self._last = cache.journal.append_made(cache.name, CHANGED_NUMBER, time.time_ns(), block, written)
            self._last.add_done_callback(self._on_done)

    def _on_written(self, size: int, confirmed: int, record: int) -> None:
        self._cache.sequence = record
        self._cache.bytes_since_checkpoint += size
        if confirmed:
            self.confirmed = confirmed
            self._cache.notify_confirmed()

    def _on_done(self, written: asyncio.Future[None]) -> None:
        if written is self._last and not written.exception():
            self._last = None
        elif written.exception() is not None and not self._cache.is_ahead:
            self._cache.is_ahead = True
            self._reload()

    def pending(self) -> asyncio.Future[None] | None:
        """Writes the changes made so far; returns the future of the last one unless it is written.

        Raises the cache's error if the memory is ahead of the journal.
        """
        last = self.write()
        if self._cache.is_ahead:
            raise self._cache.retired or _loading(self._cache.name)
        return last

    async def settle(self) -> None:
        """Returns when all changes made so far are in the journal. Raises the error of the last one."""
        if (last := self.pending()) is not None:
            await asyncio.shield(last)

    def answer(self, row: Row, outcome: Answer | AlphaForgeError) -> Answer:
        """The outcome of a call that was evaluated, once all that it saw is in the journal."""
        if isinstance(outcome, asyncio.Future):
            return asyncio.ensure_future(self._answer_later(row, outcome))
        if (last := self.pending()) is not None:
            return asyncio.ensure_future(self._answer(row, outcome, last))
        return _result(outcome)

    async def _answer_later(self, row: Row, outcome: asyncio.Future[bytes]) -> bytes:
        answer: bytes | AlphaForgeError
        try:
            answer = await settled(outcome)
        except AlphaForgeError as error:
            answer = error
        try:
            last = self.pending()
        except AlphaForgeError as error:
            raise self._failure(row, error) from error
        return _result(answer) if last is None else await self._answer(row, answer, last)

    async def _answer(self, row: Row, outcome: bytes | AlphaForgeError, last: asyncio.Future[None]) -> bytes:
        try:
            await asyncio.shield(last)
        except AlphaForgeError as error:
            raise self._failure(row, error) from error
        return _result(outcome)

    def _failure(self, row: Row, error: AlphaForgeError) -> AlphaForgeError:
        """The error for a call whose changes, or those that it saw, are not in the journal for certain."""
        # The changes of a long call are in several records.
        if row.role is not Role.READ and (error.reason == "OUTCOME_UNKNOWN" or row.runs is not Runs.LOOP):
            return _unknown(error)
        return self._cache.retired or _loading(self._cache.name)


def _result(outcome: bytes | AlphaForgeError) -> bytes:
    if isinstance(outcome, AlphaForgeError):
        raise outcome
    return outcome


def _unknown(error: AlphaForgeError) -> Unavailable:
    return Unavailable(
        f"this call may or may not be in the journal, or a part of it ({error}); repeat it", reason="OUTCOME_UNKNOWN"
    )


def _loading(name: str) -> Unavailable:
    return Unavailable(
        f"nothing was done: cache {name!r} is being loaded from its journal; retry in a moment", reason="UNAVAILABLE"
    )


class _EntriesFile:
    """The entries of a cache in a temporary file: the core's part of a checkpoint."""

    longest_hold_ns = 0
    checksum = 0

    def __init__(self, file: int) -> None:
        self._file = file
        os.lseek(file, 0, os.SEEK_SET)

    def read(self, bytes_max: int) -> bytes:
        """The next piece, empty after the last one."""
        return os.read(self._file, bytes_max)

    def end(self) -> None:
        """Does nothing: the file is closed by its owner."""
