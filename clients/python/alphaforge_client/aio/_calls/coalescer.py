"""Coalesces concurrent single calls into batches. Written by hand twice: tasks and threads wait differently."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Generic, TypeVar

from alphaforge_client.aio._grpc.transport import scope
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, InvalidArgument

__all__ = ["Coalescer"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# A call with less than this share of its timeout left isn't sent: its batch would time out at its deadline and fail
# the other calls of the batch.
_SPARE_SHARE = 0.2


class Coalescer(Generic[Item, Answer]):
    """Sends a single call immediately; calls that arrive meanwhile are then sent together as one batch.

    `one` sends a single item; `many` sends a batch within the given seconds and returns one answer per item, in order.
    All calls have the same timeout, so none waits longer for the previous one than its own deadline allows.
    """

    def __init__(
        self,
        one: Callable[[Item], Awaitable[Answer]],
        many: Callable[[Sequence[Item], float], Awaitable[Sequence[Answer]]],
        timeout: float,
        items_max: int,
    ) -> None:
        self._one = one
        self._many = many
        self._timeout = timeout
        self._items_max = items_max
        self._scope: object = None
        self._is_busy = False
        self._waiting: deque[tuple[Item, float, asyncio.Future[Answer]]] = deque()
        self._flight: asyncio.Task[None] | None = None

    async def call(self, item: Item) -> Answer:
        """The answer to the item, alone or in a batch."""
        if self._scope is not scope():
            # Calls that waited in another event loop were lost with that loop.
            self._scope, self._is_busy, self._waiting = scope(), False, deque()
        if self._is_busy:
            future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._waiting.append((item, monotonic() + self._timeout, future))
            return await future
        self._is_busy = True
        try:
            return await self._one(item)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        """Sends the next batch in its own task: cancelling one caller must not cancel the batch for the others."""
        batch: list[tuple[Item, float, asyncio.Future[Answer]]] = []
        earliest_end = monotonic() + self._timeout * _SPARE_SHARE
        while self._waiting and len(batch) < self._items_max:
            waiter = self._waiting.popleft()
            _, ends, future = waiter
            if future.done():
                continue
            if ends > earliest_end:
                batch.append(waiter)
            else:
                message = "earlier calls took the whole timeout; nothing was sent"
                future.set_exception(DeadlineExceeded(message, reason="DEADLINE_EXCEEDED"))
        if batch:
            self._flight = asyncio.create_task(self._send(batch))
        else:
            self._is_busy = False

    async def _send(self, batch: list[tuple[Item, float, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._many([item for item, _, _ in batch], batch[0][1] - monotonic())
        except InvalidArgument:
            # One invalid item fails the whole batch, so each item is sent on its own.
            await asyncio.gather(*(self._settle(item, future) for item, _, future in batch))
        except BaseException as error:
            for _, _, future in batch:
                if not future.done():
                    future.set_exception(copy.copy(error) if isinstance(error, AlphaForgeError) else error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, _, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        finally:
            self._pass_on()

    async def _settle(self, item: Item, future: asyncio.Future[Answer]) -> None:
        try:
            answer = await self._one(item)
        except AlphaForgeError as error:
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(answer)
