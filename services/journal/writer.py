"""The thread that writes the journal's batches to its store, and prunes and marks the store in between."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from queue import Empty, SimpleQueue

from alphaforge_core.errors import AlphaForgeError, EngineError, Unavailable

from services.journal.store import Append, JournalStore, OutcomeUnknown, ThreadedStore
from services.journal.waiting import Work

__all__ = ["Writer", "refused"]

# How often the position of each stream is recorded for a later start.
_MARK_SECONDS = 1.0

# How long callers wait for a write whose outcome is unknown, and how often it is checked meanwhile.
_SETTLE_SECONDS, _SETTLE_PAUSE_SECONDS = 1.0, 0.05

_ENTRY = itemgetter(0)


class Writer:
    """Writes one batch at a time."""

    def __init__(
        self, store: JournalStore, report: Callable[[list[Work], list[int], AlphaForgeError | None], None]
    ) -> None:
        """`report` is called on `loop` after each batch, with the sequences of its entries, or with its error."""
        self._store = store
        self._report = report
        self.loop: asyncio.AbstractEventLoop | None = None
        self._marked_at = time.monotonic()
        self._idle_seconds = 0.0  # after which the thread prunes
        self._batches: SimpleQueue[list[Work] | None] = SimpleQueue()
        self.begin: Callable[[list[Work]], object] = self._batches.put
        """Passes a batch to the thread, or to the store's own thread if it has one."""
        if isinstance(store, ThreadedStore):
            self.begin = partial(self._begin_in_store, store)
        self._settle_seconds = _SETTLE_SECONDS if store.limits is None else 0.0
        self._thread = threading.Thread(target=self._write_batches, name="journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, after the batches that it has."""
        self._batches.put(None)
        self._thread.join()

    def _begin_in_store(self, store: ThreadedStore, batch: list[Work]) -> None:
        store.begin_write(list(map(_ENTRY, batch)), partial(self._finish, batch))

    def _write_batches(self, *, while_copying: bool = False) -> None:
        """Writes batches until the journal is closed. `while_copying`: writes only the batches that wait."""
        while True:
            try:
                batch = self._batches.get(timeout=0.0 if while_copying else self._idle_seconds)
            except Empty:
                if while_copying:
                    return
                self._store.prune()
                self._idle_seconds = 0.0 if self._store.has_superfluous else _MARK_SECONDS
            else:
                if batch is None:
                    if while_copying:
                        # Closing waits until the copy is complete.
                        self._batches.put(None)
                    return
                try:
                    sequences = self._store.write(list(map(_ENTRY, batch)))
                except Exception as failure:
                    # For any error, callers are answered, and the thread continues.
                    self._finish(batch, [], failure)
                else:
                    # _finish(), inlined: this runs on every call.
                    if not isinstance(batch[-1].entry, Append):
                        self._idle_seconds = 0.0
                    assert self.loop is not None
                    self.loop.call_soon_threadsafe(self._report, batch, sequences, None)
            if not while_copying and time.monotonic() >= self._marked_at + _MARK_SECONDS:
                self._store.note_progress()
                self._store.answer_backup_request(partial(self._write_batches, while_copying=True))
                self._marked_at = time.monotonic()

    def _finish(self, batch: list[Work], sequences: list[int], failure: Exception | None) -> None:
        """Tells the event loop the result of a batch, from the thread that wrote it."""
        error: AlphaForgeError | None = None
        if isinstance(failure, OutcomeUnknown):
            error = self._settled(failure)
        elif failure is not None:
            error = refused(str(failure))
        if not isinstance(batch[-1].entry, Append):
            # Checkpoints and drops leave something to prune.
            self._idle_seconds = 0.0
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self._report, batch, sequences, error)

    def _settled(self, failure: OutcomeUnknown) -> AlphaForgeError:
        """The error for callers of a batch whose outcome is unknown."""
        until = time.monotonic() + self._settle_seconds
        while time.monotonic() < until:
            if self._store.settle():
                return refused(str(failure))
            time.sleep(_SETTLE_PAUSE_SECONDS)
        return Unavailable(
            f"the journal failed during this write ({failure}): the change may or may not survive a restart; repeat "
            "the call",
            reason="OUTCOME_UNKNOWN",
        )


def refused(why: str) -> EngineError:
    """The error for callers of a batch that was not written."""
    return EngineError(f"nothing was done: the journal can't be written: {why}", reason="JOURNAL_FAILED")
