"""The live clock: market time from the wall clock, for engines with the setting `live_clock`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from alphaforge_core.errors import AlphaForgeError

from services.base.periodic import Periodic
from services.engines.engine import NamedEngine

__all__ = ["LiveClock"]

_LOOK_SECONDS = 0.05

_SECOND_NS = 1_000_000_000

N = TypeVar("N", bound=NamedEngine)


class LiveClock(Periodic, Generic[N]):
    """Advances engines with the setting `live_clock` to the wall clock, less `close_grace_ns`.

    An engine is advanced when a step of its market time has ended (`NamedEngine.step_at`) or a second has passed. Each
    advance is a journalled input.
    """

    def __init__(self, engines: Callable[[], Sequence[N]]) -> None:
        super().__init__(_LOOK_SECONDS, self._advance_all)
        self._engines = engines
        self._advanced_ns: dict[N, int] = {}

    async def _advance_all(self) -> None:
        engines = [engine for engine in self._engines() if engine.settings["live_clock"]]
        self._advanced_ns = {engine: self._advanced_ns[engine] for engine in engines if engine in self._advanced_ns}
        now_ns = time.time_ns()
        await asyncio.gather(*(self._advance(engine, now_ns - engine.settings["close_grace_ns"]) for engine in engines))

    async def _advance(self, engine: N, now_ns: int) -> None:
        last_ns = self._advanced_ns.get(engine)
        if last_ns is not None and now_ns - last_ns < _SECOND_NS and engine.step_at(now_ns) == engine.step_at(last_ns):
            return
        request = engine.table["AdvanceTime"].request
        with suppress(AlphaForgeError):
            # If the disk refuses writes, this is retried at the next look.
            answer = await engine.take("AdvanceTime", request(now_ns=max(0, now_ns)))
            # An engine with more bars to close continues at the next look.
            if not engine.has_more(answer):
                self._advanced_ns[engine] = now_ns
