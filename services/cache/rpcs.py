"""The cache service: one row per call, and the calls on the service itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

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
from alphaforge_core.errors import AlphaForgeError, EngineError, Unavailable
from prometheus_client.registry import Collector

from services.access.roles import Role
from services.base.messages import fill, given
from services.base.periodic import Periodic
from services.cache import queries
from services.cache.cache_files import CacheFiles
from services.cache.engine import BATCH_KEYS_MAX, NamedCache
from services.cache.memory import Memory
from services.cache.replica import ALONE, CHANGED_NUMBER, Blocks, Replication
from services.cache.settings import CacheServiceSettings
from services.engines.answers import Answers, first_answer
from services.engines.checkpoints import Checkpoints
from services.engines.engine import DROPPED, EPOCH_BEGUN, OPENED
from services.engines.registry import Registry
from services.engines.rows import BATCH_BYTES_MAX, Row, Runs, ServedBy, Table, on_service, query, stream
from services.journal.journal import JournalStatistics
from services.journal.journals import Journals, SharedJournal
from services.metrics.rpc_metrics import EngineCollector
from services.metrics.service_metrics import CheckpointCollector, JournalCollector, RecoveryCollector, StreamCollector
from services.rpc.health import SetHealth
from services.runtime.candidates import candidate_of
from services.runtime.cluster_metrics import ClusterCollector
from services.streams.feed import Subscribers

if TYPE_CHECKING:
    from services.runtime.candidate import Candidate

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
        journals = _journals(settings, self.candidate)
        if self.candidate is None:
            self._replication = ALONE
            self._files = CacheFiles(settings.data_dir, settings.durability, warm_restart=settings.warm_restart)
        else:
            self._replication = Replication(self.candidate.reload, settings.data_dir)
            # A file here would lack the changes made by other candidates.
            self._files = CacheFiles(settings.data_dir, "none", warm_restart=False)
        self.engines = Registry("cache", self._build, journals, self._files, placed=self._place)
        self._checkpoints = Checkpoints(
            self.engines.engines, settings.journal_checkpoint_bytes, settings.journal_checkpoint_seconds
        )
        self._sweep = Periodic(_SWEEP_SECONDS, self._free_expired)
        self._file_watch = Periodic(_FILES_SECONDS, self._look_after_files)

    def _build(self, name: str, epoch: int, settings: Mapping[str, Any], core: CacheEngine | None = None) -> NamedCache:
        return NamedCache(name, epoch, settings, self.table, self._subscribers, self._memory, core, self._replication)

    def _place(self, cache: NamedCache) -> None:
        # A copy of a replicated cache evicts nothing of its own.
        if cache.journal is None:
            self._memory.enter(cache)

    def _served(self) -> list[NamedCache]:
        """The caches that make changes here, rather than follow those of a primary."""
        return [each for each in self.engines.engines() if each.is_served]

    @property
    def collectors(self) -> Sequence[Collector]:
        """The counters of each cache, of streams and of files."""
        cluster = [] if self.candidate is None else [ClusterCollector(self.candidate)]
        return [
            *cluster,
            EngineCollector("cache", COUNTERS, lambda: ((each.name, each.core) for each in self._served())),
            StreamCollector(self._subscribers),
            JournalCollector(self._journal_statistics),
            CheckpointCollector(self._checkpoints.statistics),
            RecoveryCollector(self._files.recovery),
        ]

    def _journal_statistics(self) -> list[JournalStatistics]:
        if self.candidate is not None:
            return [self.candidate.journal.statistics()]
        return self._files.statistics(self.engines.engines())

    # --- From start to stop.

    async def start(self, health: SetHealth) -> None:
        """Restores the caches of the previous process, or becomes a candidate."""
        self.engines.restore(self._files.load(self._build), self._files.refused)
        self._restore_answers()
        if self.candidate is not None:
            await self.candidate.start(self, self.engines, health=health)

    def _restore_answers(self) -> None:
        # A repeated reset or drop finds its first answer where this cache, or the next of its name, keeps it.
        kept = {each.DESCRIPTOR.full_name for each in (ResetCacheRequest, DropCacheRequest)}
        for cache in self.engines.engines():
            self.answers.restore(each for each in cache.answers.saved() if each.message in kept)
        self.answers.restore(self.engines.dropped_answers())

    async def begin_primary(self) -> None:
        """Called when this candidate becomes the primary."""
        self._restore_answers()
        self.start_primary()

    async def end_primary(self) -> None:
        """Called when this candidate is no longer the primary."""
        await self._checkpoints.stop()
        await self._stop_care()

    async def checkpoint_all(self) -> None:
        """Checkpoints every replicated cache that has changed, for candidates that can't have followed it."""
        await self._checkpoints.finish()

    def start_primary(self) -> None:
        """Starts sweeping expired entries, maintaining files and writing checkpoints."""
        self._sweep.start()
        self._file_watch.start()
        self._checkpoints.start()

    async def stop_primary(self) -> None:
        """Ends what `start_primary` starts, and checkpoints every replicated cache that has changed."""
        await self._checkpoints.finish()
        await self._stop_care()

    async def _stop_care(self) -> None:
        await self._sweep.stop()
        await self._file_watch.stop()

    def stop_streams(self) -> None:
        """Ends every stream, so that clients reconnect elsewhere."""
        self.engines.close(Unavailable("the service is stopping", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        """Saves the caches for the next process, and closes the journal."""
        if self.candidate is not None:
            await self.candidate.journal.close()
        await _in_thread(partial(self._files.close, self.engines.engines()))

    async def _look_after_files(self) -> None:
        caches = self.engines.engines()
        await _in_thread(partial(self._files.note_progress, caches))
        await self._files.rewrite_large(caches)

    async def _free_expired(self) -> None:
        for cache in self.engines.engines():
            with suppress(AlphaForgeError):
                cache.begin()
        caches = self._served()
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
        for cache in ordered:
            cache.begin()
        counted = await _in_thread(lambda: [cache.core.statistics() for cache in ordered])
        caches = []
        for cache, statistics in zip(ordered, counted, strict=True):
            summary = CacheSummary(cache=cache.name, epoch=cache.epoch, settings=fill(CacheSettings(), cache.described))
            summary.entries = statistics.entries
            summary.estimated_memory_bytes = statistics.estimated_memory_bytes
            caches.append(summary)
            await cache.replica.settle()
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
        first = _first_answer(message, DropCacheResponse(dropped=True))
        dropped = await self.engines.drop(message.cache, epoch, first)
        if before is not None and dropped:
            await _in_thread(before.core.clear)
        return DropCacheResponse(dropped=dropped).SerializeToString()


def _first_reset_answer(message: ResetCacheRequest, epoch: int) -> bytes:
    return _first_answer(message, ResetCacheResponse(epoch=epoch))


def _first_answer(
    message: ResetCacheRequest | DropCacheRequest, answer: ResetCacheResponse | DropCacheResponse
) -> bytes:
    """Returns the first answer to store in file or journal for a repeat after a restart; empty without a request id."""
    if not message.request_id:
        return b""
    kept = first_answer(message, message.SerializeToString(), answer.SerializeToString(), time.time_ns())
    return kept.SerializeToString()


def _journals(settings: CacheServiceSettings, candidate: Candidate | None) -> Journals | None:
    """The journals of new caches, None for caches without. Raises EngineError SETTING_INVALID."""
    if settings.durability != "replicated":
        return None
    if candidate is None:
        raise EngineError(
            "durability=replicated needs PostgreSQL: set ALPHAFORGE_JOURNAL to the DSN of a cluster, or choose "
            "durability=os",
            reason="SETTING_INVALID",
        )
    return SharedJournal(candidate.journal)


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
_PRIMARY = ServedBy.PRIMARY
_KEYS_MAX = {"keys": BATCH_KEYS_MAX}
_get = partial(Row, role=_READ, runs=_LOOP)
_put = partial(Row, publish=_Cache.publish, role=_WRITE, runs=_LOOP, bytes_max=_ALL)
_batch = partial(Row, publish=_Cache.publish, role=_WRITE, runs=Runs.BY_SIZE, bytes_max=_ALL, admits_unread=True)
_lease = partial(Row, role=_WRITE, runs=_LOOP)
_scan = partial(Row, role=_READ, runs=_THREAD)

# Name, request, method; the rest by keyword (engines/rows.py). RPCs have no journal numbers, since file and journal
# have the changes of a cache instead of its inputs, and no queue, since the core locks a cache for only a few entries
# at a time.
CacheService.table = Table(
    [
        # The journal of a replicated cache.
        OPENED,
        DROPPED,
        EPOCH_BEGUN,
        Row("CacheChanged", Blocks, _Cache.apply_changes, number=CHANGED_NUMBER),
        # The service.
        on_service("OpenCache", OpenCacheRequest, _Service.open_cache, role=_READ),
        on_service("ListCaches", ListCachesRequest, _Service.list_caches, role=_READ),
        on_service("ResetCache", ResetCacheRequest, _Service.reset_cache, role=_ADMIN, once=True, audited=True),
        on_service("DropCache", DropCacheRequest, _Service.drop_cache, role=_ADMIN, once=True, audited=True),
        # Entries.
        _get("Get", GetRequest, queries.get),
        _get("Contains", ContainsRequest, queries.contains),
        _get("GetTtl", GetTtlRequest, queries.ttl),
        _put("Put", PutRequest, _Cache.put),
        _put("Touch", TouchRequest, _Cache.touch),
        _put("Delete", DeleteRequest, _Cache.delete, once=True),
        # Atomic operations.
        _put("PutIfAbsent", PutIfAbsentRequest, _Cache.put_if_absent, once=True),
        _put("CompareAndSwap", CompareAndSwapRequest, _Cache.compare_and_swap, once=True),
        _put("Increment", IncrementRequest, _Cache.increment, once=True),
        # Batches.
        Row("GetMany", GetManyRequest, queries.get_many, role=_READ, bytes_max=_ALL, admits_unread=True),
        _batch("PutMany", PutManyRequest, _Cache.put_many),
        _batch("DeleteMany", DeleteManyRequest, _Cache.delete_many, once=True, items_max=_KEYS_MAX),
        # The whole cache.
        _scan("GetSize", GetSizeRequest, queries.size),
        _scan("GetStatistics", GetStatisticsRequest, queries.statistics),
        _scan("ListKeys", ListKeysRequest, queries.list_keys),
        Row("Clear", ClearRequest, _Cache.clear, _Cache.publish, role=_WRITE, runs=_THREAD, once=True),
        # Leases.
        _lease("AcquireLease", AcquireLeaseRequest, _Cache.acquire_lease, runs=_WAIT, once=True),
        _lease("RenewLease", RenewLeaseRequest, _Cache.renew_lease),
        _lease("ReleaseLease", ReleaseLeaseRequest, _Cache.release_lease, once=True),
        _put("FulfillLease", FulfillLeaseRequest, _Cache.fulfill_lease, once=True),
        # Near caches.
        stream("SubscribeInvalidations", SubscribeInvalidationsRequest, _Cache.subscribe, served_by=_PRIMARY),
        query(
            "ReportNearHits",
            ReportNearHitsRequest,
            queries.report_near_hits,
            served_by=_PRIMARY,
            items_max=_KEYS_MAX,
            bytes_max=_ALL,
        ),
    ]
)
