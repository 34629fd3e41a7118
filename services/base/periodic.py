"""Periodic background work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

__all__ = ["Periodic"]

_logger = logging.getLogger("services.periodic")


class Periodic:
    """Calls `look` immediately and then every `seconds`, between `start` and `stop`.

    Errors are logged and don't stop it.
    """

    def __init__(self, seconds: float, look: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._look = look
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts."""
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Stops, cancelling the current run if there is one."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                _logger.exception("failed", extra={"work": getattr(self._look, "__qualname__", repr(self._look))})
            await asyncio.sleep(self._seconds)
