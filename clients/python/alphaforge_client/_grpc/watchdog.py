"""A thread that ends reads of silent streams, since grpc's blocking iterator has no timeout."""

from __future__ import annotations

import threading
from time import monotonic, sleep
from typing import Protocol
from weakref import WeakSet

__all__ = ["Stream", "watchdog"]

_INTERVAL_SECONDS = 0.25


class Stream(Protocol):
    """A response stream whose reader blocks."""

    def cancel_if_silent(self, now: float) -> None:
        """Cancels the stream if its reader's timeout has passed."""

    def lose(self) -> None:
        """Ends the stream like a lost connection."""

    def await_end(self, timeout: float) -> None:
        """Waits until grpc has released the stream."""


class _Watchdog:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Resets everything: a forked child has neither the thread nor the streams, and the lock may be held."""
        self._streams: WeakSet[Stream] = WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, stream: Stream) -> None:
        self._streams.add(stream)

    def discard(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def streams(self) -> tuple[Stream, ...]:
        """The open streams."""
        return tuple(self._streams)

    def start(self) -> None:
        """Starts the thread if it isn't running. It ends when no stream is left."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alphaforge-watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            sleep(_INTERVAL_SECONDS)
            with self._lock:
                streams = self.streams()
                if not streams:
                    self._thread = None
                    return
            now = monotonic()
            for stream in streams:
                stream.cancel_if_silent(now)
            # Holds no reference while it sleeps, so a stream dropped by its reader can be collected.
            del streams, stream


watchdog = _Watchdog()
