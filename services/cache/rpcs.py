"""The cache service: one row per call, and the calls on the service itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
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
from prometheus_client.registry import Collector

from services.access.roles import Role
from services.base.messages import fill, given
from services.base.periodic import Periodic
from services.cache.cache_files import CacheFiles
from services.cache.engine import BATCH_KEYS_MAX, NamedCache
from services.cache.memory import Memory
from services.cache.settings import CacheServiceSettings
from services.engines.answers import Answers, first_answer
from services.engines.registry import Registry
from services.engines.rows import BATCH_BYTES_MAX, Row, Runs, Table, on_service, query, stream
from services.metrics.rpc_metrics import EngineCollector
from services.metrics.service_metrics import JournalCollector, RecoveryCollector, StreamCollector
from services.runtime.candidate import candidate_of
from services.runtime.cluster_metrics import ClusterCollector
from services.runtime.server import Health
from services.streams.feed import Subscribers

__all__ = ["CacheService"]

R = TypeVar("R")

# How often expired entries that no call has removed are freed.
_SWEEP_SECONDS = 0.25

# How often the position of each file is recorded and its size checked.
_FILES_SECONDS = 1.0

# Below one second, the time for which a near cache trusts its copies without a heartbeat.
_HEARTBEAT_SECONDS_MAX = 0.75


class CacheService:
    """The caches of a service, and the calls on the service itself."""

    descriptor = cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"]
    table: Table
    description = ""

    def __init__(self, settings: CacheServiceSettings) -> None:
        heartbeat_seconds = min(settings.heartbeat_seconds, _HEARTBEAT_SECONDS_MAX)
        self.answers = Answers()
        self._subscribers = Subscribers(settings.max_subscribers, heartbeat_seconds)
        self._memory = Memory(settings.max_memory_bytes, settings.when_full)
        self.candidate = candidate_of(settings)
        durability, warm_restart = settings.durability, settings.warm_restart
        if self.candidate is not None:
            # A file here would lack the changes made by other candidates.
            durability, warm_restart = "none", False
        self._files = CacheFiles(settings.data_dir, durability, warm_restart=warm_restart)
        self.engines = Registry("cache", self._build, files=self._files, placed=self._memory.enter)
        self._sweep = Periodic(_SWEEP_SECONDS, self._free_expired)
        self._file_watch = Periodic(_FILES_SECONDS, self._look_after_files)

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any], core: CacheEngine | None = None) -> NamedCache:
        return NamedCache(name, epoch, settings, self.table, self._subscribers, self._memory, core)

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each cache, of streams and of files."""
        cluster = [] if self.candidate is None else [ClusterCollector(self.candidate)]
        return [
            *cluster,
            EngineCollector("cache", COUNTERS, lambda: ((each.name, each.core) for each in self.engines.engines())),
            StreamCollector(self._subscribers),
            JournalCollector(lambda: self._files.statistics(self.engines.engines())),
            RecoveryCollector(self._files.recovery),
        ]

    # --- From start to stop.

    async def start(self, health: Health) -> None:
        """Restores the caches of the previous process; a candidate starts empty."""
        self.engines.restore(self._files.load(self._build), self._files.refused)
        reset = ResetCacheRequest.DESCRIPTOR.full_name
        for cache in self.engines.engines():
            self.answers.restore(each for each in cache.answers.saved() if each.message == reset)
        if self.candidate is not None:
            await self.candidate.start(self, self.engines, kept=False, health=health)

    async def begin_primary(self) -> None:
        """Called when this candidate becomes the primary."""
        self.start_primary()

    async def end_primary(self) -> None:
        """Called when this candidate is no longer the primary."""
        await self.stop_primary()

    async def checkpoint_all(self) -> None:
        """Does nothing: the journal has no entries of caches."""

    def start_primary(self) -> None:
        """Starts sweeping expired entries and maintaining files."""
        self._sweep.start()
        self._file_watch.start()

    async def stop_primary(self) -> None:
        """Stops sweeping expired entries and maintaining files."""
        await self._sweep.stop()
        await self._file_watch.stop()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients reconnect elsewhere."""
        self.engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Saves the caches for the next process."""
        await _in_thread(partial(self._files.close, self.engines.engines()))

    async def _look_after_files(self) -> None:
        caches = self.engines.engines()
        await _in_thread(partial(self._files.note_progress, caches))
        await self._files.rewrite_large(caches)

    async def _free_expired(self) -> None:
        caches = self.engines.engines()
        await _in_thread(partial(_release_expired, caches))
        for cache in caches:
            cache.sweep()

    # --- Calls on the service.

    async def open_cache(self, message: OpenCacheRequest) -> bytes:
        """Opens a cache, or creates it."""
        cache, created = await self.engines.open(
            message.cache, given(message.settings), reconfigure=message.reconfigure
        )
        settings = fill(CacheSettings(), cache.described)
        return OpenCacheResponse(epoch=cache.epoch, settings=settings, created=created).SerializeToString()

    async def list_caches(self, message: ListCachesRequest) -> bytes:
        """All caches, by name."""
        ordered = sorted(self.engines.engines(), key=lambda each: each.name)
        counted = await _in_thread(lambda: [cache.core.statistics() for cache in ordered])
        caches = []
        for cache, statistics in zip(ordered, counted, strict=True):
            summary = CacheSummary(cache=cache.name, epoch=cache.epoch, settings=fill(CacheSettings(), cache.described))
            summary.entries = statistics.entries
            summary.estimated_memory_bytes = statistics.estimated_memory_bytes
            caches.append(summary)
        return ListCachesResponse(caches=caches).SerializeToString()

    async def reset_cache(self, message: ResetCacheRequest) -> bytes:
        """Empties a cache."""
        epoch = message.epoch if message.HasField("epoch") else None
        before = self.engines.find(message.cache, epoch)
        cache = await self.engines.reset(message.cache, epoch, partial(_first_reset_answer, message))
        if before is not None:
            await _in_thread(before.core.clear)
        return ResetCacheResponse(epoch=cache.epoch).SerializeToString()

    async def drop_cache(self, message: DropCacheRequest) -> bytes:
        """Drops a cache."""
        epoch = message.epoch if message.HasField("epoch") else None
        before = self.engines.find(message.cache, None)
        dropped = await self.engines.drop(message.cache, epoch)
        if before is not None and dropped:
            await _in_thread(before.core.clear)
        return DropCacheResponse(dropped=dropped).SerializeToString()


