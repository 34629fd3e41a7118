"""Queries of a cache: query the core and encode the result."""

from __future__ import annotations

from alphaforge.cache.v1.caches_pb2 import CacheStatistics, GetStatisticsRequest, GetStatisticsResponse
from alphaforge.cache.v1.entries_pb2 import (
    ContainsRequest,
    ContainsResponse,
    GetSizeRequest,
    GetSizeResponse,
    GetTtlRequest,
    GetTtlResponse,
    ListKeysRequest,
    ListKeysResponse,
)
from alphaforge.cache.v1.invalidations_pb2 import ReportNearHitsRequest, ReportNearHitsResponse
from alphaforge_core.cache_wire import GetManyRequest, GetRequest

from services.base.messages import fill
from services.base.pages import limit_of
from services.cache.engine import NamedCache


def get(cache: NamedCache, request: GetRequest) -> bytes:
    """Returns the value, or none."""
    return cache.core.get_wire(request)


def get_many(cache: NamedCache, request: GetManyRequest) -> bytes:
    """Returns the values found."""
    return cache.core.get_many_wire(request)


def contains(cache: NamedCache, message: ContainsRequest) -> bytes:
    """Returns whether the key has an entry."""
    return ContainsResponse(contains=cache.core.contains(message.key)).SerializeToString()


def ttl(cache: NamedCache, message: GetTtlRequest) -> bytes:
    """The remaining time to live of an entry."""
    found, ttl_ns = cache.core.ttl_ns(message.key)
    return GetTtlResponse(found=found, ttl_ns=ttl_ns).SerializeToString()


def size(cache: NamedCache, message: GetSizeRequest) -> bytes:
    """The number of entries."""
    return GetSizeResponse(size=cache.core.size()).SerializeToString()


def list_keys(cache: NamedCache, message: ListKeysRequest) -> bytes:
    """A page of keys."""
    keys, cursor = cache.core.keys_page(message.prefix, limit_of(message.limit), message.cursor)
    return ListKeysResponse(keys=keys, next_cursor=cursor).SerializeToString()


def statistics(cache: NamedCache, message: GetStatisticsRequest) -> bytes:
    """The cache's counters."""
    statistics = fill(CacheStatistics(), cache.core.statistics().as_dict())
    return GetStatisticsResponse(statistics=statistics).SerializeToString()


def report_near_hits(cache: NamedCache, message: ReportNearHitsRequest) -> bytes:
    """Counts the hits of a near cache, and marks their keys as used."""
    cache.core.report_near_hits(message.keys, message.hits)
    return ReportNearHitsResponse().SerializeToString()
