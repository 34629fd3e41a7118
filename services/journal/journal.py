"""The write-ahead journal: an engine's inputs, committed before they are applied.

Engines are deterministic: the same inputs in the same order give the same state and the same answers. So the journal
keeps inputs, and recovery restores the last checkpoint and replays the inputs after it. An input is applied only after
it is written, in the order of writes; a failed write therefore changes nothing, and nobody reads a state that a crash
could undo.

Commits are grouped. While one transaction is being written, arriving inputs wait for the next one: a single caller pays
for one sync, and so do a thousand concurrent callers.

A write has three outcomes. It is written, and then applied. It is refused: nothing was done, now or after a restart. Or
it is unknown: callers get OUTCOME_UNKNOWN, and nothing more is written until the store has determined the outcome.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple, TypeVar

from alphaforge_core.errors import AlphaForgeError, InvalidArgument, ResourceExhausted, Unavailable

from services.journal.store import (
    PART_BYTES_MAX,
    Append,
    Checkpoint,
    Commit,
    Drop,
    Durability,
    JournalStore,
    Limits,
    Manifest,
    Move,
    Record,
)
from services.journal.waiting import FairWaiting, Waiting, Work
from services.journal.writer import Writer, refused

__all__ = ["Checkpoint", "Durability", "Journal", "JournalStatistics", "Record"]

_logger = logging.getLogger("services.journal")

T = TypeVar("T")

# How long written inputs are applied before other calls get a turn. A batch has up to WAITING_RECORDS_MAX.
_APPLY_SECONDS = 0.002


class JournalStatistics(NamedTuple):
    """Counts since the journal was opened, and `held_bytes`: the current size of its records and checkpoints."""

    commits: int
    records: int
    record_bytes: int
    failures: int
    waiting: int
    held_bytes: int
    checkpoints: int


class Journal:
    """Streams of records in one store, one per engine. Four verbs: `append`, `replay`, `checkpoint`, `drop`.

    Used on one event loop; the store belongs to one process. Raises the store's EngineErrors.
    """

    def __init__(self, store: JournalStore, *, size_bytes_max: int = 16 << 30) -> None:
        self._size_bytes_max = size_bytes_max
        self._writing = False
        # Entries written but not applied yet, with their sequence or error; and whether the next batch waits for them.
        self._written: deque[tuple[Work, int | AlphaForgeError]] = deque()
        self._is_behind = False
        self._checkpointing: set[asyncio.Future[int]] = set()
        self._commits = self._records = self._record_bytes = self._failures = self._checkpoints = 0
        self._failure: str | None = None
        self._store = store
        self._limits = store.limits
        self._waiting = Waiting() if self._limits is None else FairWaiting(self._limits)
        self._impatience: asyncio.TimerHandle | None = None
        self._is_late = False
        self._writer = Writer(store, self._on_written)
        self._begin = self._writer.begin

    # --- Recovery: before the first append.

    def may_have_lost(self, stream: str) -> bool:
        """Whether acknowledged inputs may be missing although nothing is damaged: the machine crashed under durability
        `os`."""
        return self._store.may_have_lost(stream)

    def streams(self) -> list[str]:
        """All streams, sorted, including those known to be missing, for which `replay` raises."""
        return self._store.streams()

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, if it has one, then every record after it, in order.

        Raises EngineError: JOURNAL_DAMAGED if something is missing or damaged, JOURNAL_VERSION if another release wrote
        it.
        """
        return self._store.replay(stream)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is waiting, being written or still to be applied."""
        return not self._writing and not self._written

    def ready(self) -> None:
        """Ends recovery: every stream is replayed, and the required new epochs have started."""
        self._store.ready()

    # --- Writing.

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; None once one succeeds."""
        return self._failure

    def statistics(self) -> JournalStatistics:
        """The counts since the journal was opened, and its size."""
        return JournalStatistics(
            commits=self._commits,
            records=self._records,
            record_bytes=self._record_bytes,
            failures=self._failures,
            waiting=self._waiting.count,
            held_bytes=self._store.held_bytes,
            checkpoints=self._checkpoints,
        )

    def append(
        self, stream: str, kind: int, time_ns: int, payload: bytes, apply: Callable[[int], T]
    ) -> asyncio.Future[T]:
        """Writes an input; once it is committed, calls `apply` on the event loop, in the order of the journal.

        `apply` gets the input's sequence, and the future gets its result or exception. If the write fails, nothing is
        applied and the future raises EngineError JOURNAL_FAILED. Raises ResourceExhausted immediately: JOURNAL_BACKLOG
        if too much is waiting, JOURNAL_FULL at the size limit. Also raises if a store with limits refuses the input.
        """
        self.check(stream, len(payload))
        return self._append(Append(stream, kind, time_ns, payload), apply, is_made=False)

    def append_made(
        self, stream: str, kind: int, time_ns: int, payload: bytes, apply: Callable[[int], T]
    ) -> asyncio.Future[T]:
        """The same for a change that the engine has already made, after a `check`: it is never refused for its size or
        because the journal is slow. If it fails, the engine's memory is ahead of the journal.
        """
        return self._append(Append(stream, kind, time_ns, payload), apply, is_made=True)

    def check(self, stream: str, size: int) -> None:
        """Raises the errors that `append` raises at once; `size` is that of the payload."""
        if self._limits is not None:
            self._check(self._limits, size)
        if self._waiting.count and not self._waiting.has_room(stream, size):
            raise ResourceExhausted(
                f"{self._waiting.count:,} inputs are already waiting for the disk; retry in a moment",
                reason="JOURNAL_BACKLOG",
            )
        if self._store.held_bytes + self._waiting.bytes + size > self._size_bytes_max:
            raise ResourceExhausted(
                f"{self._store} has {self._store.held_bytes:,} bytes, its maximum; raise "
                "journal_size_bytes_max or drop engines",
                reason="JOURNAL_FULL",
            )

    def _append(self, entry: Append, apply: Callable[[int], T], *, is_made: bool) -> asyncio.Future[T]:
        loop = self._writer.loop = asyncio.get_running_loop()
        work = Work(entry, apply, loop.create_future(), is_made)
        if self._writing:
            self._waiting.add(work)
        else:
            self._writing = True
            if self._limits is not None:
                self._refuse_waiting_later(self._limits)
            self._begin([work])
        return work.done

    def _check(self, limits: Limits, size: int) -> None:
        if (refusal := self._store.refusal) is not None:
            raise refusal
        if self._is_late:
            raise _late()
        if size > limits.record_bytes:
            raise InvalidArgument(
                f"the request has {size:,} bytes; {self._store} takes at most {limits.record_bytes:,}; "
                "send smaller batches",
                reason="LIMIT_EXCEEDED",
            )

    async def checkpoint(
        self, stream: str, sequence: int, state: Iterable[bytes], checksum: Callable[[], int] = lambda: 0
    ) -> int:
        """Stores the engine's state after the input `sequence`, given in parts; returns its size in bytes.

        `state` is read in a thread; an exception from it ends the checkpoint and changes nothing. `checksum` is called
        afterwards: it returns the state's checksum, which followers compare with theirs, or 0 if unknown. The parts are
        written in the background; the journal's writer only does one ordinary commit. The inputs up to `sequence` are
        removed some time later. Continues if its caller is cancelled.
        """
        work = asyncio.ensure_future(self._checkpoint(stream, sequence, state, checksum))
        self._checkpointing.add(work)
        work.add_done_callback(self._on_checkpoint)
        return await asyncio.shield(work)

    def _on_checkpoint(self, work: asyncio.Future[int]) -> None:
        self._checkpointing.discard(work)
        if not work.cancelled():
            # The caller may be gone; the error is ignored.
            work.exception()

    async def _checkpoint(self, stream: str, sequence: int, state: Iterable[bytes], checksum: Callable[[], int]) -> int:
        try:
            generation = self._store.checkpoint_begin(stream, sequence)
        except OSError as error:
            raise refused(str(error)) from None
        try:
            manifest = await asyncio.to_thread(self._write_parts, generation, state)
            await self._enqueue(Commit(stream, generation, sequence, manifest, checksum()))
        except OSError as error:
            self._store.checkpoint_abandon(generation)
            raise refused(str(error)) from None
        except BaseException:
            self._store.checkpoint_abandon(generation)
            raise
        return manifest.size

    def _write_parts(self, generation: int, state: Iterable[bytes]) -> Manifest:
        manifest = Manifest()
        for part in _parts(state):
            manifest = manifest.with_part(self._store.checkpoint_part(generation, manifest.parts, part))
        return manifest

    def drop(self, stream: str) -> asyncio.Future[None]:
        """Drops a stream with all its records. Raises immediately if a store with limits refuses the call."""
        if self._limits is not None:
            self._check(self._limits, 0)
        return self._enqueue(Drop(stream))

    def move(self, stream: str) -> asyncio.Future[None]:
        """Hands a stream over to the shard to which it moves, after all its inputs that wait here."""
        return self._enqueue(Move(stream))

    async def close(self) -> None:
        """Writes pending inputs to the disk and closes the store."""
        await asyncio.gather(*self._checkpointing, return_exceptions=True)
        while not self.is_idle:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(self._writer.close)
        try:
            self._store.close()
        except OSError as error:
            # As after a kill: acknowledged inputs are in the journal.
            _logger.error("not closed cleanly", extra={"journal": str(self._store), "reason": str(error)})

    def _enqueue(self, entry: Commit | Drop | Move) -> asyncio.Future[Any]:
        loop = self._writer.loop = asyncio.get_running_loop()
        work = Work(entry, _nothing, loop.create_future())
        self._waiting.add(work)
        if not self._writing:
            self._hand_over()
        return work.done

    def _hand_over(self) -> None:
        batch = self._waiting.take()
        self._writing = True
        if self._limits is not None:
            self._refuse_waiting_later(self._limits)
        self._begin(batch)

    def _refuse_waiting_later(self, limits: Limits) -> None:
        self._impatience = asyncio.get_running_loop().call_later(limits.patience_seconds, self._refuse_waiting)

    def _refuse_waiting(self) -> None:
        """Refuses the inputs behind a slow batch: their callers would have given up by the time they are written."""
        self._impatience = None
        self._is_late = True
        for work in self._waiting.take_all():
            if work.is_made:
                self._waiting.add(work)
            elif not work.done.cancelled():
                work.done.set_exception(_late())

    def _on_written(self, batch: list[Work], sequences: list[int], error: AlphaForgeError | None) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        self._is_late = False
        # The next batch is written while this one is applied; the one after that waits until this one is applied.
        self._is_behind = bool(self._written)
        if self._waiting.count and not self._is_behind:
            self._hand_over()
        elif not self._is_behind:
            self._writing = False
        if error is None:
            self._failure = None
            self._commits += 1
            self._written.extend(zip(batch, sequences, strict=True))
        else:
            self._failure = str(error)
            self._failures += 1
            self._written.extend(zip(batch, repeat(error)))
        if not self._is_behind:
            self._apply_written()

    def _apply_written(self) -> None:
        """Applies inputs in the order of the journal for _APPLY_SECONDS; the rest in the loop's next turn."""
        until = time.perf_counter() + _APPLY_SECONDS
        while self._written:
            work, outcome = self._written[0]
            entry, apply, done, _ = work
            if not isinstance(outcome, int):
                if not done.cancelled():
                    done.set_exception(outcome)
            else:
                if isinstance(entry, Append):
                    self._records += 1
                    self._record_bytes += len(entry.payload)
                elif isinstance(entry, Commit):
                    self._checkpoints += 1
                # Applied even if its caller is gone: it is in the journal, and a restart would apply it too.
                try:
                    answer = apply(outcome)
                except Exception as failure:
                    if not done.cancelled():
                        done.set_exception(failure)
                else:
                    if not done.cancelled():
                        done.set_result(answer)
            # Removed only now, so that the journal does not count as idle earlier.
            self._written.popleft()
            if time.perf_counter() >= until and self._written:
                asyncio.get_running_loop().call_soon(self._apply_written)
                return
        if self._is_behind:
            self._is_behind = False
            if self._waiting.count:
                self._hand_over()
            else:
                self._writing = False


def _nothing(_sequence: int) -> None:
    """Does nothing: for checkpoints and drops, which have nothing to apply."""


def _late() -> Unavailable:
    return Unavailable("nothing was done: the journal is slow to write; retry in a moment", reason="UNAVAILABLE")


def _parts(state: Iterable[bytes]) -> Iterator[list[memoryview]]:
    """Combines buffers of any size into parts of PART_BYTES_MAX (the last one smaller), without copying."""
    part: list[memoryview] = []
    room = PART_BYTES_MAX
    for each in state:
        piece = memoryview(each)
        while piece:
            part.append(piece[:room])
            piece, room = piece[room:], room - len(part[-1])
            if not room:
                yield part
                part, room = [], PART_BYTES_MAX
    if part:
        yield part