def _first_reset_answer(message: ResetCacheRequest, epoch: int) -> bytes:
    """Returns the first answer to store in the new file for a repeat after a restart; empty without a request id."""
    if not message.request_id:
        return b""
    answer = ResetCacheResponse(epoch=epoch).SerializeToString()
    return first_answer(message, message.SerializeToString(), answer, time.time_ns()).SerializeToString()


def _release_expired(caches: Sequence[NamedCache]) -> None:
    for cache in caches:
        cache.core.release_expired()


async def _in_thread(work: Callable[[], R]) -> R:
    """Runs work proportional to a cache's size. The core releases the GIL and locks the cache for a part at a time."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


_READ, _WRITE, _ADMIN = Role
_Cache, _Service = NamedCache, CacheService
_ALL = BATCH_BYTES_MAX
_LOOP, _THREAD, _WAIT = Runs.LOOP, Runs.THREAD, Runs.WAIT
_KEYS_MAX = {"keys": BATCH_KEYS_MAX}
_get = partial(Row, role=_READ, runs=_LOOP)
_put = partial(Row, publish=_Cache.publish, role=_WRITE, runs=_LOOP, bytes_max=_ALL)
_batch = partial(Row, publish=_Cache.publish, role=_WRITE, runs=Runs.BY_SIZE, bytes_max=_ALL, admits_unread=True)
_lease = partial(Row, role=_WRITE, runs=_LOOP)
_scan = partial(Row, role=_READ, runs=_THREAD)

# Name, request, method; the rest by keyword (engines/rows.py). Rows have no journal numbers, since each cache has its
# own file, and no queue, since the core locks a cache for only a few entries at a time.
CacheService.table = Table(
    [
        # The service.
        on_service("OpenCache", OpenCacheRequest, _Service.open_cache, role=_READ),
        on_service("ListCaches", ListCachesRequest, _Service.list_caches, role=_READ),
        on_service("ResetCache", ResetCacheRequest, _Service.reset_cache, role=_ADMIN, once=True, audited=True),
        on_service("DropCache", DropCacheRequest, _Service.drop_cache, role=_ADMIN, once=True, audited=True),
        # Entries.
        _get("Get", GetRequest, _Cache.get),
        _get("Contains", ContainsRequest, _Cache.contains),
        _get("GetTtl", GetTtlRequest, _Cache.ttl),
        _put("Put", PutRequest, _Cache.put),
        _put("Touch", TouchRequest, _Cache.touch),
        _put("Delete", DeleteRequest, _Cache.delete, once=True),
        # Atomic operations.
        _put("PutIfAbsent", PutIfAbsentRequest, _Cache.put_if_absent, once=True),
        _put("CompareAndSwap", CompareAndSwapRequest, _Cache.compare_and_swap, once=True),
        _put("Increment", IncrementRequest, _Cache.increment, once=True),
        # Batches.
        Row("GetMany", GetManyRequest, _Cache.get_many, role=_READ, bytes_max=_ALL, admits_unread=True),
        _batch("PutMany", PutManyRequest, _Cache.put_many),
        _batch("DeleteMany", DeleteManyRequest, _Cache.delete_many, once=True, items_max=_KEYS_MAX),
        # The whole cache.
        _scan("GetSize", GetSizeRequest, _Cache.size),
        _scan("GetStatistics", GetStatisticsRequest, _Cache.statistics),
        _scan("ListKeys", ListKeysRequest, _Cache.list_keys),
        Row("Clear", ClearRequest, _Cache.clear, _Cache.publish, role=_WRITE, runs=_THREAD, once=True),
        # Leases.
        _lease("AcquireLease", AcquireLeaseRequest, _Cache.acquire_lease, runs=_WAIT, once=True),
        _lease("RenewLease", RenewLeaseRequest, _Cache.renew_lease),
        _lease("ReleaseLease", ReleaseLeaseRequest, _Cache.release_lease, once=True),
        _put("FulfillLease", FulfillLeaseRequest, _Cache.fulfill_lease, once=True),
        # Near caches.
        stream("SubscribeInvalidations", SubscribeInvalidationsRequest, _Cache.subscribe),
        query("ReportNearHits", ReportNearHitsRequest, _Cache.report_near_hits, items_max=_KEYS_MAX, bytes_max=_ALL),
    ]
)
