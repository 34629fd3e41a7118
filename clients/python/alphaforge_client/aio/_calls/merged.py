"""Several subscriptions read side by side. Handwritten for threads and for tasks, which wait and end differently."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

from alphaforge_client.aio._calls.subscription import Subscription

__all__ = ["Item", "Merged"]

_WAITING_MAX = 10_000


class Item(NamedTuple):
    """An event, its subscription's name, its id within the subscription, and the token to resume after it."""

    name: str
    event: Any
    mark: str
    token: str | None


class Merged:
    """Reads subscriptions side by side in a `with` block, each in its own order. Entering the block creates them."""

    def __init__(self, subscriptions: Callable[[], Mapping[str, Subscription[Any]]]) -> None:
        self._subscriptions = subscriptions
        self._waiting: asyncio.Queue[Item | BaseException | None] = asyncio.Queue(_WAITING_MAX)
        self._is_stopping = False
        self._stack = AsyncExitStack()
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            for name, subscription in self._subscriptions().items():
                await self._stack.enter_async_context(subscription)
                self._readers.append(asyncio.create_task(self._read(name, subscription)))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._stack.aclose()

    async def next(self) -> Item | None:
        """The next event; None after stop(). Raises the error of a failed subscription."""
        if self._is_stopping:
            return None
        item = await self._waiting.get()
        if isinstance(item, BaseException):
            raise item
        return None if self._is_stopping else item

    def stop(self) -> None:
        """Makes next() return None."""
        self._is_stopping = True
        if not self._waiting.full():
            self._waiting.put_nowait(None)

    async def _read(self, name: str, subscription: Subscription[Any]) -> None:
        try:
            async for event in subscription:
                await self._waiting.put(Item(name, event, subscription.mark, subscription.token))
        except Exception as error:
            await self._waiting.put(error)
