"""The entries of a near cache, and the rule that keeps them correct."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any, NamedTuple

from alphaforge_core.cache_wire import NearCopies

from alphaforge_client.errors import InvalidArgument

__all__ = ["NearCache", "NearStore"]


@dataclass(frozen=True)
class NearCache:
    """Settings of a near cache, which keeps copies of entries in the client so that repeated reads need no call.

    The service sends every change in order, within about a millisecond. A client sees its own writes at once, and the
    values it reads of one key never go back in time. While no changes arrive (the connection is lost, the cache was
    reset, the service is slow) nothing is cached, and gets go to the service.

    max_size: maximum number of entries, at least 1; beyond it, the least recently used is dropped.
    max_age: seconds after which a copy is always dropped; bounds the age of values if the connection dies unnoticed.
    """

    max_size: int = 10_000
    max_age: float = 60.0

    def __post_init__(self) -> None:
        if self.max_size < 1:
            raise InvalidArgument(f"max_size is {self.max_size}; it must be at least 1", reason="SETTING_INVALID")
        if not self.max_age > 0:
            raise InvalidArgument(f"max_age is {self.max_age}; it must be above 0 seconds", reason="SETTING_INVALID")


class Load(NamedTuple):
    """The state when a load began. If `generation` is None, the value is not cached."""

    generation: int | None
    began_ns: int


class _Loads:
    """The loads in progress of one key."""

    __slots__ = ("count", "generation", "newest_version")

    def __init__(self) -> None:
        self.count = 0
        # Counts the changes during these loads: a load that began before a change is outdated.
        self.generation = 0
        # Of two overlapping loads, the one that ends last may have read first.
        self.newest_version = 0


class NearStore:
    """Copies of entries. It is live while changes arrive, and empty otherwise.

    A value may be older than a change that arrived while the value was on its way. So each load is noted before its
    request is sent, and a change invalidates the loads of its key together with the copy. The value of an invalidated
    load is returned, since it was current when it was asked for, but not cached. A later change drops the copy in turn.
    Ages and times to live count from the start of the load, which is never later than the moment the service read the
    value.
    """

    def __init__(self, settings: NearCache, clock: Callable[[], int] | None = None) -> None:
        self.copies = NearCopies(settings.max_size, clock)
        self._max_age = settings.max_age
        self._clock = clock or monotonic_ns
        self._lock = threading.Lock()
        self._loads: dict[str, _Loads] = {}
        self._is_live = False

    def begin(self, key: str) -> Load:
        """Notes a load before its request is sent, for `finish`."""
        with self._lock:
            loads = self._loads.setdefault(key, _Loads())
            loads.count += 1
            return Load(loads.generation if self._is_live else None, self._clock())

    def finish(self, key: str, load: Load, found: tuple[Any, int, float] | None) -> None:
        """Caches the loaded value, with its version and remaining seconds, unless it may be outdated."""
        with self._lock:
            loads = self._loads[key]
            loads.count -= 1
            if loads.count == 0:
                del self._loads[key]
            if found is None:
                # Other loads may have found an older value.
                self._spoil(key)
                return
            value, version, left = found
            if version < loads.newest_version:
                return
            loads.newest_version = version
            left = min(left, self._max_age) - (self._clock() - load.began_ns) / 1e9
            # None looks like a missing copy, so it is always read from the service.
            if load.generation == loads.generation and value is not None and left > 0:
                self.copies.put(key, value, left)
            else:
                # A copy made by another load may be older than the value returned here.
                self.copies.delete(key)

    def drop(self, keys: Iterable[str]) -> None:
        """Drops keys that have changed, or may have."""
        with self._lock:
            for key in keys:
                self._spoil(key)

    def drop_all(self) -> None:
        """Drops everything: any key may have changed."""
        with self._lock:
            self._drop_all()

    @contextmanager
    def changing(self, *keys: str) -> Iterator[None]:
        """Surrounds a write of this client, so that no read that begins after the write finds the old value.

        The keys are dropped again after the write, however it ended: another thread may have loaded the old value.
        """
        self.drop(keys)
        try:
            yield
        finally:
            self.drop(keys)

    @contextmanager
    def changing_all(self) -> Iterator[None]:
        """The same for a write that may change every key."""
        self.drop_all()
        try:
            yield
        finally:
            self.drop_all()

    def go_live(self) -> None:
        """Goes live: all changes arrive from now on, so values may be cached."""
        with self._lock:
            self._is_live = True

    def go_dark(self) -> None:
        """Stops being live: changes no longer arrive, so nothing may be cached."""
        with self._lock:
            self._is_live = False
            self._drop_all()

    def _spoil(self, key: str) -> None:
        self.copies.delete(key)
        if (loads := self._loads.get(key)) is not None:
            loads.generation += 1

    def _drop_all(self) -> None:
        self.copies.clear()
        for loads in self._loads.values():
            loads.generation += 1
