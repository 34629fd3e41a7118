"""Concurrent single calls share batches. Written twice by hand: threads wait and wake differently from tasks."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

from alphaforge_client._grpc.transport import scope
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, EngineError, InvalidArgument

__all__ = ["Coalescer"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# A call with less than this share of its timeout left isn't sent: its batch would time out at its deadline and fail
# the other calls of the batch.
_SPARE_SHARE = 0.2


class _Waiter(Generic[Item, Answer]):
    """A waiting call; woken with its answer, or to send the next batch."""

    __slots__ = ("answer", "batch", "ends", "error", "item", "woken")

    def __init__(self, item: Item, ends: float) -> None:
        self.item = item
        self.ends = ends
        self.woken = threading.Lock()
        self.woken.acquire()
        self.batch: list[_Waiter[Item, Answer]] | None = None
        self.answer: Answer | None = None
        self.error: BaseException | None = None


class _Queue(Generic[Item, Answer]):
    """The calls in progress and waiting in one process; a forked child has none of these threads."""

    __slots__ = ("is_busy", "lock", "scope", "waiting")

    def __init__(self) -> None:
        self.scope = scope()
        self.lock = threading.Lock()
        self.is_busy = False
        self.waiting: deque[_Waiter[Item, Answer]] = deque()


class Coalescer(Generic[Item, Answer]):
    """Sends a single call immediately; calls that arrive meanwhile are then sent together as one batch.

    `one` sends a single item; `many` sends a batch within the given seconds and returns one answer per item, in order.
    All calls have the same timeout, so none waits longer for the previous one than its own deadline allows.
    """

    def __init__(
        self,
        one: Callable[[Item], Answer],
        many: Callable[[Sequence[Item], float], Sequence[Answer]],
        timeout: float,
        items_max: int,
    ) -> None:
        self._one = one
        self._many = many
        self._timeout = timeout
        self._items_max = items_max
        self._queue: _Queue[Item, Answer] = _Queue()

    def call(self, item: Item) -> Answer:
        """The answer to the item, alone or in a batch."""
        queue = self._queue
        if queue.scope is not scope():
            queue = self._queue = _Queue()
        with queue.lock:
            is_alone = not queue.is_busy
            if is_alone:
                queue.is_busy = True
            else:
                waiter: _Waiter[Item, Answer] = _Waiter(item, monotonic() + self._timeout)
                queue.waiting.append(waiter)
        if is_alone:
            try:
                return self._one(item)
            finally:
                self._pass_on(queue)
        waiter.woken.acquire()
        if waiter.batch is not None:
            self._lead(queue, waiter.batch, waiter)
        if waiter.error is not None:
            raise waiter.error
        return waiter.answer  # type: ignore[return-value]  # set where there is no error

    def _pass_on(self, queue: _Queue[Item, Answer]) -> None:
        """Makes the longest-waiting thread send the next batch."""
        late: list[_Waiter[Item, Answer]] = []
        with queue.lock:
            batch: list[_Waiter[Item, Answer]] = []
            earliest_end = monotonic() + self._timeout * _SPARE_SHARE
            while queue.waiting and len(batch) < self._items_max:
                waiter = queue.waiting.popleft()
                (batch if waiter.ends > earliest_end else late).append(waiter)
            if not batch:
                queue.is_busy = False
        for waiter in late:
            waiter.error = DeadlineExceeded(
                "earlier calls took the whole timeout; nothing was sent", reason="DEADLINE_EXCEEDED"
            )
            waiter.woken.release()
        if batch:
            batch[0].batch = batch
            batch[0].woken.release()

    def _lead(
        self,
        queue: _Queue[Item, Answer],
        batch: list[_Waiter[Item, Answer]],
        leader: _Waiter[Item, Answer],
    ) -> None:
        try:
            self._send(batch)
        except BaseException as error:
            for waiter in batch:
                waiter.error = _for_others(error)
            leader.error = error
        finally:
            self._pass_on(queue)
            for waiter in batch:
                if waiter is not leader:
                    waiter.woken.release()

    def _send(self, batch: list[_Waiter[Item, Answer]]) -> None:
        try:
            answers = self._many([waiter.item for waiter in batch], batch[0].ends - monotonic())
        except InvalidArgument:
            # One invalid item fails the whole batch, so each item is sent on its own.
            for waiter in batch:
                try:
                    waiter.answer = self._one(waiter.item)
                except AlphaForgeError as error:
                    waiter.error = error
        else:
            for waiter, answer in zip(batch, answers, strict=True):
                waiter.answer = answer


def _for_others(error: BaseException) -> BaseException:
    """A copy of the error for another thread, as a traceback grows with each raise; interrupts stay in their thread."""
    if isinstance(error, AlphaForgeError):
        return copy.copy(error)
    return EngineError(f"this call was part of a batch whose sender was interrupted by {error!r}", reason="CANCELLED")
