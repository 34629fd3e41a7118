"""An LRU cache with time to live and typed values, in process."""

from collections.abc import Callable, Iterable, Mapping
import decimal
from typing import Any


COUNTERS: tuple[tuple[str, str, str, str], ...]

class CacheBase:
    """
    What the cache with typed values and the cache of the service have in common.
    """

    def delete(self, key: str) -> bool:
        """Removes an entry; True when there was one."""

    def contains(self, key: str) -> bool:
        """
        Whether there is an entry, a stored None included. Does not count as its use.
        """

    def size(self) -> int:
        """The number of entries that have not expired."""

    def clear(self) -> None:
        """
        Removes all entries and keeps the counters. Other threads don't wait for the memory to be freed.
        """

    def delete_many(self, keys: Iterable[str]) -> int:
        """Removes entries and returns how many there were."""

    def statistics(self) -> GenericCacheStatistics:
        """The counters as of now."""

    def keys_page(self, prefix: str, limit: int, cursor: str) -> tuple[list[str], str]:
        """
        Keys with that prefix, at most `limit`, in no particular order, and the cursor of the next page, "" after the last.

        A key that stays from the first page to the last is listed exactly once. Raises ValueError (PAGE_TOKEN_INVALID) for a cursor that this cache didn't make.
        """

    def resize(self, max_size: int, max_bytes: int | None = None) -> None:
        """
        Sets new bounds (None: no such bound); entries beyond them are evicted at once.
        """

    def release_expired(self) -> None:
        """
        Frees every entry that has expired. Every other call frees a few; this one is for a timer, where calls are rare.
        """

    def validate(self) -> None:
        """
        Checks the cache against itself, for tests; raises RuntimeError (INTERNAL) at the first contradiction.
        """

class GenericCacheStatistics:
    """
    What a cache has counted, as of one moment. `clear()` keeps the counts.
    """

    def __init__(self, **counters: int | float) -> None:
        """As told by a service; those that are not given are 0."""

    @property
    def hits(self) -> int:
        """keys of get and get_many that were found"""

    @property
    def misses(self) -> int:
        """keys of get and get_many that were not found or had expired"""

    @property
    def near_hits(self) -> int:
        """
        keys that near caches served themselves, as they reported; in no other counter
        """

    @property
    def total_operations(self) -> int:
        """gets, puts, deletes and contains; each key of a batch counts as one"""

    @property
    def evictions(self) -> int:
        """entries that a limit pushed out while they were still good"""

    @property
    def expirations(self) -> int:
        """entries whose time to live had passed"""

    @property
    def entries(self) -> int:
        """entries that are stored and have not expired"""

    @property
    def estimated_memory_bytes(self) -> int:
        """
        memory that the cache takes, with its index and the allocator's rounding
        """

    @property
    def hit_ratio(self) -> float:
        """hits / (hits + misses); 0.0 when nothing was asked for"""

    def as_dict(self) -> dict[str, int | float]:
        """All of them by name."""

    def __repr__(self) -> str: ...

class TypedCache(CacheBase):
    """What GenericCache does natively; see there."""

    def __init__(self, max_size: int, default_ttl: float, max_bytes: int | None, clock: Callable[[], int] | None) -> None: ...

    def put(self, key: str, value: object, ttl: float | None = None) -> None:
        """
        Stores a value for `ttl` seconds (None: default_ttl) and makes it the most recently used.
        """

    def get(self, key: str) -> Any:
        """
        The value, or None when there is none or it has expired. Makes the entry the most recently used.
        """

    def get_entry(self, key: str) -> tuple[Any, int, float] | None:
        """
        As get, with the entry's version, which compare_and_swap takes, and the seconds it has left (math.inf: all).
        """

    def put_many(self, items: Mapping[str, object], ttl: float | None = None) -> None:
        """
        Stores many values in order. When one of them can't be stored, none is.
        """

    def warm_cache(self, items: Mapping[str, object], ttl: float | None = None) -> None:
        """Another name of put_many."""

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values that were found, by key, in the order asked for."""

    def put_if_absent(self, key: str, value: object, ttl: float | None = None) -> bool:
        """
        Stores a value where there is none; False where there is one, which stays as it is.
        """

    def compare_and_swap(self, key: str, version: int, value: object, ttl: float | None = None) -> bool:
        """
        Stores a value where the entry still has that version (see get_entry); False, and nothing done, where it has not.
        """

    def increment(self, key: str, amount: int | decimal.Decimal = 1, ttl: float | None = None) -> int | decimal.Decimal:
        """
        Adds to an int or a Decimal, exactly, and returns the sum. A missing entry counts as 0; an existing one keeps its time to live.

        Raises RuntimeError (VALUE_NOT_NUMERIC) when the entry is no number, ValueError (NUMBER_OUT_OF_RANGE) when an exact decimal sum has more than 1,000 digits.
        """

    def touch(self, key: str, ttl: float | None = None) -> bool:
        """
        Gives an entry a new time to live and makes it the most recently used; False when there is none.
        """

    def ttl(self, key: str) -> float | None:
        """
        Seconds that the entry has left, math.inf when it never expires, None when there is none. Does not count as its use.
        """

def store(cache: TypedCache, key: object, value: object | None, ttl: object | None) -> None:
    """As put, and not counted."""

def use(cache: TypedCache, key: object) -> object:
    """A tuple of the value, or None: as get, and not counted."""

class KeyList(list[str]):
    """
    Keys of a cache; `next_cursor` asks for the next page, "" after the last one.
    """

    next_cursor: str = ''

class GenericCache(TypedCache):
    """
    An in-memory cache: exact LRU, a time to live per entry, typed values, safe for many threads.

        Values are copied in and out. Keys are str of 1 to 1,024 bytes of UTF-8; values take at most 4 MiB encoded and nest
        at most 32 deep. Every method raises ValueError (InvalidArgument) for a malformed key, value or ttl, and TypeError
        (UnsupportedValue) for a type that it can't take.

        >>> cache = GenericCache(max_size=10_000, default_ttl=60.0)
        >>> cache.put("BTCUSD_price", 45000.0)
        >>> cache.get("BTCUSD_price")
        45000.0
    """

    def __init__(self, max_size: int = 10000, default_ttl: float = 3600.0, *, max_bytes: int | None = None, clock: Callable[[], int] | None = None) -> None:
        """
        max_size: entries it holds, at least 1; one more evicts the one used longest ago.
                default_ttl: seconds that an entry lives unless its put says otherwise; math.inf: always.
                max_bytes: a bound on keys, encoded values and 96 bytes an entry; None: only max_size bounds it.
                clock: for tests, a function that returns nanoseconds and never goes back; None: the system's monotonic clock.
        """

    def keys(self, prefix: str = '', limit: int | None = None, cursor: str = '') -> KeyList:
        """
        Keys with that prefix, in no particular order; does not count as their use.

                limit: at most so many; None: all. cursor: `next_cursor` of the page before. A key that stays from the first
                page to the last is listed exactly once, whatever happens to others meanwhile.
                Raises ValueError: SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for a cursor that this cache didn't
                make.
        """

    def get_or_compute(self, key: str, function: Callable[[], Any], ttl: float | None = None) -> Any:
        """
        The value of `key`; where there is none, what `function()` returns, stored for `ttl` seconds.

                ttl: None means default_ttl. Of several threads that ask for one key at once one computes, the others wait for
                its value. An exception of `function` reaches the thread that computed; one of those that waited then tries
                itself. The cache is not locked meanwhile.
        """
