"""The first answers of drops, stored in the journals for callers that repeat the drop after a restart.

Without the answer, a repeat would drop the next engine of that name. The answer is the only record in the dropped
engine's stream, until it expires like any first answer, or the next engine of that name takes it over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge.journal.v1.inputs_pb2 import EngineDropped
from alphaforge_core.errors import AlphaForgeError

from services.engines.answers import ANSWER_SECONDS
from services.engines.engine import DROPPED_NUMBER, NamedEngine
from services.journal.journal import Journal

__all__ = ["Drops"]

_logger = logging.getLogger("services.registry")


class _Drop(NamedTuple):
    journal: Journal
    first_answer: bytes


class Drops:
    """The drops of one registry. `is_free` tells whether no engine has that name; the lock `changing` guards it."""

    def __init__(self, changing: asyncio.Lock, is_free: Callable[[str], bool]) -> None:
        self._changing = changing
        self._is_free = is_free
        self._drops: dict[str, _Drop] = {}
        self._forgetting: set[asyncio.Task[None]] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._drops

    def read(self, journal: Journal, name: str, record: bytes) -> None:
        """Restores a drop from its record in a journal."""
        self._drops[name] = _Drop(journal, EngineDropped.FromString(record).first_answer)

    async def keep(self, journal: Journal, name: str, first_answer: bytes) -> None:
        """Writes the first answer of a completed drop."""
        if not first_answer:
            return
        record = EngineDropped(first_answer=first_answer).SerializeToString()
        try:
            await journal.append(name, DROPPED_NUMBER, time.time_ns(), record, lambda _sequence: None)
        except AlphaForgeError as error:
            # The engine is dropped; only a repeat after a restart won't get the first answer.
            _logger.warning("a drop is not kept", extra={"engine": name, "reason": str(error)})
        else:
            self._drops[name] = _Drop(journal, first_answer)
            self._forget_later(name)

    def hand_over(self, engine: NamedEngine) -> None:
        """Hands the answer to the next engine of that name, whose checkpoints replace the record."""
        if engine.name in self._drops:
            engine.keep_answer(self._drops[engine.name].first_answer)

    def answers(self) -> list[FirstAnswer]:
        """Returns the first answers that were read, and forgets each after a minute."""
        for name in self._drops:
            self._forget_later(name)
        return [FirstAnswer.FromString(each.first_answer) for each in self._drops.values()]

    def close(self) -> None:
        """Stops forgetting: the journals keep their records until the next start."""
        for task in self._forgetting:
            task.cancel()

    def _forget_later(self, name: str) -> None:
        task = asyncio.ensure_future(self._forget(name, self._drops[name]))
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    async def _forget(self, name: str, drop: _Drop) -> None:
        await asyncio.sleep(ANSWER_SECONDS)
        async with self._changing:
            if self._drops.get(name) is not drop:
                return
            del self._drops[name]
            if self._is_free(name):
                with suppress(AlphaForgeError):
                    await drop.journal.drop(name)
