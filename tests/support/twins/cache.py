"""The cache in plain Python: exact LRU with time to live, by the rules of "Cache" alone.

The clock is the attribute `now` (nanoseconds), which the test moves. Bounds by bytes and the copying of values are
not modelled.

Readings (where the rules leave a choice, this twin takes the one named here):

- An entry put at t with a time to live of d is there before t + d and gone at t + d.
- Freeing an expired entry counts one expiration, whatever call comes upon it; overwriting or deleting an expired
  entry is an expiration and then a put or a delete that found nothing.
- `get` and `put` refresh, so do their batches, in the order given. Of the other calls those refresh that wrote.
- `total_operations` counts what its rule names (get, put, delete, contains and the keys of batches), nothing else.
- `clear()` removes entries without counting evictions or expirations.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SECOND = 1_000_000_000


@dataclass
class Entry:
    value: object
    expires: float  # nanoseconds, or math.inf
    version: int


class GenericCache:
    def __init__(self, max_size: int = 10_000, default_ttl: float = 3600.0) -> None:
        self.max_size = max_size
        self.default_ttl = default_ttl
        self.now = 0
        self.entries: OrderedDict[str, Entry] = OrderedDict()  # least recently used first
        self.versions = 0
        self.counts = dict.fromkeys(("hits", "misses", "total_operations", "evictions", "expirations"), 0)

    def put(self, key: str, value: object, ttl: float | None = None) -> None:
        self.counts["total_operations"] += 1
        self.store(key, value, self.deadline(ttl))

    def get(self, key: str) -> object:
        self.counts["total_operations"] += 1
        entry = self.find(key)
        self.counts["hits" if entry else "misses"] += 1
        if not entry:
            return None
        self.entries.move_to_end(key)
        return entry.value

    def delete(self, key: str) -> bool:
        self.counts["total_operations"] += 1
        return bool(self.find(key)) and bool(self.entries.pop(key))

    def contains(self, key: str) -> bool:
        self.counts["total_operations"] += 1
        return self.find(key) is not None

    def clear(self) -> None:
        self.free_expired()
        self.entries.clear()

    def size(self) -> int:
        self.free_expired()
        return len(self.entries)

    def get_many(self, keys: Iterable[str]) -> dict[str, object]:
        found = {}
        for key in keys:
            hits = self.counts["hits"]
            value = self.get(key)
            if self.counts["hits"] > hits:
                found[key] = value
        return found

    def put_many(self, items: Mapping[str, object], ttl: float | None = None) -> None:
        for key, value in items.items():
            self.put(key, value, ttl)

    def delete_many(self, keys: Iterable[str]) -> int:
        return sum(self.delete(key) for key in keys)

    def put_if_absent(self, key: str, value: object, ttl: float | None = None) -> bool:
        if self.find(key):
            return False
        self.store(key, value, self.deadline(ttl))
        return True

    def compare_and_swap(self, key: str, version: int, value: object, ttl: float | None = None) -> bool:
        entry = self.find(key)
        if not entry or entry.version != version:
            return False
        self.store(key, value, self.deadline(ttl))
        return True

    def increment(self, key: str, by: int = 1) -> object:
        entry = self.find(key)
        total = entry.value + by if entry else by
        self.store(key, total, entry.expires if entry else self.deadline(None))
        return total

    def touch(self, key: str, ttl: float | None = None) -> bool:
        entry = self.find(key)
        if not entry:
            return False
        entry.expires = self.deadline(ttl)
        self.entries.move_to_end(key)
        return True

    def ttl(self, key: str) -> float | None:
        """Returns the seconds left, math.inf for an entry without a time to live, None for no entry."""
        entry = self.find(key)
        return (entry.expires - self.now) / SECOND if entry else None

    def keys(self, prefix: str = "") -> set[str]:
        self.free_expired()
        return {key for key in self.entries if key.startswith(prefix)}

    def statistics(self) -> dict[str, float]:
        self.free_expired()
        asked = self.counts["hits"] + self.counts["misses"]
        return self.counts | {
            "entries": len(self.entries),
            "hit_ratio": self.counts["hits"] / asked if asked else 0.0,
        }

    def deadline(self, ttl: float | None) -> float:
        ttl = self.default_ttl if ttl is None else ttl
        return math.inf if ttl == math.inf else self.now + round(ttl * SECOND)

    def find(self, key: str) -> Entry | None:
        self.free_expired()
        return self.entries.get(key)

    def store(self, key: str, value: object, expires: float) -> None:
        self.free_expired()
        self.versions += 1
        self.entries[key] = Entry(value, expires, self.versions)
        self.entries.move_to_end(key)
        if len(self.entries) > self.max_size:
            self.entries.popitem(last=False)
            self.counts["evictions"] += 1

    def free_expired(self) -> None:
        gone = [key for key, entry in self.entries.items() if entry.expires <= self.now]
        for key in gone:
            del self.entries[key]
        self.counts["expirations"] += len(gone)
