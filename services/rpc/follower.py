"""Following a stream of the data service for as long as it is needed."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import ClassVar

import grpc
from alphaforge_core.errors import AlphaForgeError

from services.rpc.peer import Peer

__all__ = ["PAUSE_SECONDS_FIRST", "PAUSE_SECONDS_MAX", "Follower"]

PAUSE_SECONDS_FIRST = 0.05
PAUSE_SECONDS_MAX = 1.0


class Follower:
    """Follows a stream, and subscribes again when the stream ends or fails.

    Subscribes again at once if a message arrived since the last attempt, otherwise after growing pauses.
    """

    SOURCE: ClassVar[str]
    """The source of the stream, as named in the log."""

    def __init__(self, engine_name: str, logger: logging.Logger) -> None:
        self.heard = time.monotonic()
        """When the last message arrived, by the monotonic clock."""
        self.is_over = False
        """Whether nobody needs the stream any more."""
        self._engine_name = engine_name
        self._logger = logger

    @property
    def peer(self) -> Peer:
        """The data service to follow."""
        raise NotImplementedError

    async def follow(self) -> None:
        """Reads the stream to its end. Raises TimeoutError, AioRpcError and AlphaForgeErrors."""
        raise NotImplementedError

    async def explain(self, error: grpc.aio.AioRpcError) -> None:
        """Decides what the end of the stream means."""
        raise NotImplementedError

    def begin_again(self) -> None:
        """Called before the stream is subscribed to again."""

    async def run(self) -> None:
        """Follows the stream until it is over."""
        pause = PAUSE_SECONDS_FIRST
        while True:
            before = self.heard
            try:
                await self.follow()
            except grpc.aio.AioRpcError as error:
                await self.explain(error)
            except AlphaForgeError as error:
                if not self.is_over:
                    self.warn(f"{self.SOURCE} can't be followed", reason=str(error))
            except TimeoutError:
                self.warn(f"{self.SOURCE} is silent")
            if self.is_over:
                return
            self.begin_again()
            # The stream may have ended because the primary of the data service failed.
            await self.peer.find_primary()
            pause = PAUSE_SECONDS_FIRST if self.heard > before else min(2 * pause, PAUSE_SECONDS_MAX)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    def warn(self, message: str, **extra: object) -> None:
        """Logs a warning about this engine's stream."""
        self._logger.warning(message, extra={"engine": self._engine_name, **extra})

    def warn_refused(self, error: grpc.aio.AioRpcError, reason: str) -> None:
        """Logs that the stream was refused."""
        self.warn(f"{self.SOURCE} can't be subscribed to", status=error.code().name, reason=reason or error.details())
