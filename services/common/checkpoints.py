"""When engines are checkpointed: so that neither their journals nor their recovery grow for ever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic

from alphaforge_core.errors import AlphaForgeError

from services.common.engine import NamedEngine
from services.common.periodic import Periodic

__all__ = ["Checkpoints"]

_LOOK_SECONDS = 0.5

_logger = logging.getLogger("services.checkpoints")


class Checkpoints(Periodic):
    """Checkpoints an engine once its inputs since the last one take `after_bytes`, or as much as that one took.

    Writing states thus costs at most what writing the inputs costs. Inputs that are `after_seconds` old make one too.
    """

    def __init__(self, engines: Callable[[], Sequence[NamedEngine]], after_bytes: int, after_seconds: float) -> None:
        super().__init__(_LOOK_SECONDS, self._look_after_all)
        self._engines = engines
        self._after_bytes = after_bytes
        self._after_seconds = after_seconds
        self._sizes: dict[NamedEngine, int] = {}
        self._clean_at: dict[NamedEngine, float] = {}

    async def stop(self) -> None:
        """Checkpoints every engine that has changed, so that the next start has nothing to replay."""
        await super().stop()
        for engine in self._engines():
            if engine.journal is not None and engine.bytes_since_checkpoint:
                await self._checkpoint(engine)

    async def _look_after_all(self) -> None:
        engines = [engine for engine in self._engines() if engine.journal is not None]
        self._sizes = {engine: self._sizes.get(engine, 0) for engine in engines}
        now = monotonic()
        self._clean_at = {
            engine: self._clean_at.get(engine, now) if engine.bytes_since_checkpoint else now for engine in engines
        }
        for engine in engines:
            too_many = engine.bytes_since_checkpoint >= max(self._after_bytes, self._sizes[engine])
            if too_many or now - self._clean_at[engine] >= self._after_seconds:
                await self._checkpoint(engine)

    async def _checkpoint(self, engine: NamedEngine) -> None:
        try:
            self._sizes[engine] = size = await engine.checkpoint()
        except AlphaForgeError as error:
            # The inputs are kept; the next look tries again once there are more.
            _logger.warning("no checkpoint", extra={"engine": engine.name, "reason": str(error)})
        else:
            _logger.info("checkpoint", extra={"engine": engine.name, "bytes": size})
