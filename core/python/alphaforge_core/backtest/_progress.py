"""The progress of a long run."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from time import monotonic

__all__ = ["Progress"]

_FIRST_SECONDS = 1.0
_SECONDS = 0.5


class Progress:
    """One line on stderr, rewritten twice a second once a run takes more than a second.

    shown: None: if stderr is a terminal or a notebook's.
    """

    def __init__(self, shown: bool | None) -> None:
        is_shown = (sys.stderr.isatty() or "ipykernel" in sys.modules) if shown is None else shown
        self._next = monotonic() + _FIRST_SECONDS if is_shown else float("inf")
        self._trades = 0
        self._width = 0

    def add(self, trades: int, ts_event: int) -> None:
        """Counts applied trades; `ts_event` is the time of the last one."""
        self._trades += trades
        now = monotonic()
        if now >= self._next:
            self._next = now + _SECONDS
            self._write(f"{self._trades:,} trades, {datetime.fromtimestamp(ts_event // 10**9, UTC):%Y-%m-%d %H:%M}")

    def end(self) -> None:
        """Clears the line."""
        if self._width:
            self._write("")
            print("\r", end="", file=sys.stderr, flush=True)

    def _write(self, text: str) -> None:
        print(f"\r{text.ljust(self._width)}", end="", file=sys.stderr, flush=True)
        self._width = max(self._width, len(text))
