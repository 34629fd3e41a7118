"""The cache on a service: typed values by key, shared by all clients that name the same cache."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any, cast

from alphaforge.cache.v1 import atomics_pb2, batches_pb2, caches_pb2, entries_pb2
from alphaforge_core.cache import GenericCacheStatistics, KeyList
from alphaforge_core.cache_wire import (
    decode_get,
    decode_get_many,
    encode_get,
    encode_get_many,
    encode_put,
    encode_put_many,
)

from alphaforge_client import _cache_messages as messages
from alphaforge_client._endpoint import Endpoint
from alphaforge_client._near_store import NearCache
from alphaforge_client._request_id import new_request_id
from alphaforge_client._summary import EngineSummary
from alphaforge_client._unnamed import note_unnamed_cache
from alphaforge_client.aio._coalescer import Coalescer
from alphaforge_client.aio._connection import Connection, Opening
from alphaforge_client.aio._engine import RemoteEngine
from alphaforge_client.aio._near import Near
from alphaforge_client.aio._transport import scope
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import EngineError

__all__ = ["EngineSummary", "GenericCache", "GenericCacheStatistics", "KeyList", "NearCache"]


class GenericCache(RemoteEngine):
    """A cache on a service: exact LRU, a time to live per entry, typed values.

    Nothing is sent when it is made: the first call connects and opens the cache, with the settings given and defaults
    for the rest. If the cache exists, only those given are compared; one that differs raises EngineError (a
    RuntimeError, SETTINGS_DIFFER), unless `reconfigure` is set.

    max_size: entries it holds, at least 1; one more evicts the one used longest ago. None: not given, 10,000 in a new
        cache.
    default_ttl: seconds that an entry put by this client lives unless its put says otherwise; math.inf: always.
    max_bytes: a bound on keys, encoded values and 96 bytes an entry. None: not given, no such bound in a new cache.
    name: of the cache on the service, "default" if None; all clients that use the name share its entries.
    target: address of the service, "host:port" or "unix:path"; else the environment variable ALPHAFORGE_CACHE_TARGET,
        else "localhost:50051".
    timeout: seconds that each call may take, repeats included; each call may be given its own.
    near_cache: keeps copies of entries in this client, see there; off if None.
    coalesce: calls of one kind that are made at the same time, from several tasks or threads, share a request; a lone
        call is sent at once in any case, and so is one with a timeout of its own.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError); InvalidArgument (a ValueError) for a malformed key, value or ttl; UnsupportedValue (a TypeError) for
    a type that it can't take. Keys are str of 1 to 1,024 bytes of UTF-8. Safe to use from many tasks or threads at
    once.

    >>> async with GenericCache(name="prices") as cache:
    ...     await cache.put("BTCUSD_price", 45000.0, ttl=60.0)
    ...     await cache.get("BTCUSD_price")
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
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        near_cache: NearCache | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        wire_name = name or ""
        opening = Opening(
            messages.SERVICE,
            "OpenCache",
            messages.open_request(wire_name, max_size, max_bytes, reconfigure),
            messages.open_epoch,
            lambda epoch: messages.header(wire_name, epoch),
        )
        super().__init__(name, Connection(Endpoint.of("cache", target, credentials), opening, timeout))
        # Raises what a put with it would.
        encode_put("key", None, default_ttl)
        self._default_ttl = default_ttl
        self._gets = Coalescer(self._get_one, self._get_together, timeout, messages.PIECE_KEYS_MAX)
        self._puts = Coalescer(self._put_one, self._put_together, timeout, messages.PIECE_KEYS_MAX)
        self._coalesces = coalesce
        self._near_settings = near_cache
        self._near: Near | None = None
        # Last, for what can't be made is no cache.
        if name is None:
            note_unnamed_cache()

    async def put(self, key: str, value: object, ttl: float | None = None, *, timeout: float | None = None) -> None:
        """Stores a value for `ttl` seconds (None: default_ttl) and makes it the most recently used."""
        request = encode_put(key, value, self._ttl(ttl))
        with self._changing(key):
            if ttl is None and timeout is None and self._coalesces:
                await self._puts.call(request)
            else:
                await self._connection.call("Put", request, timeout)

    async def get(self, key: str, *, timeout: float | None = None) -> Any:
        """The value, or None when there is none or it has expired. Makes the entry the most recently used."""
        near = self._near
        if near is not None:
            value = near.lookup(key)
            if value is not None:
                return value
        if self._near_settings is not None:
            return await self._load(key, timeout)
        request = encode_get(key)
        if timeout is None and self._coalesces:
            return await self._gets.call(request)
        return decode_get(await self._connection.call("Get", request, timeout))

    async def get_entry(self, key: str, *, timeout: float | None = None) -> tuple[Any, int, float] | None:
        """As get, with the entry's version, for compare_and_swap, and the seconds it has left (math.inf: all)."""
        with self._reading(key):
            return messages.entry(await self._connection.call("Get", messages.key_with_details(key), timeout))

    async def delete(self, key: str, *, timeout: float | None = None) -> bool:
        """Removes an entry; True when there was one."""
        with self._changing(key):
            answer = await self._connection.call("Delete", messages.named_key(key), timeout)
        return entries_pb2.DeleteResponse.FromString(answer).deleted

    async def contains(self, key: str, *, timeout: float | None = None) -> bool:
        """Whether there is an entry, a stored None included. Does not count as its use."""
        answer = await self._connection.call("Contains", messages.key(key), timeout)
        return entries_pb2.ContainsResponse.FromString(answer).contains

    async def size(self, *, timeout: float | None = None) -> int:
        """The number of entries that have not expired."""
        return entries_pb2.GetSizeResponse.FromString(await self._connection.call("GetSize", b"", timeout)).size

    async def clear(self, *, timeout: float | None = None) -> None:
        """Removes all entries and keeps the counters."""
        request = entries_pb2.ClearRequest(request_id=new_request_id()).SerializeToString()
        with self._changing_all():
            await self._connection.call("Clear", request, timeout)

    async def put_many(
        self, items: Mapping[str, object], ttl: float | None = None, *, timeout: float | None = None
    ) -> None:
        """Stores many values in order; many travel in pieces, each within `timeout`.

        When one of them can't be stored, none is.
        """
        with self._changing(*items):
            for piece in encode_put_many(items, self._ttl(ttl)):
                await self._connection.call("PutMany", piece, timeout)

    async def warm_cache(
        self, items: Mapping[str, object], ttl: float | None = None, *, timeout: float | None = None
    ) -> None:
        """Another name of put_many."""
        await self.put_many(items, ttl, timeout=timeout)

    async def get_many(self, keys: Iterable[str], *, timeout: float | None = None) -> dict[str, Any]:
        """The values that were found, by key, in the order asked for; many travel in pieces, each within `timeout`."""
        found: dict[str, Any] = {}
        for request, piece in encode_get_many(keys):
            with self._reading(*piece):
                decode_get_many(await self._connection.call("GetMany", request, timeout), piece, found)
        return found

    async def delete_many(self, keys: Iterable[str], *, timeout: float | None = None) -> int:
        """Removes entries and returns how many there were."""
        deleted = 0
        for piece in messages.key_pieces(keys):
            request = batches_pb2.DeleteManyRequest(request_id=new_request_id(), keys=piece).SerializeToString()
            with self._changing(*piece):
                answer = await self._connection.call("DeleteMany", request, timeout)
            deleted += batches_pb2.DeleteManyResponse.FromString(answer).deleted_count
        return deleted

    async def put_if_absent(
        self, key: str, value: object, ttl: float | None = None, *, timeout: float | None = None
    ) -> bool:
        """Stores a value where there is none; False where there is one, which stays as it is."""
        request = messages.put_if_absent(key, value, self._ttl(ttl))
        with self._changing(key):
            answer = await self._connection.call("PutIfAbsent", request, timeout)
        return atomics_pb2.PutIfAbsentResponse.FromString(answer).stored

    async def compare_and_swap(
        self, key: str, version: int, value: object, ttl: float | None = None, *, timeout: float | None = None
    ) -> bool:
        """Stores a value where the entry still has that version (see get_entry); False, and nothing done, where not."""
        if version == 0:
            # No entry's version. On the wire it means that there must be no entry: that is put_if_absent.
            return False
        request = messages.compare_and_swap(key, version, value, self._ttl(ttl))
        with self._changing(key):
            answer = await self._connection.call("CompareAndSwap", request, timeout)
        return atomics_pb2.CompareAndSwapResponse.FromString(answer).swapped

    async def increment(
        self, key: str, amount: int | Decimal = 1, ttl: float | None = None, *, timeout: float | None = None
    ) -> int | Decimal:
        """Adds to an int or a Decimal, exactly, and returns the sum.

        A missing entry counts as 0; an existing one keeps its time to live. Raises EngineError (a RuntimeError,
        VALUE_NOT_NUMERIC) when the entry is no number.
        """
        request = messages.increment(key, amount, self._ttl(ttl))
        with self._changing(key):
            return messages.sum_of(await self._connection.call("Increment", request, timeout))

    async def touch(self, key: str, ttl: float | None = None, *, timeout: float | None = None) -> bool:
        """Gives an entry a new time to live and makes it the most recently used; False when there is none."""
        request = messages.touch(key, self._ttl(ttl))
        with self._changing(key):
            answer = await self._connection.call("Touch", request, timeout)
        return entries_pb2.TouchResponse.FromString(answer).touched

    async def ttl(self, key: str, *, timeout: float | None = None) -> float | None:
        """Seconds that the entry has left, math.inf when it never expires, None when there is none. Is no use of it."""
        response = entries_pb2.GetTtlResponse.FromString(
            await self._connection.call("GetTtl", messages.key(key), timeout)
        )
        if not response.found:
            return None
        return response.ttl_ns / 1e9 if response.HasField("ttl_ns") else math.inf

    async def keys(
        self, prefix: str = "", limit: int | None = None, cursor: str = "", *, timeout: float | None = None
    ) -> KeyList:
        """Keys with that prefix; does not count as their use.

        limit: at most so many; None: all. cursor: `next_cursor` of the page before. A key that stays from the first
            page to the last is listed exactly once, whatever happens to others meanwhile. Raises ValueError:
            SETTING_INVALID for a limit below 1, PAGE_TOKEN_INVALID for a cursor that the cache didn't make.
        """
        pages = messages.KeyPages(prefix, limit, cursor)
        while (request := pages.next_page()) is not None:
            pages.add(await self._connection.call("ListKeys", request, timeout))
        return pages.found

    async def get_or_compute(
        self,
        key: str,
        function: Callable[[], Awaitable[Any]],
        ttl: float | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """The value of `key`; else what `function()` returns, which is stored for `ttl` seconds (None: default_ttl).

        Of several callers that ask for one key at once, in any process, one computes and the others wait for its value,
        for as long as it takes. An exception of `function` reaches the one that computed; one of those that waited then
        tries itself. One that computes for longer than 60 s may find that another one computes too.
        """
        wait_seconds = self._connection.timeout if timeout is None else timeout
        while True:
            request = messages.acquire_lease(key, wait_seconds)
            answer = await self._connection.call("AcquireLease", request, timeout)
            with self._reading(key):
                outcome = messages.LeaseOutcome(answer)
            if outcome.has_value:
                return outcome.value
            if outcome.lease_id:
                return await self._compute(key, function, self._ttl(ttl), outcome.lease_id, timeout)

    async def statistics(self, *, timeout: float | None = None) -> GenericCacheStatistics:
        """The counters as of now."""
        return messages.statistics(await self._connection.call("GetStatistics", b"", timeout))

    async def reset(self, *, timeout: float | None = None) -> None:
        """Removes all entries and sets the counters to 0. Begins a new epoch."""
        request = caches_pb2.ResetCacheRequest(request_id=new_request_id()).SerializeToString()
        with self._changing_all():
            answer = await self._connection.call("ResetCache", request, timeout)
        self._connection.adopt_epoch(caches_pb2.ResetCacheResponse.FromString(answer).epoch)

    async def list_caches(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """The caches of the service, by name, with their settings; none is opened for it."""
        return messages.summaries(await self._connection.call_by_name("ListCaches", b"", timeout))

    async def drop(self, *, timeout: float | None = None) -> bool:
        """Removes the cache with all it holds; False when there was none."""
        request = caches_pb2.DropCacheRequest(request_id=new_request_id()).SerializeToString()
        with self._changing_all():
            answer = await self._connection.call_by_name("DropCache", request, timeout)
        return caches_pb2.DropCacheResponse.FromString(answer).dropped

    async def _load(self, key: str, timeout: float | None) -> Any:
        """The value from the service, kept nearby if it may be."""
        near = self._near
        if near is None or near.scope is not scope():
            # Opened first: what can't be reached need not be followed.
            await self._connection.open(timeout)
            near = self._near = Near(self._connection, cast("NearCache", self._near_settings))
        begun = near.store.begin(key)
        found = None
        try:
            found = messages.entry(await self._connection.call("Get", messages.key_with_details(key), timeout))
        finally:
            near.store.finish(key, begun, found)
        return None if found is None else found[0]

    def _reading(self, *keys: str) -> AbstractContextManager[None]:
        """Around a read past the copies: no later one of these keys may go back in time."""
        return self._changing(*keys)

    def _changing(self, *keys: str) -> AbstractContextManager[None]:
        """Around a write of these keys."""
        near = self._near
        return nullcontext() if near is None or near.scope is not scope() else near.store.changing(*keys)

    def _changing_all(self) -> AbstractContextManager[None]:
        near = self._near
        return nullcontext() if near is None or near.scope is not scope() else near.store.changing_all()

    async def _get_one(self, request: bytes) -> Any:
        return decode_get(await self._connection.call("Get", request))

    async def _get_together(self, requests: Sequence[bytes], timeout: float) -> Sequence[Any]:
        # Get and GetMany have keys in the same field, so that requests behind each other are one.
        answer = await self._connection.call("GetMany", b"".join(requests), timeout)
        return messages.values_in_order(answer, len(requests))

    async def _put_one(self, request: bytes) -> None:
        await self._connection.call("Put", request)

    async def _put_together(self, requests: Sequence[bytes], timeout: float) -> Sequence[None]:
        # Put and PutMany have keys, values and the time to live, which is the same for all, in the same fields too.
        await self._connection.call("PutMany", b"".join(requests), timeout)
        return [None] * len(requests)

    async def _compute(
        self,
        key: str,
        function: Callable[[], Awaitable[Any]],
        ttl: float,
        lease_id: int,
        timeout: float | None,
    ) -> Any:
        try:
            value = await function()
            request = messages.fulfill_lease(key, lease_id, value, ttl)
        except BaseException:
            await self._connection.call("ReleaseLease", messages.release_lease(key, lease_id), timeout)
            raise
        try:
            with self._changing(key):
                await self._connection.call("FulfillLease", request, timeout)
        except EngineError as error:
            # Another one has computed meanwhile; this caller has its value all the same.
            if error.reason != "LEASE_LOST":
                raise
        return value

    def _ttl(self, ttl: float | None) -> float:
        return self._default_ttl if ttl is None else ttl
