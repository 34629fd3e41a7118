"""What a near cache holds, and the rule by which it stays true."""

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
    """Keeps copies of entries in the client, so that a value that was read before is read again without a call.

    The service tells of every change in order, within about a millisecond. A client sees its own writes at once. What
    it reads of one key never goes back in time. While the service's word does not come (after a cut, a reset, or a slow
    moment) nothing is kept, and gets go to the service.

    max_size: entries that are kept, at least 1; one more drops the one used longest ago.
    max_age: seconds after which a copy is dropped in any case; so old may a value be if the connection dies unnoticed.
    """

    max_size: int = 10_000
    max_age: float = 60.0

    def __post_init__(self) -> None:
        if self.max_size < 1:
            raise InvalidArgument(f"max_size is {self.max_size}; it must be at least 1", reason="SETTING_INVALID")
        if not self.max_age > 0:
            raise InvalidArgument(f"max_age is {self.max_age}; it must be above 0 seconds", reason="SETTING_INVALID")


class Load(NamedTuple):
    """What was so when a load began; a generation of None: nothing that it brings may be kept."""

    generation: int | None
    began_ns: int


class _Loads:
    """The values of one key that are on their way from the service."""

    __slots__ = ("count", "generation", "newest_version")

    def __init__(self) -> None:
        self.count = 0
        # Counts the changes that were told meanwhile: a load that began before one of them is spoilt.
        self.generation = 0
        # Of two loads that overlap, the one that ends last may have read first.
        self.newest_version = 0


class NearStore:
    """Copies of entries. It is live while changes are told, and empty otherwise.

    A value that the service sends may be older than a change that was told while it was on its way. So each load is
    noted before its request is sent, and a change spoils the loads of its key as it drops its copy: a spoilt value is
    handed out, since it was the value when it was asked for, and is not kept. A change that is told later drops the
    copy in its turn. Ages and times to live count from the begin of the load, which is never later than the moment at
    which the service read the value.
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
        """Keeps the value that was found, which has a version and seconds left, unless it may be outdated."""
        with self._lock:
            loads = self._loads[key]
            loads.count -= 1
            if loads.count == 0:
                del self._loads[key]
            if found is None:
                # Nothing tells whether what other loads have found is older than this nothing.
                self._spoil(key)
                return
            value, version, left = found
            if version < loads.newest_version:
                return
            loads.newest_version = version
            left = min(left, self._max_age) - (self._clock() - load.began_ns) / 1e9
            # A None can't be told from no copy, and is read from the service each time.
            if load.generation == loads.generation and value is not None and left > 0:
                self.copies.put(key, value, left)
            else:
                # A copy that another load has made may be older than what this caller gets.
                self.copies.delete(key)

    def drop(self, keys: Iterable[str]) -> None:
        """The keys have changed, or may have."""
        with self._lock:
            for key in keys:
                self._spoil(key)

    def drop_all(self) -> None:
        """All may have changed."""
        with self._lock:
            self._drop_all()

    @contextmanager
    def changing(self, *keys: str) -> Iterator[None]:
        """Around a write of this client's own: no read that begins after it finds what was there before.

        Dropped again after the write, however it ended: another thread may have loaded the old value in the meantime.
        """
        self.drop(keys)
        try:
            yield
        finally:
            self.drop(keys)

    @contextmanager
    def changing_all(self) -> Iterator[None]:
        """The same around a write that may concern every key."""
        self.drop_all()
        try:
            yield
        finally:
            self.drop_all()

    def go_live(self) -> None:
        """All changes from now on will be told: values may be kept."""
        with self._lock:
            self._is_live = True

    def go_dark(self) -> None:
        """Changes are not told any more."""
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
