"""CacheService over the core's caches: decode, call, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from alphaforge.cache.v1 import cache_service_pb2
from alphaforge.cache.v1.batches_pb2 import DeleteManyRequest, GetManyRequest, PutManyRequest
from alphaforge.cache.v1.caches_pb2 import (
    CacheSettings,
    CacheSummary,
    DropCacheRequest,
    DropCacheResponse,
    GetStatisticsRequest,
    ListCachesRequest,
    ListCachesResponse,
    OpenCacheRequest,
    OpenCacheResponse,
    ResetCacheRequest,
    ResetCacheResponse,
)
from alphaforge.cache.v1.entries_pb2 import (
    ClearRequest,
    ContainsRequest,
    DeleteRequest,
    GetRequest,
    GetSizeRequest,
    GetTtlRequest,
    ListKeysRequest,
    PutRequest,
    TouchRequest,
)
from alphaforge_core.cache import COUNTERS
from alphaforge_core.errors import Unavailable
from prometheus_client.registry import Collector

from services.cache.engine import NamedCache
from services.cache.settings import CacheServiceSettings
from services.common.calls import Calls
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.registry import Registry
from services.common.rpc import Handler
from services.common.server import Health
from services.common.service_metrics import StreamCollector
from services.common.streams import Subscribers

__all__ = ["CacheServicer"]

# How often entries that have expired are freed where no call does it.
_SWEEP_SECONDS = 0.25


class CacheServicer:
    """The caches of a cache service and its RPCs."""

    descriptor = cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"]

    def __init__(self, settings: CacheServiceSettings) -> None:
        self._subscribers = Subscribers(settings.max_subscribers, settings.heartbeat_seconds)
        self._caches = Registry("cache", NamedCache)
        self._calls = Calls(self._caches)
        self._sweep: asyncio.Task[None] | None = None

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls, cache = self._calls, NamedCache
        return {
            "OpenCache": self._open_cache,
            "ListCaches": self._list_caches,
            "ResetCache": calls.once(ResetCacheRequest, self._reset_cache),
            "DropCache": calls.once(DropCacheRequest, self._drop_cache),
            "Put": calls.direct(PutRequest, cache.put),
            "Get": calls.direct(GetRequest, cache.get),
            "Delete": calls.once(DeleteRequest, calls.direct(DeleteRequest, cache.delete)),
            "Contains": calls.direct(ContainsRequest, cache.contains),
            "GetSize": calls.direct(GetSizeRequest, cache.size),
            "Clear": calls.once(ClearRequest, calls.direct(ClearRequest, cache.clear)),
            "GetStatistics": calls.direct(GetStatisticsRequest, cache.statistics),
            "PutMany": calls.queued(PutManyRequest, cache.put_many),
            "GetMany": calls.queued(GetManyRequest, cache.get_many),
            "DeleteMany": calls.once(DeleteManyRequest, calls.queued(DeleteManyRequest, cache.delete_many)),
            "Touch": calls.direct(TouchRequest, cache.touch),
            "GetTtl": calls.direct(GetTtlRequest, cache.ttl),
            "ListKeys": calls.direct(ListKeysRequest, cache.list_keys),
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each cache."""
        return [
            EngineCollector("cache", COUNTERS, lambda: ((each.name, each.engine) for each in self._caches.engines())),
            StreamCollector(self._subscribers),
        ]

    async def start(self, health: Health) -> None:
        """Starts the sweep."""
        self._sweep = asyncio.ensure_future(self._run_sweep())

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._caches.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the sweep."""
        if self._sweep is not None:
            self._sweep.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweep

    async def _run_sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for cache in self._caches.engines():
                cache.engine.release_expired()

    async def _open_cache(self, request: bytes) -> bytes:
        message = OpenCacheRequest.FromString(request)
        cache, created = self._caches.open(message.cache, given(message.settings), reconfigure=message.reconfigure)
        settings = fill(CacheSettings(), cache.settings)
        return OpenCacheResponse(epoch=cache.epoch, settings=settings, created=created).SerializeToString()

    async def _list_caches(self, request: bytes) -> bytes:
        ListCachesRequest.FromString(request)
        caches = []
        for cache in sorted(self._caches.engines(), key=lambda each: each.name):
            statistics = cache.engine.statistics()
            summary = CacheSummary(cache=cache.name, epoch=cache.epoch, settings=fill(CacheSettings(), cache.settings))
            summary.entries = statistics.entries
            summary.estimated_memory_bytes = statistics.estimated_memory_bytes
            caches.append(summary)
        return ListCachesResponse(caches=caches).SerializeToString()

    async def _reset_cache(self, request: bytes) -> bytes:
        cache = self._caches.replace(self._caches.existing_of(ResetCacheRequest.FromString(request)))
        return ResetCacheResponse(epoch=cache.epoch).SerializeToString()

    async def _drop_cache(self, request: bytes) -> bytes:
        dropped = self._caches.drop(DropCacheRequest.FromString(request))
        return DropCacheResponse(dropped=dropped).SerializeToString()
