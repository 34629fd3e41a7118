"""Requests and responses of the cache service.

The core encodes and decodes values, and the requests and responses that hold many of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from alphaforge.cache.v1 import atomics_pb2, caches_pb2, entries_pb2, leases_pb2, value_pb2
from alphaforge_core.cache import COUNTERS, GenericCacheStatistics, KeyList
from alphaforge_core.cache_wire import (
    decode_get,
    decode_get_batches,
    decode_get_each,
    decode_get_entry,
    decode_get_many,
    decode_value,
    encode_get,
    encode_get_many,
    encode_put,
)

from alphaforge_client._wire.answer import parsed, reads_answer
from alphaforge_client._wire.opening import Opening, Service
from alphaforge_client._wire.pages import Pages
from alphaforge_client._wire.request_id import new_request_id
from alphaforge_client.errors import InvalidArgument, ResourceExhausted, UnsupportedValue

SERVICE = Service(
    "alphaforge.cache.v1.CacheService",
    "cache",
    "OpenCache",
    caches_pb2.OpenCacheResponse,
    caches_pb2.ListCachesResponse,
    caches_pb2.GetStatisticsRequest,
)

# Maximum number of single calls that share a request.
CHUNK_KEYS_MAX = 8_192

# Batches within these limits of keys and bytes share requests too, up to this many at a time.
SHARED_KEYS_MAX = 512
SHARED_BYTES_MAX = 65_536
SHARED_BATCHES_MAX = CHUNK_KEYS_MAX // SHARED_KEYS_MAX

_LEASE_SECONDS = 60


def opening(name: str, partitions: int, *, max_size: int | None, max_bytes: int | None, reconfigure: bool) -> Opening:
    for what, bound in (("max_size", max_size), ("max_bytes", max_bytes)):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
            raise UnsupportedValue(f"{what} must be an int, not {type(bound).__name__}", reason="TYPE_UNSUPPORTED")
        if bound is not None and not 1 <= bound < 2**63:
            raise InvalidArgument(f"{what} is {bound}; it must be at least 1", reason="SETTING_INVALID")
    settings = caches_pb2.CacheSettings(max_size=max_size, max_bytes=max_bytes)
    if partitions > 1:
        settings.partitions = partitions
    request = caches_pb2.OpenCacheRequest(cache=name, settings=settings, reconfigure=reconfigure)
    return SERVICE.opening(name, request, partitions)


def key(key: str) -> bytes:
    """The request of a call with only a key."""
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


@reads_answer
def value(answer: bytes) -> Any:
    """The value in the response to Get, or None."""
    return decode_get(answer)


@reads_answer
def values(answer: bytes, keys: list[str], found: dict[str, Any]) -> None:
    """Adds the values in the response to GetMany for these keys."""
    decode_get_many(answer, keys, found)


@reads_answer
def entry(answer: bytes) -> tuple[Any, int, float] | None:
    found = decode_get_entry(answer)
    return None if found is None else found[:3]


def halves(keys: list[str], error: ResourceExhausted) -> list[tuple[bytes, list[str]]]:
    """Splits a request whose values exceed one response. Raises the error if it has another reason."""
    if error.reason != "LIMIT_EXCEEDED" or len(keys) < 2:
        raise error
    return encode_get_many(keys, keys_max=(len(keys) + 1) // 2)


@reads_answer
def values_in_order(answer: bytes, count: int) -> list[Any]:
    """The values of one response, one per key asked for, None if missing."""
    return decode_get_each(answer, count)


@reads_answer
def values_by_batch(answer: bytes, batches: list[list[str]]) -> list[dict[str, Any]]:
    """The values of one response to the keys of several batches."""
    return decode_get_batches(answer, batches)


@reads_answer
def sum_of(answer: bytes) -> int | Decimal:
    total: int | Decimal = _decoded(atomics_pb2.IncrementResponse.FromString(answer).value)
    return total


def key_chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """Validates the keys and splits them into chunks."""
    return (chunk for _, chunk in encode_get_many(keys))


def key_pages(prefix: str, limit: int | None, cursor: str) -> Pages[str]:
    def keys(answer: bytes) -> tuple[Sequence[str], str]:
        page = entries_pb2.ListKeysResponse.FromString(answer)
        return page.keys, page.next_cursor

    if limit is not None and limit < 1:
        raise InvalidArgument(f"limit is {limit}; it must be at least 1", reason="SETTING_INVALID")
    return Pages(entries_pb2.ListKeysRequest(prefix=prefix, cursor=cursor), "cursor", keys, limit=limit)


def key_list(pages: Pages[str]) -> KeyList:
    """The keys of a page, and the cursor of the next one."""
    keys = KeyList(pages.found)
    keys.next_cursor = str(pages.next_place)
    return keys


def acquire_lease(key: str, wait_seconds: float) -> bytes:
    # The service answers before the deadline, so a long computation is not an error for callers that wait.
    wait_ns = int(wait_seconds * 1e9 * 0.5)
    request = leases_pb2.AcquireLeaseRequest(
        request_id=new_request_id(), lease_ns=_LEASE_SECONDS * 10**9, wait_ns=wait_ns
    )
    return encode_get(key) + request.SerializeToString()


class LeaseOutcome:
    """The response to a request for a lease: the value, the lease, or neither while another caller is computing."""

    @reads_answer
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
    message = parsed(caches_pb2.GetStatisticsResponse, answer).statistics
    return GenericCacheStatistics(**{name: getattr(message, name) for name, *_ in COUNTERS})


def _named() -> bytes:
    return atomics_pb2.PutIfAbsentRequest(request_id=new_request_id()).SerializeToString()


def _decoded(value: value_pb2.Value) -> Any:
    return decode_value(value.SerializeToString())
