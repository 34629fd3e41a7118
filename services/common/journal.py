"""The write-ahead journal: an engine's inputs, committed before they are applied.

Engines are deterministic: the same inputs in the same order give the same state and the same answers. So the journal
keeps inputs, and recovery is the last checkpoint followed by the inputs after it. An input is applied only once it is
written, in the order in which it was written; a failed write therefore changes nothing, and nobody ever reads a state
that a crash could undo.

Commits are shared. While one transaction is being written, whatever arrives waits and makes the next one: a lone
caller pays for one sync, and a thousand callers at once pay for one too.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from alphaforge_core.errors import EngineError, ResourceExhausted

from services.common.journal_file import Append, Checkpoint, Drop, Durability, Entry, JournalFile, Record, Store

__all__ = ["Checkpoint", "Durability", "Journal", "JournalStatistics", "Record"]

_logger = logging.getLogger("services.journal")

T = TypeVar("T")

WAITING_RECORDS_MAX = 100_000
WAITING_BYTES_MAX = 256 << 20


class JournalStatistics(NamedTuple):
    """Counts since the journal was opened, and `held_bytes`: what its records and checkpoints amount to now."""

    commits: int
    records: int
    record_bytes: int
    failures: int
    waiting: int
    held_bytes: int
    checkpoints: int


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be written, what is to be done then, and who waits for it."""

    entry: Entry
    apply: Callable[[int], Any]
    done: asyncio.Future[Any]


