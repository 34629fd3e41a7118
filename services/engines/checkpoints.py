"""Decides when engines are checkpointed, which limits journals and the time of recovery."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from alphaforge_core.errors import AlphaForgeError

from services.base.periodic import Periodic
from services.engines.engine import NamedEngine

__all__ = ["CheckpointStatistics", "Checkpoints"]

_LOOK_SECONDS = 0.5

_logger = logging.getLogger("services.checkpoints")


class CheckpointStatistics(NamedTuple):
    """Since the start: the longest time a checkpoint held an engine's lock, and the number of restarted checkpoints."""

    longest_hold_seconds: float
    restarts: int


class Checkpoints(Periodic):
    """Checkpoints an engine once its inputs since the last checkpoint reach `after_bytes` and that checkpoint's size.

    So writing checkpoints costs at most as much as writing inputs. Also checkpoints inputs older than `after_seconds`.
    """

    def __init__(self, engines: Callable[[], Sequence[NamedEngine]], after_bytes: int, after_seconds: float) -> None:
        super().__init__(_LOOK_SECONDS, self._look_after_all)
        self._engines = engines
        self._after_bytes = after_bytes
        self._after_seconds = after_seconds
        self._sizes: dict[NamedEngine, int] = {}
        self._clean_at: dict[NamedEngine, float] = {}
        self._longest_hold_ns = 0
        self._restarts = 0

    def statistics(self) -> CheckpointStatistics:
        """The statistics of checkpoints since the start."""
        return CheckpointStatistics(self._longest_hold_ns / 1e9, self._restarts)

    async def finish(self) -> None:
        """Stops, and checkpoints every changed engine, so that the next start has nothing to replay."""
        await self.stop()
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
            written = await engine.checkpoint()
        except AlphaForgeError as error:
            # The journal still has the inputs; retried once there are more.
            _logger.warning("no checkpoint", extra={"engine": engine.name, "reason": str(error)})
        else:
            self._sizes[engine] = written.size
            self._longest_hold_ns = max(self._longest_hold_ns, written.longest_hold_ns)
            self._restarts += written.attempts - 1
            _logger.info("checkpoint", extra={"engine": engine.name, "bytes": written.size})
