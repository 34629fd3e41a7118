"""An LRU cache with time to live and typed values, in process."""

from collections.abc import Callable, Iterable, Mapping
import decimal
from typing import Any


COUNTERS: tuple[tuple[str, str, str, str], ...]

class CacheBase:
    """The common part of GenericCache and CacheEngine."""

    def delete(self, key: str) -> bool:
        """Deletes an entry; True if there was one."""

    def contains(self, key: str) -> bool:
        """
        Whether there is an entry, including a stored None. Does not refresh the entry.
        """

    def size(self) -> int:
        """The number of entries that have not expired."""

    def clear(self) -> None:
        """
        Removes all entries and keeps the counters. Other threads don't wait for the memory to be freed.
        """

    def delete_many(self, keys: Iterable[str]) -> int:
        """Deletes entries and returns how many there were."""

    def statistics(self) -> GenericCacheStatistics:
        """The current counters."""

    def keys_page(self, prefix: str, limit: int, cursor: str) -> tuple[list[str], str]:
        """
        Returns at most `limit` keys with that prefix, in no particular order, and the cursor of the next page, "" after the last.

        A key that exists from the first page to the last is listed exactly once. Raises ValueError (PAGE_TOKEN_INVALID) for an invalid cursor.
        """

    def resize(self, max_size: int, max_bytes: int | None = None) -> None:
        """
        Sets new limits (None: no limit); entries beyond them are evicted immediately.
        """

    def release_expired(self) -> None:
        """
        Frees all expired entries. Other calls free a few each; this one is for a timer.
        """

    def validate(self) -> None:
        """
        For tests: checks the cache's consistency; raises RuntimeError (INTERNAL) at the first contradiction.
        """

class GenericCacheStatistics:
    """The counters of a cache at one moment. `clear()` keeps the counters."""

    def __init__(self, **counters: int | float) -> None:
        """Counters from a service; missing ones are 0."""

    @property
    def hits(self) -> int:
        """keys of get and get_many that were found"""

    @property
    def misses(self) -> int:
        """keys of get and get_many that were not found or had expired"""

    @property
    def near_hits(self) -> int:
        """
        keys served by near caches, as reported by them; not in any other counter
        """

    @property
    def total_operations(self) -> int:
        """gets, puts, deletes and contains; each key of a batch counts as one"""

    @property
    def evictions(self) -> int:
        """entries evicted by a limit"""

    @property
    def expirations(self) -> int:
        """entries whose time to live ended"""

    @property
    def entries(self) -> int:
        """entries stored, without expired ones"""

    @property
    def estimated_memory_bytes(self) -> int:
        """memory of the cache, with its index and the allocator's rounding"""

    @property
    def hit_ratio(self) -> float:
        """hits / (hits + misses); 0.0 without lookups"""

    def as_dict(self) -> dict[str, int | float]:
        """All counters by name."""

    def __repr__(self) -> str: ...

class TypedCache(CacheBase):
    """The native part of GenericCache; see there."""

    def __init__(self, max_size: int, default_ttl: float, max_bytes: int | None, clock: Callable[[], int] | None) -> None: ...

    def put(self, key: str, value: object, ttl: float | None = None) -> None:
        """
        Stores a value for `ttl` seconds (None: default_ttl) and makes it the most recently used.
        """

    def get(self, key: str) -> Any:
        """
        Returns the value, or None if there is none or it has expired. Makes the entry the most recently used.
        """

    def get_entry(self, key: str) -> tuple[Any, int, float] | None:
        """
        Like get, with the entry's version (for compare_and_swap) and remaining seconds (math.inf: no expiry).
        """

    def put_many(self, items: Mapping[str, object], ttl: float | None = None) -> None:
        """Stores many values in order. If one of them can't be stored, none is."""

    def warm_cache(self, items: Mapping[str, object], ttl: float | None = None) -> None:
        """Same as put_many."""

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Returns the values found by key, in the order asked for."""

    def put_if_absent(self, key: str, value: object, ttl: float | None = None) -> bool:
        """
        Stores a value if the key has none; otherwise returns False and changes nothing.
        """

    def compare_and_swap(self, key: str, version: int, value: object, ttl: float | None = None) -> bool:
        """
        Stores a value if the entry still has that version (see get_entry); otherwise returns False.
        """

    def increment(self, key: str, amount: int | decimal.Decimal = 1, ttl: float | None = None) -> int | decimal.Decimal:
        """
        Adds to an int or a Decimal, exactly, and returns the sum. A missing entry counts as 0; an existing one keeps its time to live.

        Raises RuntimeError (VALUE_NOT_NUMERIC) if the entry is not a number, ValueError (NUMBER_OUT_OF_RANGE) if an exact decimal sum has more than 1,000 digits.
        """

    def touch(self, key: str, ttl: float | None = None) -> bool:
        """
        Sets an entry's time to live and makes it the most recently used; False if there is none.
        """

    def ttl(self, key: str) -> float | None:
        """
        Remaining seconds of the entry: math.inf if it never expires, None if missing. Does not refresh it.
        """

def store(cache: TypedCache, key: object, value: object | None, ttl: object | None) -> None:
    """Like put, but not counted."""

def use(cache: TypedCache, key: object) -> object:
    """A tuple of the value, or None: like get, but not counted."""

class KeyList(list[str]):
    """
    A page of keys; `next_cursor` is the cursor of the next page, "" after the last.
    """

    next_cursor: str = ''

class GenericCache(TypedCache):
    """
    An in-memory cache: exact LRU, a time to live per entry, typed values, thread-safe.

        Values are copied in and out. Keys are str of 1 to 1,024 bytes of UTF-8; values take at most 4 MiB encoded and nest
        at most 32 deep. Every method raises ValueError (InvalidArgument) for an invalid key, value or ttl, and TypeError
        (UnsupportedValue) for an unsupported type.

        >>> cache = GenericCache(max_size=10_000, default_ttl=60.0)
        >>> cache.put("BTCUSD_price", 45000.0)
        >>> cache.get("BTCUSD_price")
        45000.0
    """

    def __init__(self, max_size: int = 10000, default_ttl: float = 3600.0, *, max_bytes: int | None = None, clock: Callable[[], int] | None = None) -> None:
        """
        max_size: maximum number of entries, at least 1; beyond it, the least recently used is evicted.
                default_ttl: time to live of entries in seconds, unless put() is given another; math.inf: no expiry.
                max_bytes: maximum size of keys, encoded values and 96 bytes per entry; None: no limit.
                clock: for tests, a monotonic function that returns nanoseconds; None: the system's monotonic clock.
        """

    def keys(self, prefix: str = '', limit: int | None = None, cursor: str = '') -> KeyList:
        """
        Returns the keys with that prefix, in no particular order. Does not refresh the entries.

                limit: maximum number of keys; None: all. cursor: `next_cursor` of the previous page. A key that exists from the
                    first page to the last is listed exactly once, even if others change meanwhile.

                Raises ValueError: SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for an invalid cursor.
        """

    def get_or_compute(self, key: str, function: Callable[[], Any], ttl: float | None = None) -> Any:
        """
        Returns the value of `key`, or computes it with `function()` and stores it for `ttl` seconds.

                ttl: None means default_ttl. Of several threads that ask for a key at the same time, one computes the value and
                the others wait for it. An exception of `function` is raised in the thread that computed; one of the waiting
                threads then tries. The cache is not locked meanwhile.
        """
