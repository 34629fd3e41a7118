"""Messages of the cache service: what the cache's methods say and hear.

Values travel encoded; the core encodes and decodes them, and the requests and answers that have many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from alphaforge.cache.v1 import atomics_pb2, caches_pb2, entries_pb2, leases_pb2, value_pb2
from alphaforge_core.cache import COUNTERS, GenericCacheStatistics, KeyList
from alphaforge_core.cache_wire import (
    decode_get_entry,
    decode_get_many,
    decode_value,
    encode_get,
    encode_get_many,
    encode_put,
)

from alphaforge_client._pages import PAGE_ITEMS_MAX
from alphaforge_client._request_id import new_request_id
from alphaforge_client._summary import EngineSummary, summary_of
from alphaforge_client.errors import InvalidArgument, UnsupportedValue

SERVICE = "alphaforge.cache.v1.CacheService"

# How many keys of single calls travel together.
PIECE_KEYS_MAX = 8_192

_LEASE_SECONDS = 60


def open_request(name: str, max_size: int | None, max_bytes: int | None, reconfigure: bool) -> bytes:
    for what, bound in (("max_size", max_size), ("max_bytes", max_bytes)):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
            raise UnsupportedValue(f"{what} is an int, not {type(bound).__name__}", reason="TYPE_UNSUPPORTED")
        if bound is not None and not 1 <= bound < 2**63:
            raise InvalidArgument(f"{what} is {bound}; it must be at least 1", reason="SETTING_INVALID")
    settings = caches_pb2.CacheSettings(max_size=max_size, max_bytes=max_bytes)
    return caches_pb2.OpenCacheRequest(cache=name, settings=settings, reconfigure=reconfigure).SerializeToString()


def open_epoch(answer: bytes) -> int:
    return caches_pb2.OpenCacheResponse.FromString(answer).epoch


def summaries(answer: bytes) -> list[EngineSummary]:
    return [summary_of(one.cache, one) for one in caches_pb2.ListCachesResponse.FromString(answer).caches]


def header(name: str, epoch: int | None) -> bytes:
    """The first two fields of every request of the service."""
    return caches_pb2.GetStatisticsRequest(cache=name, epoch=epoch).SerializeToString()


def key(key: str) -> bytes:
    """The request of every call that is about one key and nothing else."""
    return encode_get(key)


def named_key(key: str) -> bytes:
    return encode_get(key) + _named()


def key_with_details(key: str) -> bytes:
    return encode_get(key, True)


def put_if_absent(key: str, value: object, ttl: float) -> bytes:
    # All requests that store a value have its key, the value and the time to live in the same fields.
    return encode_put(key, value, ttl) + _named()


def compare_and_swap(key: str, version: int, value: object, ttl: float) -> bytes:
    request = atomics_pb2.CompareAndSwapRequest(request_id=new_request_id(), expected_version=version)
    return encode_put(key, value, ttl) + request.SerializeToString()


def increment(key: str, amount: object, ttl: float) -> bytes:
    return encode_put(key, amount, ttl) + _named()


def touch(key: str, ttl: float) -> bytes:
    stored = entries_pb2.PutRequest.FromString(encode_put(key, None, ttl))
    if stored.never_expires:
        return entries_pb2.TouchRequest(key=key, never_expires=True).SerializeToString()
    return entries_pb2.TouchRequest(key=key, ttl_ns=stored.ttl_ns).SerializeToString()


def entry(answer: bytes) -> tuple[Any, int, float] | None:
    found = decode_get_entry(answer)
    return None if found is None else found[:3]


def values_in_order(answer: bytes, count: int) -> list[Any]:
    """The values of one answer, one per key asked for, None where there is none."""
    # Not under their keys: two calls may ask for the same one, and each gets a value of its own.
    places = [str(place) for place in range(count)]
    found: dict[str, Any] = {}
    decode_get_many(answer, places, found)
    return [found.get(place) for place in places]


def sum_of(answer: bytes) -> int | Decimal:
    total: int | Decimal = _decoded(atomics_pb2.IncrementResponse.FromString(answer).value)
    return total


def key_pieces(keys: Iterable[str]) -> Iterator[list[str]]:
    """The keys, checked and cut into pieces."""
    return (piece for _, piece in encode_get_many(keys))


class KeyPages:
    """Asks for page after page of keys until all, or `limit`, are there."""

    def __init__(self, prefix: str, limit: int | None, cursor: str) -> None:
        if limit is not None and limit < 1:
            raise InvalidArgument(f"limit is {limit}; it must be at least 1", reason="SETTING_INVALID")
        self.found = KeyList()
        self._limit = limit
        self._is_done = False
        self._request = entries_pb2.ListKeysRequest(prefix=prefix, cursor=cursor)

    def next_page(self) -> bytes | None:
        """The request for the next page; None when there is none left."""
        if self._is_done:
            return None
        if self._limit is not None:
            self._request.limit = min(self._limit - len(self.found), PAGE_ITEMS_MAX)
        return self._request.SerializeToString()

    def add(self, answer: bytes) -> None:
        """Takes a page in."""
        page = entries_pb2.ListKeysResponse.FromString(answer)
        self.found.extend(page.keys)
        self.found.next_cursor = self._request.cursor = page.next_cursor
        self._is_done = not page.next_cursor or len(self.found) == self._limit


def acquire_lease(key: str, wait_seconds: float) -> bytes:
    # The service answers before the deadline, so that a long computation is no error of those who wait.
    wait_ns = int(wait_seconds * 1e9 * 0.5)
    request = leases_pb2.AcquireLeaseRequest(
        request_id=new_request_id(), lease_ns=_LEASE_SECONDS * 10**9, wait_ns=wait_ns
    )
    return encode_get(key) + request.SerializeToString()


class LeaseOutcome:
    """What came of asking for a lease: the value, the lease, or neither while somebody else still computes."""

    def __init__(self, answer: bytes) -> None:
        response = leases_pb2.AcquireLeaseResponse.FromString(answer)
        self.has_value = response.HasField("value")
        self.value: Any = _decoded(response.value) if self.has_value else None
        self.lease_id = response.lease.lease_id


def fulfill_lease(key: str, lease_id: int, value: object, ttl: float) -> bytes:
    request = leases_pb2.FulfillLeaseRequest(request_id=new_request_id(), lease_id=lease_id)
    return encode_put(key, value, ttl) + request.SerializeToString()


def release_lease(key: str, lease_id: int) -> bytes:
    request = leases_pb2.ReleaseLeaseRequest(request_id=new_request_id(), lease_id=lease_id)
    return encode_get(key) + request.SerializeToString()


def statistics(answer: bytes) -> GenericCacheStatistics:
    message = caches_pb2.GetStatisticsResponse.FromString(answer).statistics
    return GenericCacheStatistics(**{name: getattr(message, name) for name, *_ in COUNTERS})


def _named() -> bytes:
    return atomics_pb2.PutIfAbsentRequest(request_id=new_request_id()).SerializeToString()


def _decoded(value: value_pb2.Value) -> Any:
    return decode_value(value.SerializeToString())
