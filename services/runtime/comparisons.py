"""Compares the state of a follower's engines with the primary's, where the primary makes a checkpoint.

The primary notes after which input it has begun a checkpoint, and, with the checkpoint, a checksum of its state there.
A follower makes the checksum of its own state after the same input, while it continues. They differ if a release, a
machine or its memory computes something else from the same inputs.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

from services.cluster.records import Place
from services.engines.state import Overtaken, State

__all__ = ["Comparisons"]

_logger = logging.getLogger("services.cluster")


class _Begun(NamedTuple):
    stream: int
    sequence: int
    checksum: asyncio.Future[int | None]


class Comparisons:
    """The states that are to be compared, at most one of each engine. Used on the event loop."""

    def __init__(self) -> None:
        self._begun: dict[str, _Begun] = {}
        self._compared: dict[str, tuple[int, int]] = {}
        self.compared = 0
        self.differed = 0
        self.differing: set[str] = set()
        """Engines whose state differed when it was last compared. They have been loaded again since."""

    def forget(self) -> None:
        """Compares nothing of what has begun."""
        self._begun.clear()
        self._compared.clear()

    def begin(self, name: str, place: Place, engine: Any) -> None:
        """Notes the state of an engine that is where the primary makes a checkpoint, unless that was done."""
        here = place.id, engine.sequence
        begun = self._begun.get(name)
        if (begun is None or begun[:2] != here) and self._compared.get(name) != here:
            checksum = asyncio.ensure_future(asyncio.to_thread(_checksum_of, engine.state()))
            self._begun[name] = _Begun(*here, checksum)

    def differs(self, name: str, place: Place) -> bool:
        """Whether the state of the primary's last checkpoint is another one than this candidate's was there."""
        begun = self._begun.get(name)
        if begun is None or begun[:2] != (place.id, place.sequence) or not begun.checksum.done():
            return False
        del self._begun[name]
        self._compared[name] = begun[:2]
        checksum = begun.checksum.result()
        if checksum is None or not place.state:
            return False
        self.compared += 1
        if checksum == place.state:
            self.differing.discard(name)
            return False
        self.differed += 1
        self.differing.add(name)
        _logger.error(
            "the state differs from the primary's; loading it from the checkpoint",
            extra={"engine": name, "sequence": place.sequence},
        )
        return True


def _checksum_of(state: State) -> int | None:
    """The checksum; None if the engine changed too fast."""
    try:
        for _ in state:
            pass
    except Overtaken:
        return None
    finally:
        state.end()
    return state.checksum
