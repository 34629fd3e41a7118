"""CacheService over the core's caches: decode, call, encode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from alphaforge.cache.v1 import cache_service_pb2
from alphaforge.cache.v1.atomics_pb2 import CompareAndSwapRequest, IncrementRequest, PutIfAbsentRequest
from alphaforge.cache.v1.batches_pb2 import DeleteManyRequest
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
    GetSizeRequest,
    GetTtlRequest,
    ListKeysRequest,
    TouchRequest,
)
from alphaforge.cache.v1.invalidations_pb2 import ReportNearHitsRequest, SubscribeInvalidationsRequest
from alphaforge.cache.v1.leases_pb2 import (
    AcquireLeaseRequest,
    FulfillLeaseRequest,
    ReleaseLeaseRequest,
    RenewLeaseRequest,
)
from alphaforge_core.cache import COUNTERS
from alphaforge_core.cache_wire import CacheEngine, GetManyRequest, GetRequest, PutManyRequest, PutRequest
from alphaforge_core.errors import Unavailable
from google.protobuf.message import Message
from prometheus_client.registry import Collector

from services.cache.cache_files import CacheFiles
from services.cache.engine import NamedCache, change_filter
from services.cache.memory import Memory
from services.cache.settings import CacheServiceSettings
from services.common.calls import Calls
from services.common.messages import fill, given
from services.common.metrics import EngineCollector
from services.common.periodic import Periodic
from services.common.registry import Registry
from services.common.rpc import Handler, UnaryHandler
from services.common.server import Health
from services.common.service_metrics import JournalCollector, RecoveryCollector, StreamCollector
from services.common.streams import Subscribers

__all__ = ["CacheServicer"]

R = TypeVar("R")

# How often entries that have expired are freed where no call does it.
_SWEEP_SECONDS = 0.25

# How often files are looked at that may have grown too large.
_REWRITE_SECONDS = 1.0

# A near cache may trust its copies for a second without a sign of life.
_HEARTBEAT_SECONDS_MAX = 0.75


class CacheServicer:
    """The caches of a cache service and its RPCs."""

    descriptor = cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"]

    def __init__(self, settings: CacheServiceSettings) -> None:
        heartbeat_seconds = min(settings.heartbeat_seconds, _HEARTBEAT_SECONDS_MAX)
        self._subscribers = Subscribers(settings.max_subscribers, heartbeat_seconds)
        self._memory = Memory(settings.max_memory_bytes, settings.when_full)
        self._files = CacheFiles(settings.data_dir, settings.durability, warm_restart=settings.warm_restart)
        self._caches = Registry("cache", self._build, files=self._files, placed=self._memory.enter)
        self._calls = Calls(self._caches)
        self._sweep = Periodic(_SWEEP_SECONDS, self._free_expired)
        self._rewriting = Periodic(_REWRITE_SECONDS, lambda: self._files.rewrite_large(self._caches.engines()))

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any], core: CacheEngine | None = None) -> NamedCache:
        return NamedCache(name, epoch, settings, self._subscribers, self._memory, core)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""
        calls, cache = self._calls, NamedCache
        return {
            "OpenCache": self._open_cache,
            "ListCaches": self._list_caches,
            "ResetCache": calls.once(ResetCacheRequest, self._reset_cache),
            "DropCache": calls.once(DropCacheRequest, self._drop_cache),
            "Put": calls.direct(PutRequest, cache.put, cache.publish),
            "Get": calls.direct(GetRequest, cache.get),
            "Delete": self._once(DeleteRequest, cache.delete),
            "Contains": calls.direct(ContainsRequest, cache.contains),
            "GetSize": calls.threaded(GetSizeRequest, cache.size),
            "Clear": self._once_beside(ClearRequest, calls.threaded(ClearRequest, cache.clear, cache.publish)),
            "GetStatistics": calls.threaded(GetStatisticsRequest, cache.statistics),
            "PutMany": calls.queued(PutManyRequest, cache.put_many, cache.publish),
            "GetMany": calls.queued(GetManyRequest, cache.get_many),
            "DeleteMany": self._once_beside(
                DeleteManyRequest, calls.queued(DeleteManyRequest, cache.delete_many, cache.publish)
            ),
            "PutIfAbsent": self._once(PutIfAbsentRequest, cache.put_if_absent),
            "CompareAndSwap": self._once(CompareAndSwapRequest, cache.compare_and_swap),
            "Increment": self._once(IncrementRequest, cache.increment),
            "Touch": calls.direct(TouchRequest, cache.touch, cache.publish),
            "GetTtl": calls.direct(GetTtlRequest, cache.ttl),
            "ListKeys": calls.threaded(ListKeysRequest, cache.list_keys),
            "AcquireLease": calls.once(AcquireLeaseRequest, self._acquire_lease),
            "RenewLease": calls.direct(RenewLeaseRequest, cache.renew_lease),
            "FulfillLease": self._once(FulfillLeaseRequest, cache.fulfill_lease),
            "ReleaseLease": calls.once(ReleaseLeaseRequest, calls.direct(ReleaseLeaseRequest, cache.release_lease)),
            "SubscribeInvalidations": self._subscribe_invalidations,
            "ReportNearHits": calls.queued(ReportNearHitsRequest, cache.report_near_hits),
        }

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each cache."""
        return [
            EngineCollector("cache", COUNTERS, lambda: ((each.name, each.core) for each in self._caches.engines())),
            StreamCollector(self._subscribers),
            JournalCollector(lambda: self._files.statistics(self._caches.engines())),
            RecoveryCollector(self._files.recovery),
        ]

    async def start(self, health: Health) -> None:
        """Takes up what the last process left, and starts the sweep and the rewriting of files."""
        self._caches.restore(self._files.load(self._build))
        self._sweep.start()
        self._rewriting.start()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere."""
        self._caches.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Stops the sweep and the rewriting, and leaves the caches to the next process."""
        await self._sweep.stop()
        await self._rewriting.stop()
        await _in_thread(partial(self._files.close, self._caches.engines()))

    def _once(self, kind: type[Message], call: Callable[[NamedCache, Any], bytes]) -> UnaryHandler:
        async def handle(request: bytes) -> bytes:
            message: Any = kind.FromString(request)
            cache = await self._caches.of(message)
            return await cache.once(message, request, partial(call, cache, message))

        return handle

    def _once_beside(self, kind: type[Message], handler: UnaryHandler) -> UnaryHandler:
        async def handle(request: bytes) -> bytes:
            message: Any = kind.FromString(request)
            cache = await self._caches.of(message)
            return await cache.once_beside(message, request, partial(handler, request))

        return handle

    async def _free_expired(self) -> None:
        caches = self._caches.engines()
        await _in_thread(partial(_release_expired, caches))
        for cache in caches:
            cache.sweep()

    async def _open_cache(self, request: bytes) -> bytes:
        message = OpenCacheRequest.FromString(request)
        cache, created = await self._caches.open(
            message.cache, given(message.settings), reconfigure=message.reconfigure
        )
        settings = fill(CacheSettings(), cache.settings)
        return OpenCacheResponse(epoch=cache.epoch, settings=settings, created=created).SerializeToString()

    async def _list_caches(self, request: bytes) -> bytes:
        ListCachesRequest.FromString(request)
        ordered = sorted(self._caches.engines(), key=lambda each: each.name)
        counted = await _in_thread(lambda: [cache.core.statistics() for cache in ordered])
        caches = []
        for cache, statistics in zip(ordered, counted, strict=True):
            summary = CacheSummary(cache=cache.name, epoch=cache.epoch, settings=fill(CacheSettings(), cache.settings))
            summary.entries = statistics.entries
            summary.estimated_memory_bytes = statistics.estimated_memory_bytes
            caches.append(summary)
        return ListCachesResponse(caches=caches).SerializeToString()

    async def _reset_cache(self, request: bytes) -> bytes:
        message = ResetCacheRequest.FromString(request)
        before = self._caches.existing_of(message)
        cache = await self._caches.reset(message)
        await _in_thread(before.core.clear)
        return ResetCacheResponse(epoch=cache.epoch).SerializeToString()

    async def _drop_cache(self, request: bytes) -> bytes:
        message = DropCacheRequest.FromString(request)
        before = self._caches.find(message.cache, None)
        dropped = await self._caches.drop(message)
        if before is not None and dropped:
            await _in_thread(before.core.clear)
        return DropCacheResponse(dropped=dropped).SerializeToString()

    async def _acquire_lease(self, request: bytes) -> bytes:
        message = AcquireLeaseRequest.FromString(request)
        return await (await self._caches.of(message)).acquire_lease(message)

    async def _subscribe_invalidations(self, request: bytes) -> AsyncGenerator[bytes]:
        message = SubscribeInvalidationsRequest.FromString(request)
        cache = await self._caches.of(message)
        cache.want_changes()
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        async with aclosing(cache.changes.subscribe(from_sequence, change_filter(message))) as responses:
            async for response in responses:
                yield response


def _release_expired(caches: Sequence[NamedCache]) -> None:
    for cache in caches:
        cache.core.release_expired()


async def _in_thread(work: Callable[[], R]) -> R:
    """What takes time in proportion to a cache; the core does it without the GIL, and in pieces where it locks."""
    return await asyncio.get_running_loop().run_in_executor(None, work)
