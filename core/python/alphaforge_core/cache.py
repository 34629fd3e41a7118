"""An LRU cache with time to live and typed values, in process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from alphaforge_core._native.cache import COUNTERS, CacheBase, GenericCacheStatistics, TypedCache, store, use
from alphaforge_core._notebook import fields_html as _fields_html
from alphaforge_core._notebook import show as _show

__all__ = ["COUNTERS", "CacheBase", "GenericCache", "GenericCacheStatistics", "KeyList", "TypedCache"]

_PAGE_KEYS = 10_000


class KeyList(list[str]):
    """A page of keys; `next_cursor` is the cursor of the next page, "" after the last."""

    next_cursor: str = ""


class GenericCache(TypedCache):
    """An in-memory cache: exact LRU, a time to live per entry, typed values, thread-safe.

    Values are copied in and out. Keys are str of 1 to 1,024 bytes of UTF-8; values take at most 4 MiB encoded and nest
    at most 32 deep. Every method raises ValueError (InvalidArgument) for an invalid key, value or ttl, and TypeError
    (UnsupportedValue) for an unsupported type.

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
        """max_size: maximum number of entries, at least 1; beyond it, the least recently used is evicted.
        default_ttl: time to live of entries in seconds, unless put() is given another; math.inf: no expiry.
        max_bytes: maximum size of keys, encoded values and 96 bytes per entry; None: no limit.
        clock: for tests, a monotonic function that returns nanoseconds; None: the system's monotonic clock.
        """
        super().__init__(max_size, default_ttl, max_bytes, clock)
        self._computing: dict[str, threading.Event] = {}
        self._computing_lock = threading.Lock()

    def keys(self, prefix: str = "", limit: int | None = None, cursor: str = "") -> KeyList:
        """Returns the keys with that prefix, in no particular order. Does not refresh the entries.

        limit: maximum number of keys; None: all. cursor: `next_cursor` of the previous page. A key that exists from the
            first page to the last is listed exactly once, even if others change meanwhile.

        Raises ValueError: SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for an invalid cursor.
        """
        keys = KeyList()
        while True:
            page, cursor = self.keys_page(prefix, _PAGE_KEYS if limit is None else limit, cursor)
            keys += page
            if limit is not None or not cursor:
                keys.next_cursor = cursor
                return keys

    def get_or_compute(self, key: str, function: Callable[[], Any], ttl: float | None = None) -> Any:
        """Returns the value of `key`, or computes it with `function()` and stores it for `ttl` seconds.

        ttl: None means default_ttl. Of several threads that ask for a key at the same time, one computes the value and
        the others wait for it. An exception of `function` is raised in the thread that computed; one of the waiting
        threads then tries. The cache is not locked meanwhile.
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


_show(GenericCacheStatistics, _fields_html)
