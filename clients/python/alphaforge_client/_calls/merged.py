"""Several subscriptions read side by side. Handwritten for threads and for tasks, which wait and end differently."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from queue import Queue
from types import TracebackType
from typing import Any, NamedTuple, Self

from alphaforge_client._calls.subscription import Subscription

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
        self._waiting: Queue[Item | BaseException | None] = Queue(_WAITING_MAX)
        self._is_stopping = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Subscriptions are closed last to first, then their threads finish.
            for name, subscription in self._subscriptions().items():
                stack.enter_context(subscription)
                threading.Thread(
                    target=self._read, args=(name, subscription), name=f"alphaforge-{name}", daemon=True
                ).start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def next(self) -> Item | None:
        """The next event; None after stop(). Raises the error of a failed subscription."""
        if self._is_stopping:
            return None
        item = self._waiting.get()
        if isinstance(item, BaseException):
            raise item
        return None if self._is_stopping else item

    def stop(self) -> None:
        """Makes next() return None."""
        self._is_stopping = True
        if not self._waiting.full():
            self._waiting.put_nowait(None)

    def _read(self, name: str, subscription: Subscription[Any]) -> None:
        try:
            for event in subscription:
                self._waiting.put(Item(name, event, subscription.mark, subscription.token))
        except BaseException as error:
            self._waiting.put(error)
