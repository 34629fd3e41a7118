"""An LRU cache with time to live and typed values, in process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from alphaforge_core._native.cache import COUNTERS, CacheBase, GenericCacheStatistics, TypedCache, store, use

__all__ = ["COUNTERS", "CacheBase", "GenericCache", "GenericCacheStatistics", "KeyList", "TypedCache"]

_PAGE_KEYS = 10_000


class KeyList(list[str]):
    """Keys of a cache; `next_cursor` asks for the next page, "" after the last one."""

    next_cursor: str = ""


class GenericCache(TypedCache):
    """An in-memory cache: exact LRU, a time to live per entry, typed values, safe for many threads.

    Values are copied in and out. Keys are str of 1 to 1,024 bytes of UTF-8; values take at most 4 MiB encoded and nest
    at most 32 deep. Every method raises ValueError (InvalidArgument) for a malformed key, value or ttl, and TypeError
    (UnsupportedValue) for a type that it can't take.

    >>> cache = GenericCache(max_size=10_000, default_ttl=60.0)
    >>> cache.put("BTCUSD_price", 45000.0)
    >>> cache.get("BTCUSD_price")
    45000.0
    """

    def __init__(
        self,
        max_size: int = 10_000,
        default_ttl: float = 3600.0,
        *,
        max_bytes: int | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """max_size: entries it holds, at least 1; one more evicts the one used longest ago.
        default_ttl: seconds that an entry lives unless its put says otherwise; math.inf: always.
        max_bytes: a bound on keys, encoded values and 96 bytes an entry; None: only max_size bounds it.
        clock: for tests, a function that returns nanoseconds and never goes back; None: the system's monotonic clock.
        """
        super().__init__(max_size, default_ttl, max_bytes, clock)
        self._computing: dict[str, threading.Event] = {}
        self._computing_lock = threading.Lock()

    def keys(self, prefix: str = "", limit: int | None = None, cursor: str = "") -> KeyList:
        """Keys with that prefix, in no particular order; does not count as their use.

        limit: at most so many; None: all. cursor: `next_cursor` of the page before. A key that stays from the first
        page to the last is listed exactly once, whatever happens to others meanwhile.
        Raises ValueError: SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for a cursor that this cache didn't
        make.
        """
        keys = KeyList()
        while True:
            page, cursor = self.keys_page(prefix, _PAGE_KEYS if limit is None else limit, cursor)
            keys += page
            if limit is not None or not cursor:
                keys.next_cursor = cursor
                return keys

    def get_or_compute(self, key: str, function: Callable[[], Any], ttl: float | None = None) -> Any:
        """The value of `key`; where there is none, what `function()` returns, stored for `ttl` seconds.

        ttl: None means default_ttl. Of several threads that ask for one key at once one computes, the others wait for
        its value. An exception of `function` reaches the thread that computed; one of those that waited then tries
        itself. The cache is not locked meanwhile.
        """
        while True:
            found = use(self, key)
            if found is not None:
                return found[0]
            with self._computing_lock:
                others = self._computing.get(key)
                if others is None:
                    mine = self._computing[key] = threading.Event()
                    break
            others.wait()
        try:
            value = function()
            store(self, key, value, ttl)
            return value
        finally:
            with self._computing_lock:
                del self._computing[key]
            mine.set()