class Journal:
    """Streams of records in one file, one stream an engine. Four verbs: `append`, `replay`, `checkpoint`, `drop`.

    Belongs to one event loop; the file belongs to one process. Raises what JournalFile raises.
    """

    def __init__(self, path: Path, durability: Durability, *, size_bytes_max: int = 16 << 30) -> None:
        self._path = path
        self._size_bytes_max = size_bytes_max
        self._waiting: list[_Work] = []
        self._waiting_bytes = 0
        self._writing = False
        self._commits = self._records = self._record_bytes = self._failures = self._checkpoints = 0
        self._failure: str | None = None
        self._file = JournalFile(path, durability)
        self._batches: SimpleQueue[list[_Work] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._write_batches, name="journal", daemon=True)
        self._writer.start()

    # --- Recovery: before the first append.

    @property
    def may_have_lost(self) -> bool:
        """Whether acknowledged inputs may be missing: the machine went down, and OS promises less."""
        return self._file.may_have_lost

    def streams(self) -> list[str]:
        """The streams that have records or a checkpoint, sorted."""
        return self._file.streams()

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, where it has one, then every record after it, in order.

        Raises EngineError JOURNAL_DAMAGED at a record whose checksum is wrong or that is missing.
        """
        return self._file.replay(stream)

    # --- Writing: the event loop's side.

    @property
    def failure(self) -> str | None:
        """Why the last commit failed, None once one succeeds."""
        return self._failure

    def statistics(self) -> JournalStatistics:
        """What was written since the journal was opened, and what it holds now."""
        return JournalStatistics(
            commits=self._commits,
            records=self._records,
            record_bytes=self._record_bytes,
            failures=self._failures,
            waiting=len(self._waiting),
            held_bytes=self._file.held_bytes,
            checkpoints=self._checkpoints,
        )

    def append(
        self, stream: str, kind: int, time_ns: int, payload: bytes, apply: Callable[[int], T]
    ) -> asyncio.Future[T]:
        """Writes an input; once it is committed, calls `apply` in the event loop, in the order of the journal.

        `apply` is given the input's sequence. The future has what it returns or raises; it raises EngineError
        JOURNAL_FAILED, with nothing applied, where the write failed. Raises ResourceExhausted at once: JOURNAL_BACKLOG
        where too much waits, JOURNAL_FULL at the size limit.
        """
        if len(self._waiting) >= WAITING_RECORDS_MAX or self._waiting_bytes + len(payload) > WAITING_BYTES_MAX:
            raise ResourceExhausted(
                f"{len(self._waiting):,} inputs wait for the disk already; send again in a moment",
                reason="JOURNAL_BACKLOG",
            )
        if self._file.held_bytes + self._waiting_bytes + len(payload) > self._size_bytes_max:
            raise ResourceExhausted(
                f"{self._path} holds {self._file.held_bytes:,} bytes, the most it may; "
                "raise journal_size_bytes_max or drop engines",
                reason="JOURNAL_FULL",
            )
        self._waiting_bytes += len(payload)
        return self._enqueue(Append(stream, kind, time_ns, payload), apply)

    def checkpoint(self, stream: str, sequence: int, state: bytes) -> asyncio.Future[None]:
        """Stores the engine's state after the input `sequence`; the inputs up to it are forgotten by and by."""
        return self._enqueue(Store(stream, Checkpoint(sequence, state)))

    def drop(self, stream: str) -> asyncio.Future[None]:
        """Forgets a stream and everything in it."""
        return self._enqueue(Drop(stream))

    async def close(self) -> None:
        """Writes what waits, then closes the file: all of it is then on the disk."""
        while self._writing:
            await asyncio.sleep(0.001)
        self._batches.put(None)
        await asyncio.to_thread(self._writer.join)
        try:
            self._file.close()
        except sqlite3.Error as error:
            # As after a kill: what was acknowledged is there.
            _logger.error("not closed in order", extra={"journal": str(self._path), "reason": str(error)})

    def _enqueue(self, entry: Entry, apply: Callable[[int], Any] = lambda _sequence: None) -> asyncio.Future[Any]:
        self._loop = asyncio.get_running_loop()
        work = _Work(entry, apply, self._loop.create_future())
        self._waiting.append(work)
        if not self._writing:
            self._hand_over()
        return work.done

    def _hand_over(self) -> None:
        self._writing = bool(self._waiting)
        if self._writing:
            batch, self._waiting = self._waiting, []
            self._waiting_bytes = 0
            self._batches.put(batch)

    def _on_written(self, batch: list[_Work], sequences: list[int], error: str | None) -> None:
        # The next batch goes to the disk while this one is applied.
        self._failure = error
        self._hand_over()
        for work, sequence in zip(batch, sequences, strict=True):
            if error is not None:
                message = f"nothing was done: the journal can't be written: {error}"
                self._answer(work.done, EngineError(message, reason="JOURNAL_FAILED"))
            else:
                self._apply(work, sequence)

    def _apply(self, work: _Work, sequence: int) -> None:
        # Applied whether or not anybody still waits: it is in the journal, and a restart would apply it too.
        try:
            answer = work.apply(sequence)
        except Exception as error:
            answer = error
        self._answer(work.done, answer)

    @staticmethod
    def _answer(done: asyncio.Future[Any], answer: Any) -> None:
        if done.cancelled():
            return
        if isinstance(answer, Exception):
            done.set_exception(answer)
        else:
            done.set_result(answer)

    # --- Writing: the writer thread's side.

    def _write_batches(self) -> None:
        while (batch := self._next_batch()) is not None:
            try:
                sequences, error = self._file.write([work.entry for work in batch]), None
                self._count(batch)
            except Exception as failure:
                # Whatever it is: who waits is told, and the thread lives.
                self._failures += 1
                sequences, error = [0] * len(batch), str(failure)
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._on_written, batch, sequences, error)

    def _next_batch(self) -> list[_Work] | None:
        """What is to be written next; as long as nothing is, the superfluous goes."""
        while self._file.has_superfluous:
            try:
                return self._batches.get_nowait()
            except Empty:
                self._file.prune()
        return self._batches.get()

    def _count(self, batch: list[_Work]) -> None:
        sizes = [len(work.entry.payload) for work in batch if isinstance(work.entry, Append)]
        self._commits += 1
        self._records += len(sizes)
        self._record_bytes += sum(sizes)
        self._checkpoints += sum(isinstance(work.entry, Store) for work in batch)
