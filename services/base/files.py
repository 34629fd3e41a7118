"""Values loaded from files and reloaded when the files change: certificates, keys, tokens."""

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
    """A value loaded from files; `current()` reloads it if one of them has changed.

    Checks at most every `pause_seconds`. Unusable files are logged and the last valid value stays, because files
    replaced one by one don't match until the last is replaced. `failing_seconds` tells how long that has lasted. The
    first load must succeed: the constructor raises what `load` raises.
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
        self._failing_since: float | None = None

    def failing_seconds(self) -> float:
        """How long the files have been unusable; 0 while they are usable. Thread-safe; does not check the files."""
        since = self._failing_since
        return 0.0 if since is None else self._clock() - since

    def current(self) -> T:
        """The value of the files as they are now, or when they were last valid. Thread-safe."""
        if self._clock() >= self._next_look:
            with self._lock:
                self._refresh()
        return self._value

    def _refresh(self) -> None:
        self._next_look = self._clock() + self._pause_seconds
        # Taken before the files are read, so that a change during the read is seen next time.
        stamps = self._look()
        is_changed = stamps != self._stamps
        if not is_changed and self._failing_since is None:
            return
        self._stamps = stamps
        names = [str(path) for path in self._paths]
        try:
            self._value = self._load()
        except Exception as error:
            if is_changed:
                fields = {"files": names, "reason": str(error)}
                _logger.error("changed files can't be used; keeping the previous ones", extra=fields)
            if self._failing_since is None:
                self._failing_since = self._clock()
        else:
            self._failing_since = None
            _logger.info("files reloaded", extra={"files": names})

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
