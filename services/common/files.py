"""What is read from files and read again when they change: certificates, keys, tokens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

__all__ = ["Reloaded"]

T = TypeVar("T")

_logger = logging.getLogger("services.files")


class Reloaded(Generic[T]):
    """A value made from files; `current()` makes it anew once one of them has changed.

    Looks at most every `pause_seconds`. What can't be made of the new files is logged, and the last good value stays:
    files that are replaced one after the other fit each other only at the end. The first value must be good: what
    `load` raises, the constructor raises.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        load: Callable[[], T],
        *,
        pause_seconds: float = 1.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._paths = paths
        self._load = load
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._value = load()
        self._next_look = clock() + pause_seconds

    def current(self) -> T:
        """The value of the files as they are now, or were when they last made sense. From any thread."""
        if self._clock() >= self._next_look:
            with self._lock:
                self._refresh()
        return self._value

    def _refresh(self) -> None:
        self._next_look = self._clock() + self._pause_seconds
        # Taken before the files are read: a change during the reading is seen the next time.
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        names = [str(path) for path in self._paths]
        try:
            self._value = self._load()
        except Exception as error:
            fields = {"files": names, "reason": str(error)}
            _logger.error("files changed and can't be used; the last good ones stay", extra=fields)
        else:
            _logger.info("files changed and were read again", extra={"files": names})

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
