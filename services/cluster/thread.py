"""A candidate's thread for PostgreSQL, so that beats don't wait for engines, or engines for PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

__all__ = ["ClusterThread"]

T = TypeVar("T")


class ClusterThread:
    """An event loop in a separate thread."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True).start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a coroutine on the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def begin(self, work: Coroutine[Any, Any, T], nothing: T, done: Callable[[T, Exception | None], None]) -> None:
        """Starts a coroutine on the thread, which then calls `done` with the result, or `nothing` and the error."""

        async def run() -> None:
            try:
                result = await work
            except Exception as error:
                done(nothing, error)
            else:
                done(result, None)

        self._loop.call_soon_threadsafe(self._keep, run())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the thread and waits for it. Callable from any other thread."""
        return self.start(work).result()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Like `call`, from another event loop. The coroutine continues if the caller is cancelled."""
        return await asyncio.shield(asyncio.wrap_future(self.start(work)))

    async def each(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Yields, on another event loop, what a generator yields on the thread; closes it at the end."""
        turn = asyncio.Lock()

        async def following() -> T | None:
            async with turn:
                return await anext(items, None)

        async def close() -> None:
            async with turn:
                await items.aclose()

        try:
            while (item := await self.run(following())) is not None:
                yield item
        finally:
            self.start(close())
