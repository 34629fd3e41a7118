"""Compares the state of a follower's engines with the primary's, wherever the primary makes a checkpoint.

The primary records after which input it has begun a checkpoint and, with the checkpoint, the checksum of its state
there. A follower computes the checksum of its own state after the same input, while it continues. The checksums differ
if another release, a faulty machine or its memory computes a different state from the same inputs.
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
    """The states to compare, at most one per engine. Used on the event loop."""

    def __init__(self) -> None:
        self._begun: dict[str, _Begun] = {}
        self._compared: dict[str, tuple[int, int]] = {}
        self.compared = 0
        self.differed = 0
        self.differing: set[str] = set()
        """Engines whose state differed when last compared; they have been reloaded since."""

    def forget(self) -> None:
        """Cancels all comparisons that have begun."""
        self._begun.clear()
        self._compared.clear()

    def begin(self, name: str, place: Place, engine: Any) -> None:
        """Starts the checksum of an engine at the input where the primary makes a checkpoint, unless already done."""
        here = place.id, engine.sequence
        begun = self._begun.get(name)
        if (begun is None or begun[:2] != here) and self._compared.get(name) != here:
            checksum = asyncio.ensure_future(asyncio.to_thread(_checksum_of, engine.state()))
            self._begun[name] = _Begun(*here, checksum)

    def differs(self, name: str, place: Place) -> bool:
        """Whether the state in the primary's last checkpoint differs from this candidate's after the same input."""
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
