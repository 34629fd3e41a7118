"""The wall clock as market time, for engines that want it so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from alphaforge_core.errors import AlphaForgeError

from services.common.engine import Input, NamedEngine
from services.common.periodic import Periodic

__all__ = ["LiveClock"]

_LOOK_SECONDS = 0.05

# Between two steps an engine is told the time once a second: all that happens there is that it grows older.
_TOLD_NS = 1_000_000_000

N = TypeVar("N", bound=NamedEngine)


class LiveClock(Periodic, Generic[N]):
    """Tells engines with the setting `live_clock` the time, `close_grace_ns` late, through their input `advance_time`.

    Told is what they must hear: that a step has ended (`NamedEngine.step_at`), or that a second has passed; each
    is an input that is journalled.
    """

    def __init__(
        self, engines: Callable[[], Sequence[N]], advance_time: Input[N, Any, Any], message: type[Any]
    ) -> None:
        super().__init__(_LOOK_SECONDS, self._tell_all)
        self._engines = engines
        self._advance_time = advance_time
        self._message = message
        self._told: dict[N, int] = {}

    async def _tell_all(self) -> None:
        engines = [engine for engine in self._engines() if engine.settings["live_clock"]]
        self._told = {engine: self._told[engine] for engine in engines if engine in self._told}
        now = time.time_ns()
        await asyncio.gather(*(self._tell(engine, now - engine.settings["close_grace_ns"]) for engine in engines))

    async def _tell(self, engine: N, now_ns: int) -> None:
        told = self._told.get(engine)
        if told is not None and now_ns - told < _TOLD_NS and engine.step_at(now_ns) == engine.step_at(told):
            return
        with suppress(AlphaForgeError):
            # Refused while the disk is: the next look tries again.
            await engine.take(self._advance_time, self._message(now_ns=max(0, now_ns)).SerializeToString())
            self._told[engine] = now_ns
