"""Keys of a cache, split by partition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from alphaforge_core.cache import KeyList
from alphaforge_core.cache_wire import encode_get_many, encode_put_many
from alphaforge_core.placement import partition_of

from alphaforge_client._near.store import NearCache
from alphaforge_client._wire import cache as messages
from alphaforge_client._wire.pages import Pages
from alphaforge_client.errors import InvalidArgument

__all__ = ["KeyListing", "in_order", "share_of", "split_keys", "split_puts", "within"]


def split_keys(keys: Iterable[str], partitions: int) -> list[tuple[int, list[str]]]:
    """The keys of each partition, in their order. Raises the core's error for an invalid key."""
    asked = list(keys)
    shares: dict[int, list[str]] = {}
    try:
        for key in asked:
            shares.setdefault(partition_of(key, partitions), []).append(key)
    except (AttributeError, UnicodeEncodeError):
        # Not a str, or not valid Unicode: the core raises the error.
        encode_get_many(asked)
        raise
    return sorted(shares.items())


def split_puts(items: Mapping[str, object], ttl: float, partitions: int) -> list[tuple[int, Sequence[bytes]]]:
    """The requests of each partition. All values are encoded first: an invalid one is refused before any is sent."""
    if partitions == 1:
        return [(0, encode_put_many(items, ttl))]
    return [
        (part, list(encode_put_many({key: items[key] for key in keys}, ttl)))
        for part, keys in split_keys(items, partitions)
    ]


def in_order(asked: Sequence[str], found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The values found in the partitions, in the order of the requested keys."""
    values: dict[str, Any] = {}
    for each in found:
        values.update(each)
    return {key: values[key] for key in asked if key in values}


def share_of(near: NearCache, partitions: int) -> NearCache:
    """The settings of one partition's near cache: its share of the copies."""
    return near if partitions == 1 else replace(near, max_size=-(-near.max_size // partitions))


@contextmanager
def within(contexts: Iterable[AbstractContextManager[None]]) -> Iterator[None]:
    """Enters all the contexts."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


class KeyListing:
    """Lists the keys of one partition after the other. The cursor is the partition, then its own cursor."""

    def __init__(self, partitions: int, prefix: str, limit: int | None, cursor: str) -> None:
        self.part = 0
        self._partitions = partitions
        self._prefix = prefix
        self._limit = limit
        self._cursor = cursor
        self._found: list[str] = []
        self._pages: Pages[str] | None = None
        if partitions > 1 and cursor:
            part, _, self._cursor = cursor.partition(":")
            if not (part.isascii() and part.isdigit() and int(part) < partitions):
                raise InvalidArgument(f"{cursor[:40]!r} is not a cursor of this cache", reason="PAGE_TOKEN_INVALID")
            self.part = int(part)

    def next_pages(self) -> Pages[str] | None:
        """The next request to `part`; None after the last key, or after `limit` keys."""
        if self._pages is not None:
            self._found += self._pages.found
            self._cursor = str(self._pages.next_place or "")
            if not self._cursor and self.part + 1 < self._partitions:
                self.part += 1
            elif not self._cursor or len(self._found) == self._limit:
                return None
        if self._pages is not None and len(self._found) == self._limit:
            return None
        left = None if self._limit is None else self._limit - len(self._found)
        self._pages = messages.key_pages(self._prefix, left, self._cursor)
        return self._pages

    def keys(self) -> KeyList:
        """The keys, and the cursor of the next page."""
        keys = KeyList(self._found)
        is_last = self.part + 1 == self._partitions and not self._cursor
        if self._partitions == 1:
            keys.next_cursor = self._cursor
        else:
            keys.next_cursor = "" if is_last else f"{self.part}:{self._cursor}"
        return keys
