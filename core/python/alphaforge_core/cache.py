"""An LRU cache with time to live and typed values, in process.

>>> cache = GenericCache(max_size=10_000, default_ttl=60.0)
>>> cache.put("BTCUSD_price", 45000.0)
>>> cache.get("BTCUSD_price")
45000.0
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from alphaforge_core._native import cache as _native
from alphaforge_core._native.cache import COUNTERS, GenericCacheStatistics

__all__ = ["COUNTERS", "GenericCache", "GenericCacheStatistics", "KeyList"]

_PAGE_KEYS = 10_000


class KeyList(list[str]):
    """Keys of a cache; `next_cursor` asks for the next page, "" after the last one."""

    def __init__(self, keys: list[str], next_cursor: str) -> None:
        super().__init__(keys)
        self.next_cursor = next_cursor


class GenericCache(_native.GenericCache):
    __doc__ = _native.GenericCache.__doc__

    def __init__(
        self,
        max_size: int = 10_000,
        default_ttl: float = 3600.0,
        *,
        max_bytes: int | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(max_size, default_ttl, max_bytes=max_bytes, clock=clock)
        self._computing: dict[str, threading.Event] = {}
        self._computing_lock = threading.Lock()

    __init__.__doc__ = _native.GenericCache.__init__.__doc__

    def keys(self, prefix: str = "", limit: int | None = None, cursor: str = "") -> KeyList:
        """Keys with that prefix, in no particular order; does not count as their use.

        limit: at most so many; None: all. cursor: `next_cursor` of the page before. A key that stays from the first page to the last is
        listed exactly once, whatever happens to others meanwhile.
        Raises ValueError (PAGE_TOKEN_INVALID) for a cursor that this cache didn't make.
        """
        if limit is not None:
            return KeyList(*self.keys_page(prefix, limit, cursor))
        found: list[str] = []
        while True:
            page, cursor = self.keys_page(prefix, _PAGE_KEYS, cursor)
            found += page
            if not cursor:
                return KeyList(found, "")

    def get_or_compute(self, key: str, function: Callable[[], Any], ttl: float | None = None) -> Any:
        """The value of `key`; where there is none, what `function()` returns, which is stored for `ttl` seconds (None: default_ttl).

        Of several threads that ask for one key at once one computes and the others wait for its value. An exception of `function` reaches
        the thread that computed; the next one that waited then tries itself. The cache is not locked meanwhile.
        """
        while True:
            entry = self.get_entry(key)
            if entry is not None:
                return entry[0]
            with self._computing_lock:
                others = self._computing.get(key)
                if others is None:
                    mine = self._computing[key] = threading.Event()
                    break
            others.wait()
        try:
            self.put(key, function(), ttl)
        finally:
            with self._computing_lock:
                del self._computing[key]
            mine.set()
        return self.get(key)
