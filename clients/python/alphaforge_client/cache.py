# Generated from aio/cache.py by `make gen`; edit that file.
"""The cache client: typed values by key, shared by all clients that use the same cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from functools import partial
from time import monotonic
from typing import Any, cast

from alphaforge.cache.v1 import atomics_pb2, batches_pb2, caches_pb2, entries_pb2
from alphaforge_core.cache import GenericCacheStatistics, KeyList
from alphaforge_core.cache_wire import (
    encode_get,
    encode_get_many,
    encode_put,
)

from alphaforge_client._base.unnamed import note_unnamed_cache
from alphaforge_client._calls.attempts import Backoff
from alphaforge_client._calls.coalescer import Coalescer
from alphaforge_client._calls.connection import Connection
from alphaforge_client._grpc.placement import Placement
from alphaforge_client._grpc.transport import scope, together
from alphaforge_client._near.follower import NearFollower
from alphaforge_client._near.store import NearCache
from alphaforge_client._parts.engine import RemoteEngine
from alphaforge_client._parts.keys import KeyListing, in_order, share_of, split_keys, split_puts, within
from alphaforge_client._parts.merge import cache_statistics
from alphaforge_client._parts.parts import Parts, read_pages
from alphaforge_client._wire import cache as messages
from alphaforge_client._wire.answer import parsed
from alphaforge_client._wire.request_id import new_request_id, with_id
from alphaforge_client._wire.summary import EngineSummary
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import EngineError, ResourceExhausted

__all__ = ["EngineSummary", "GenericCache", "GenericCacheStatistics", "KeyList", "NearCache"]


class GenericCache(RemoteEngine):
    """A cache on a service: exact LRU, a time to live per entry, typed values.

    Creating it sends nothing: the first call connects and opens the cache, with the given settings and defaults for the
    rest. If the cache exists, only the given settings are compared; a difference raises EngineError (a RuntimeError,
    SETTINGS_DIFFER), unless `reconfigure` is set.

    max_size: maximum number of entries, at least 1; beyond it, the least recently used is evicted. None: unchanged, or
        10,000 in a new cache.
    default_ttl: time to live of this client's entries in seconds, unless put() is given another; math.inf: no expiry.
    max_bytes: maximum size of keys, encoded values and 96 bytes per entry. None: unchanged, or no limit in a new cache.
    name: name of the cache on the service, "default" if None; all clients that use the name share its entries.
    target: address of the service, "host:port" or "unix:path"; else the environment variable ALPHAFORGE_CACHE_TARGET,
        else "localhost:50051".
    targets: addresses of several services, each as "host:port" or "name=host:port"; the name of the cache decides which
        of them has it (rule 5.8). Else the environment variable ALPHAFORGE_CACHE_TARGETS, comma-separated.
    partitions: number of partitions of the cache, each with a part of its keys; fixed when the cache is created. Each
        partition has its own limits and order of use, and stores its part of a batch or refuses it (rule 5.9).
    timeout: timeout of each call in seconds, retries included; can be set per call.
    near_cache: keeps copies of entries in this client (see NearCache); off if None.
    coalesce: concurrent calls of one kind, from several tasks or threads, share a request. A lone call, and one with
        its own timeout, is always sent immediately.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError); InvalidArgument (a ValueError) for an invalid key, value or ttl; UnsupportedValue (a TypeError) for
    an unsupported type. Keys are str of 1 to 1,024 bytes of UTF-8. May be used by many tasks or threads at once.

    >>> with GenericCache(name="prices") as cache:
    ...     cache.put("BTCUSD_price", 45000.0, ttl=60.0)
    ...     cache.get("BTCUSD_price")
    45000.0
    """

    def __init__(
        self,
        max_size: int | None = None,
        default_ttl: float = 3600.0,
        *,
        max_bytes: int | None = None,
        name: str | None = None,
        target: str | None = None,
        targets: Sequence[str] | None = None,
        partitions: int = 1,
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        near_cache: NearCache | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        placement = Placement.of("cache", target, targets, credentials)
        opening = partial(messages.opening, max_size=max_size, max_bytes=max_bytes, reconfigure=reconfigure)
        super().__init__(name, Parts(placement, name, opening, partitions, timeout))
        # Validates it as a put would.
        encode_put("key", None, default_ttl)
        self._default_ttl = default_ttl
        connections = self._parts.connections
        self._gets = [
            Coalescer(partial(_get_one, each), partial(_get_together, each), timeout, messages.CHUNK_KEYS_MAX)
            for each in connections
        ]
        self._puts = [
            Coalescer(partial(_put_one, each), partial(_put_together, each), timeout, messages.CHUNK_KEYS_MAX)
            for each in connections
        ]
        self._small_gets = [
            Coalescer(partial(_get_batch, each), partial(_get_batches, each), timeout, messages.SHARED_BATCHES_MAX)
            for each in connections
        ]
        self._small_puts = [
            Coalescer(partial(_put_batch, each), partial(_put_batches, each), timeout, messages.SHARED_BATCHES_MAX)
            for each in connections
        ]
        self._coalesces = coalesce
        self._near_settings = None if near_cache is None else share_of(near_cache, partitions)
        self._near: list[NearFollower | None] = [None] * partitions
        # After validation, so that failed constructions don't count.
        if name is None:
            note_unnamed_cache()

    def put(self, key: str, value: object, ttl: float | None = None, *, timeout: float | None = None) -> None:
        """Stores a value for `ttl` seconds (None: default_ttl) and makes it the most recently used."""
        request = encode_put(key, value, self._ttl(ttl))
        with self._changing(key):
            if ttl is None and timeout is None and self._coalesces:
                self._puts[self._parts.index_of(key)].call(request)
            else:
                self._parts.of(key).call("Put", request, timeout)

    def get(self, key: str, *, timeout: float | None = None) -> Any:
        """Returns the value, or None if there is none or it has expired. Makes the entry the most recently used."""
        if self._near_settings is not None:
            part = self._part_of(key)
            near = self._near[part]
            if near is not None:
                value = near.lookup(key)
                if value is not None:
                    return value
            return self._load(key, part, timeout)
        request = encode_get(key)
        part = self._parts.index_of(key)
        if timeout is None and self._coalesces:
            return self._gets[part].call(request)
        return messages.value(self._parts.connections[part].call("Get", request, timeout))

    def get_entry(self, key: str, *, timeout: float | None = None) -> tuple[Any, int, float] | None:
        """Like get, with the entry's version (for compare_and_swap) and remaining seconds (math.inf: no expiry)."""
        request = messages.key_with_details(key)
        with self._reading(key):
            return messages.entry(self._parts.of(key).call("Get", request, timeout))

    def delete(self, key: str, *, timeout: float | None = None) -> bool:
        """Deletes an entry; True if there was one."""
        request = messages.named_key(key)
        with self._changing(key):
            answer = self._parts.of(key).call("Delete", request, timeout)
        return parsed(entries_pb2.DeleteResponse, answer).deleted

    def contains(self, key: str, *, timeout: float | None = None) -> bool:
        """Whether there is an entry, including a stored None. Does not refresh the entry."""
        request = messages.key(key)
        answer = self._parts.of(key).call("Contains", request, timeout)
        return parsed(entries_pb2.ContainsResponse, answer).contains

    def size(self, *, timeout: float | None = None) -> int:
        """The number of entries that have not expired."""
        answers = self._parts.all("GetSize", bytes, timeout)
        return sum(parsed(entries_pb2.GetSizeResponse, answer).size for answer in answers)

    def clear(self, *, timeout: float | None = None) -> None:
        """Removes all entries and keeps the counters."""
        with self._changing_all():
            self._parts.all("Clear", with_id(entries_pb2.ClearRequest), timeout)

    def put_many(self, items: Mapping[str, object], ttl: float | None = None, *, timeout: float | None = None) -> None:
        """Stores many values in order; a large batch is sent in chunks, each within `timeout`.

        If one of them can't be stored, none is. If a service can't be reached, values of other partitions may still be
        stored.
        """
        with self._changing(*items):
            shares = split_puts(items, self._ttl(ttl), self._parts.count)
            is_shared = self._coalesces and ttl is None and timeout is None and len(items) <= messages.SHARED_KEYS_MAX
            together([partial(self._put_chunks, part, chunks, timeout, is_shared) for part, chunks in shares])

    def warm_cache(
        self, items: Mapping[str, object], ttl: float | None = None, *, timeout: float | None = None
    ) -> None:
        """Same as put_many."""
        self.put_many(items, ttl, timeout=timeout)

    def get_many(self, keys: Iterable[str], *, timeout: float | None = None) -> dict[str, Any]:
        """Returns the values found by key, in the order asked for; sent in chunks, each within `timeout`."""
        if self._parts.count == 1:
            return self._get_chunks(0, keys, timeout)
        asked = list(keys)
        shares = split_keys(asked, self._parts.count)
        found = together([partial(self._get_chunks, part, share, timeout) for part, share in shares])
        return in_order(asked, found)

    def delete_many(self, keys: Iterable[str], *, timeout: float | None = None) -> int:
        """Deletes entries and returns how many there were."""
        if self._parts.count == 1:
            return self._delete_chunks(self._connection, keys, timeout)
        shares = split_keys(keys, self._parts.count)
        calls = [partial(self._delete_chunks, self._parts.connections[part], share, timeout) for part, share in shares]
        return sum(together(calls))

    def put_if_absent(self, key: str, value: object, ttl: float | None = None, *, timeout: float | None = None) -> bool:
        """Stores a value if the key has none; otherwise returns False and changes nothing."""
        request = messages.put_if_absent(key, value, self._ttl(ttl))
        with self._changing(key):
            answer = self._parts.of(key).call("PutIfAbsent", request, timeout)
        return parsed(atomics_pb2.PutIfAbsentResponse, answer).stored

    def compare_and_swap(
        self, key: str, version: int, value: object, ttl: float | None = None, *, timeout: float | None = None
    ) -> bool:
        """Stores a value if the entry still has that version (see get_entry); otherwise returns False."""
        if version == 0:
            # Not a version; on the wire it means put_if_absent.
            return False
        request = messages.compare_and_swap(key, version, value, self._ttl(ttl))
        with self._changing(key):
            answer = self._parts.of(key).call("CompareAndSwap", request, timeout)
        return parsed(atomics_pb2.CompareAndSwapResponse, answer).swapped

    def increment(
        self, key: str, amount: int | Decimal = 1, ttl: float | None = None, *, timeout: float | None = None
    ) -> int | Decimal:
        """Adds to an int or a Decimal, exactly, and returns the sum.

        A missing entry counts as 0; an existing one keeps its time to live. Raises EngineError (a RuntimeError,
        VALUE_NOT_NUMERIC) if the entry is not a number.
        """
        request = messages.increment(key, amount, self._ttl(ttl))
        with self._changing(key):
            return messages.sum_of(self._parts.of(key).call("Increment", request, timeout))

    def touch(self, key: str, ttl: float | None = None, *, timeout: float | None = None) -> bool:
        """Sets an entry's time to live and makes it the most recently used; False if there is none."""
        request = messages.touch(key, self._ttl(ttl))
        with self._changing(key):
            answer = self._parts.of(key).call("Touch", request, timeout)
        return parsed(entries_pb2.TouchResponse, answer).touched

    def ttl(self, key: str, *, timeout: float | None = None) -> float | None:
        """Remaining seconds of the entry: math.inf if it never expires, None if missing. Does not refresh it."""
        request = messages.key(key)
        response = parsed(entries_pb2.GetTtlResponse, self._parts.of(key).call("GetTtl", request, timeout))
        if not response.found:
            return None
        return response.ttl_ns / 1e9 if response.HasField("ttl_ns") else math.inf

    def keys(
        self, prefix: str = "", limit: int | None = None, cursor: str = "", *, timeout: float | None = None
    ) -> KeyList:
        """Returns the keys with that prefix. Does not refresh the entries.

        limit: maximum number of keys; None: all. cursor: `next_cursor` of the previous page. A key that exists from the
            first page to the last is listed exactly once, even if others change meanwhile. Raises ValueError:
            SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for an invalid cursor.
        """
        listing = KeyListing(self._parts.count, prefix, limit, cursor)
        while (pages := listing.next_pages()) is not None:
            read_pages(self._parts.connections[listing.part], "ListKeys", pages, timeout)
        return listing.keys()

    def get_or_compute(
        self,
        key: str,
        function: Callable[[], Any],
        ttl: float | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """Returns the value of `key`, or computes it with `function()` and stores it, with `ttl` as in put().

        Of several callers that ask for a key at the same time, in any process, one computes the value and the others
        wait for it, without a timeout. An exception of `function` is raised in the caller that computed; one of the
        waiting callers then tries. If computing takes longer than 60 s, another caller may start computing too.
        """
        wait_seconds = self._connection.timeout if timeout is None else timeout
        backoff = Backoff()
        while True:
            request = messages.acquire_lease(key, wait_seconds)
            answer = self._parts.of(key).call("AcquireLease", request, timeout)
            with self._reading(key):
                outcome = messages.LeaseOutcome(answer)
            if outcome.has_value:
                return outcome.value
            if outcome.lease_id:
                return self._compute(key, function, self._ttl(ttl), outcome.lease_id, timeout)
            # The service waits before this response; avoids a busy loop if one doesn't.
            self._parts.of(key).pause(backoff.pause())

    def statistics(self, *, timeout: float | None = None) -> GenericCacheStatistics:
        """The current counters, of all partitions together."""
        answers = self._parts.all("GetStatistics", bytes, timeout)
        return cache_statistics([messages.statistics(answer) for answer in answers])

    def reset(self, *, timeout: float | None = None) -> None:
        """Removes all entries and sets the counters to 0. Starts a new epoch."""
        request = with_id(caches_pb2.ResetCacheRequest)
        with self._changing_all():
            self._parts.each(lambda connection: _reset(connection, request(), timeout))

    def list_caches(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """Lists the caches of the service, or of all services in `targets`, with their settings, by name. Opens
        none."""
        return self._parts.summaries("ListCaches", messages.SERVICE.summaries, timeout)

    def drop(self, *, timeout: float | None = None) -> bool:
        """Drops the cache with all its entries; False if there was none."""
        with self._changing_all():
            answers = self._parts.drop("DropCache", with_id(caches_pb2.DropCacheRequest), timeout)
        return any(parsed(caches_pb2.DropCacheResponse, answer).dropped for answer in answers)

    def _put_chunks(self, part: int, chunks: Sequence[bytes], timeout: float | None, is_shared: bool) -> None:
        if is_shared and len(chunks) == 1 and len(chunks[0]) <= messages.SHARED_BYTES_MAX:
            self._small_puts[part].call(chunks[0])
            return
        for chunk in chunks:
            self._parts.connections[part].call("PutMany", chunk, timeout)

    def _get_chunks(self, part: int, keys: Iterable[str], timeout: float | None) -> dict[str, Any]:
        chunks = encode_get_many(keys)
        if self._coalesces and timeout is None and len(chunks) == 1:
            request, chunk = chunks[0]
            if len(chunk) <= messages.SHARED_KEYS_MAX and len(request) <= messages.SHARED_BYTES_MAX:
                with self._reading(*chunk):
                    return self._small_gets[part].call(chunks[0])
        found: dict[str, Any] = {}
        while chunks:
            request, chunk = chunks.pop(0)
            with self._reading(*chunk):
                try:
                    answer = self._parts.connections[part].call("GetMany", request, timeout)
                except ResourceExhausted as error:
                    chunks[:0] = messages.halves(chunk, error)
                else:
                    messages.values(answer, chunk, found)
        return found

    def _delete_chunks(self, connection: Connection, keys: Iterable[str], timeout: float | None) -> int:
        deleted = 0
        for chunk in messages.key_chunks(keys):
            request = batches_pb2.DeleteManyRequest(request_id=new_request_id(), keys=chunk).SerializeToString()
            with self._changing(*chunk):
                answer = connection.call("DeleteMany", request, timeout)
            deleted += parsed(batches_pb2.DeleteManyResponse, answer).deleted_count
        return deleted

    def _load(self, key: str, part: int, timeout: float | None) -> Any:
        """The value from the service, copied to the near cache if possible."""
        near, connection = self._near[part], self._parts.connections[part]
        if near is None or near.scope is not scope():
            # Opened first, because an unreachable service need not be followed.
            connection.open(timeout)
            near = self._near[part] = NearFollower(connection, cast("NearCache", self._near_settings))
        begun = near.store.begin(key)
        found = None
        try:
            found = messages.entry(connection.call("Get", messages.key_with_details(key), timeout))
        finally:
            near.store.finish(key, begun, found)
        return None if found is None else found[0]

    def _reading(self, *keys: str) -> AbstractContextManager[None]:
        """Surrounds a read from the service, so that later reads of these keys don't go back in time."""
        return self._changing(*keys)

    def _changing(self, *keys: str) -> AbstractContextManager[None]:
        """Surrounds a write of these keys."""
        if self._near_settings is None:
            return nullcontext()
        if self._parts.count == 1:
            near = self._near[0]
            return nullcontext() if near is None or near.scope is not scope() else near.store.changing(*keys)
        shares = split_keys(keys, self._parts.count)
        here = ((self._near[part], share) for part, share in shares)
        return within(near.store.changing(*share) for near, share in here if near is not None and near.scope is scope())

    def _changing_all(self) -> AbstractContextManager[None]:
        return within(near.store.changing_all() for near in self._near if near is not None and near.scope is scope())

    def _part_of(self, key: str) -> int:
        """The partition of a key that has not been checked yet."""
        return self._parts.index_of(key) if self._parts.count > 1 and isinstance(key, str) else 0

    def _compute(
        self,
        key: str,
        function: Callable[[], Any],
        ttl: float,
        lease_id: int,
        timeout: float | None,
    ) -> Any:
        try:
            value = function()
            request = messages.fulfill_lease(key, lease_id, value, ttl)
        except BaseException:
            self._parts.of(key).call("ReleaseLease", messages.release_lease(key, lease_id), timeout)
            raise
        try:
            with self._changing(key):
                self._parts.of(key).call("FulfillLease", request, timeout)
        except EngineError as error:
            # Another caller has stored a value meanwhile; this caller still returns its own.
            if error.reason != "LEASE_LOST":
                raise
        return value

    def _ttl(self, ttl: float | None) -> float:
        return self._default_ttl if ttl is None else ttl


# Called by the coalescers, without a reference to the client, so that the client can be freed.


def _get_one(connection: Connection, request: bytes) -> Any:
    return messages.value(connection.call("Get", request))


def _get_together(connection: Connection, requests: Sequence[bytes], timeout: float) -> Sequence[Any]:
    # Get and GetMany have keys in the same field, so concatenated requests are one request.
    ends = monotonic() + timeout
    try:
        answer = connection.call("GetMany", b"".join(requests), timeout)
    except ResourceExhausted as error:
        if error.reason != "LIMIT_EXCEEDED" or len(requests) < 2:
            raise
        # The values exceed the size of one response.
        half = len(requests) // 2
        first = _get_together(connection, requests[:half], ends - monotonic())
        return [*first, *_get_together(connection, requests[half:], ends - monotonic())]
    return messages.values_in_order(answer, len(requests))


def _put_one(connection: Connection, request: bytes) -> None:
    connection.call("Put", request)


def _reset(connection: Connection, request: bytes, timeout: float | None) -> None:
    answer = connection.call("ResetCache", request, timeout)
    connection.adopt_epoch(parsed(caches_pb2.ResetCacheResponse, answer).epoch)


def _put_together(connection: Connection, requests: Sequence[bytes], timeout: float) -> Sequence[None]:
    # Put and PutMany also share the fields of keys, values and the common time to live.
    connection.call("PutMany", b"".join(requests), timeout)
    return [None] * len(requests)


def _get_batch(connection: Connection, batch: tuple[bytes, list[str]]) -> dict[str, Any]:
    return (_get_batches(connection, [batch], connection.timeout))[0]


def _get_batches(
    connection: Connection, batches: Sequence[tuple[bytes, list[str]]], timeout: float
) -> Sequence[dict[str, Any]]:
    ends = monotonic() + timeout
    try:
        answer = connection.call("GetMany", b"".join(request for request, _ in batches), timeout)
    except ResourceExhausted as error:
        # The values exceed the size of one response.
        if len(batches) == 1:
            found: dict[str, Any] = {}
            for half in messages.halves(batches[0][1], error):
                found.update((_get_batches(connection, [half], ends - monotonic()))[0])
            return [found]
        if error.reason != "LIMIT_EXCEEDED":
            raise
        middle = len(batches) // 2
        first = _get_batches(connection, batches[:middle], ends - monotonic())
        return [*first, *_get_batches(connection, batches[middle:], ends - monotonic())]
    return messages.values_by_batch(answer, [keys for _, keys in batches])


def _put_batch(connection: Connection, batch: bytes) -> None:
    connection.call("PutMany", batch)


def _put_batches(connection: Connection, batches: Sequence[bytes], timeout: float) -> Sequence[None]:
    # All or none are stored: if one is refused, the coalescer sends each on its own.
    connection.call("PutMany", b"".join(batches), timeout)
    return [None] * len(batches)
