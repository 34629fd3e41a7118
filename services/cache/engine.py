"""A cache of the service: the core's cache by name, with its stream of changes and its leases.

The four hot requests are read and answered natively; the others go by the generated classes. Values are bytes here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic, monotonic_ns
from typing import Any, NamedTuple

from alphaforge.cache.v1.atomics_pb2 import (
    CompareAndSwapRequest,
    CompareAndSwapResponse,
    IncrementRequest,
    IncrementResponse,
    PutIfAbsentRequest,
    PutIfAbsentResponse,
)
from alphaforge.cache.v1.batches_pb2 import DeleteManyRequest, DeleteManyResponse
from alphaforge.cache.v1.caches_pb2 import CacheStatistics, GetStatisticsRequest, GetStatisticsResponse
from alphaforge.cache.v1.entries_pb2 import (
    ClearRequest,
    ClearResponse,
    ContainsRequest,
    ContainsResponse,
    DeleteRequest,
    DeleteResponse,
    GetSizeRequest,
    GetSizeResponse,
    GetTtlRequest,
    GetTtlResponse,
    ListKeysRequest,
    ListKeysResponse,
    TouchRequest,
    TouchResponse,
)
from alphaforge.cache.v1.invalidations_pb2 import (
    InvalidationCause,
    ReportNearHitsRequest,
    ReportNearHitsResponse,
    SubscribeInvalidationsRequest,
    SubscribeInvalidationsResponse,
)
from alphaforge.cache.v1.leases_pb2 import (
    AcquireLeaseRequest,
    AcquireLeaseResponse,
    FulfillLeaseRequest,
    FulfillLeaseResponse,
    Lease,
    ReleaseLeaseRequest,
    ReleaseLeaseResponse,
    RenewLeaseRequest,
    RenewLeaseResponse,
)
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge.journal.v1.caches_pb2 import CacheNote
from alphaforge_core.cache_wire import CacheEngine, GetManyRequest, GetRequest, PutManyRequest, PutRequest
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument

from services.cache.leases import Leases
from services.cache.memory import Memory
from services.common.answers import first_answer
from services.common.engine import LONG_BYTES, NamedEngine
from services.common.messages import fill
from services.common.pages import limit_of
from services.common.streams import Delivery, Feed, Filter, Subscribers

__all__ = ["Change", "NamedCache"]

_DEFAULTS: Mapping[str, Any] = {"max_size": 10_000, "max_bytes": None}
_TTL_NS_DEFAULT = 3_600_000_000_000
_BATCH_KEYS_MAX = 100_000

# A near cache that lost its connection finds its place for so long; afterwards changes cost nothing again.
_CHANGES_KEPT_SECONDS = 60.0


class Change(NamedTuple):
    """Something that made an entry other than it was."""

    key: str
    cause: InvalidationCause.ValueType


class _ChangeLog:
    """The changes that the cache itself keeps."""

    def __init__(self, engine: CacheEngine) -> None:
        self._engine = engine

    @property
    def first(self) -> int:
        sequences = self._engine.read_changes(1, 1)[1]
        return sequences[0] if sequences else self.last + 1

    @property
    def last(self) -> int:
        return self._engine.sequence

    def read(self, after: int, limit: int) -> Sequence[Change]:
        keys, _, causes, _, _ = self._engine.read_changes(after + 1, limit)
        return [Change(key, InvalidationCause.ValueType(cause)) for key, cause in zip(keys, causes, strict=True)]


class NamedCache(NamedEngine):
    """One cache of the service."""

    NOUN = "cache"

    def __init__(
        self,
        name: str,
        epoch: int,
        settings: Mapping[str, Any],
        subscribers: Subscribers,
        memory: Memory,
        core: CacheEngine | None = None,
    ) -> None:
        """With `core`, a cache that was there before the service was started."""
        super().__init__(name, epoch, {**_DEFAULTS, **settings})
        self.core = core or CacheEngine()
        self.core.resize(self.settings["max_size"], self.settings["max_bytes"])
        self.leases = Leases(lambda key: self.core.ttl_ns(key)[0])
        self.changes = Feed(_ChangeLog(self.core), epoch=epoch, subscribers=subscribers, encode=_invalidations_response)
        self._changes_wanted_until = 0.0
        self._memory = memory

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Applies new bounds at once; entries beyond them are evicted."""
        self._check(stores=False)
        settings = {**self.settings, **given}
        await self.apply(self._resize, settings, LONG_BYTES, self.publish)
        self.settings = settings
        self.core.note(self.note())
        return True

    def _resize(self, settings: Mapping[str, Any]) -> bytes:
        self.core.resize(settings["max_size"], settings["max_bytes"])
        return b""

    def close(self, error: AlphaForgeError) -> None:
        """Ends the stream of changes, and the waiting for leases, with `error`."""
        self.changes.end(error)
        self.leases.close(error)
        self._memory.leave(self)

    def tell(self) -> None:
        """Tells the subscribers that there may be changes, and those who wait for a lease that there may be a value."""
        self.changes.notify()
        self.leases.notify()
        self._memory.settle(self)

    def publish(self, answer: bytes) -> bytes:
        """Tells of the changes that a call has made, and returns its answer.

        Raises EngineError JOURNAL_FAILED where they are not in the file.
        """
        self.tell()
        if (error := self.core.file_error) is not None:
            raise EngineError(
                f"it is done, and can't be written to the cache's file, so that a restart may undo it: {error}",
                reason="JOURNAL_FAILED",
            )
        return answer

    def _check(self, *, stores: bool = True) -> None:
        """Before a change. Raises ResourceExhausted MEMORY_LIMIT, EngineError JOURNAL_FAILED."""
        if stores:
            self._memory.check()
        if (error := self.core.file_error) is not None:
            raise EngineError(
                f"the cache's file can't be written, so that its values can be read and not changed: {error}",
                reason="JOURNAL_FAILED",
            )

    def want_changes(self) -> None:
        """Somebody follows the changes: they are kept from now on."""
        if self._changes_wanted_until == 0.0:
            self.core.keep_changes()
        self._changes_wanted_until = float("inf")

    def sweep(self) -> None:
        """Tells of what has expired, and stops keeping changes that nobody has wanted for a while."""
        self.leases.forget_expired()
        self.changes.notify()
        self._memory.settle(self)
        if self._changes_wanted_until == 0.0:
            return
        if self.changes.open:
            self._changes_wanted_until = monotonic() + _CHANGES_KEPT_SECONDS
        elif monotonic() > self._changes_wanted_until:
            self.core.keep_changes(0)
            self._changes_wanted_until = 0.0

    # --- In the cache's file.

    def note(self) -> bytes:
        """The cache without its entries."""
        return CacheNote(opened=self.opened()).SerializeToString()

    def brief_notes(self) -> list[bytes]:
        """First answers, which are worth keeping for a minute."""
        return [CacheNote(answer=answer).SerializeToString() for answer in self.answers.saved()]

    async def once(self, message: Any, request: bytes, call: Callable[[], bytes]) -> bytes:
        """Makes a change in the event loop; a repeated request gets the first answer, also after a kill."""

        async def change() -> bytes:
            # One write for both: no change is there without the answer that keeps it from being made again.
            self.core.hold()
            note = b""
            try:
                answer = call()
                note = self._answer_note(message, request, answer)
            finally:
                self.core.release(note)
            try:
                return self.publish(answer)
            except EngineError:
                # Once the file can be written again, a repeat gets this answer.
                self.answers.answered(message, request, answer)
                raise

        self._check(stores=False)
        return await self.answers.once(message, request, change)

    async def once_beside(self, message: Any, request: bytes, call: Callable[[], Awaitable[bytes]]) -> bytes:
        """The same for what takes long and is harmless when a kill makes it happen twice."""

        async def change() -> bytes:
            answer = await call()
            self.core.release(self._answer_note(message, request, answer))
            return answer

        return await self.answers.once(message, request, change)

    def _answer_note(self, message: Any, request: bytes, answer: bytes) -> bytes:
        if not message.request_id:
            return b""
        return CacheNote(answer=first_answer(message, request, answer)).SerializeToString()

    # --- Entries.

    def put(self, request: PutRequest) -> bytes:
        """Stores one value."""
        self._check()
        return self.core.put_wire(request)

    def get(self, request: GetRequest) -> bytes:
        """One value, or none."""
        return self.core.get_wire(request)

    def put_many(self, request: PutManyRequest) -> bytes:
        """Stores many values."""
        self._check()
        return self.core.put_many_wire(request)

    def get_many(self, request: GetManyRequest) -> bytes:
        """The values that are found."""
        return self.core.get_many_wire(request)

    def delete(self, message: DeleteRequest) -> bytes:
        """Removes one entry."""
        self._check(stores=False)
        return DeleteResponse(deleted=self.core.delete(message.key)).SerializeToString()

    def delete_many(self, message: DeleteManyRequest) -> bytes:
        """Removes many entries."""
        if len(message.keys) > _BATCH_KEYS_MAX:
            raise InvalidArgument(
                f"there are {len(message.keys):,} keys; at most {_BATCH_KEYS_MAX:,}", reason="LIMIT_EXCEEDED"
            )
        self._check(stores=False)
        return DeleteManyResponse(deleted_count=self.core.delete_many(message.keys)).SerializeToString()

    def contains(self, message: ContainsRequest) -> bytes:
        """Whether there is an entry."""
        return ContainsResponse(contains=self.core.contains(message.key)).SerializeToString()

    def size(self, message: GetSizeRequest) -> bytes:
        """The number of entries."""
        return GetSizeResponse(size=self.core.size()).SerializeToString()

    def clear(self, message: ClearRequest) -> bytes:
        """Removes all entries."""
        self._check(stores=False)
        self.core.clear()
        return ClearResponse().SerializeToString()

    def touch(self, message: TouchRequest) -> bytes:
        """Gives an entry a new time to live."""
        self._check(stores=False)
        return TouchResponse(touched=self.core.touch(message.key, _ttl_ns(message))).SerializeToString()

    def ttl(self, message: GetTtlRequest) -> bytes:
        """The time an entry has left."""
        found, ttl_ns = self.core.ttl_ns(message.key)
        return GetTtlResponse(found=found, ttl_ns=ttl_ns).SerializeToString()

    def list_keys(self, message: ListKeysRequest) -> bytes:
        """A page of keys."""
        keys, cursor = self.core.keys_page(message.prefix, limit_of(message.limit), message.cursor)
        return ListKeysResponse(keys=keys, next_cursor=cursor).SerializeToString()

    def statistics(self, message: GetStatisticsRequest) -> bytes:
        """The cache's counters."""
        statistics = fill(CacheStatistics(), self.core.statistics().as_dict())
        return GetStatisticsResponse(statistics=statistics).SerializeToString()

    # --- One step each: whatever happens between is nobody's.

    def put_if_absent(self, message: PutIfAbsentRequest) -> bytes:
        """Stores a value where there is none."""
        self._check()
        stored, version = self.core.swap(message.key, 0, message.value.SerializeToString(), _ttl_ns(message))
        return PutIfAbsentResponse(stored=stored, version=version).SerializeToString()

    def compare_and_swap(self, message: CompareAndSwapRequest) -> bytes:
        """Stores a value where the entry has the version that the caller knows."""
        self._check()
        value = message.value.SerializeToString()
        swapped, version = self.core.swap(message.key, message.expected_version, value, _ttl_ns(message))
        return CompareAndSwapResponse(swapped=swapped, version=version).SerializeToString()

    def increment(self, message: IncrementRequest) -> bytes:
        """Adds to a number."""
        self._check()
        amount = message.amount.SerializeToString()
        value, version = self.core.increment(message.key, amount, _ttl_ns(message))
        return IncrementResponse(value=Value.FromString(value), version=version).SerializeToString()

    # --- Leases.

    async def acquire_lease(self, message: AcquireLeaseRequest) -> bytes:
        """The value, or the right to compute it, or neither when somebody else computes for longer than is waited."""
        until_ns = monotonic_ns() + message.wait_ns
        while True:
            if (value := self.core.use(message.key)) is not None:
                return AcquireLeaseResponse(value=Value.FromString(value)).SerializeToString()
            if (lease := self.leases.grant(message.key, message.lease_ns)) is not None:
                lease_ns = lease.expires_at_ns - monotonic_ns()
                granted = Lease(lease_id=lease.lease_id, lease_ns=lease_ns)
                return AcquireLeaseResponse(lease=granted).SerializeToString()
            left_ns = until_ns - monotonic_ns()
            if left_ns <= 0:
                return AcquireLeaseResponse().SerializeToString()
            await self.leases.wait(message.key, left_ns)

    def renew_lease(self, message: RenewLeaseRequest) -> bytes:
        """Makes a lease last longer."""
        self.leases.renew(message.key, message.lease_id, message.lease_ns)
        return RenewLeaseResponse().SerializeToString()

    def fulfill_lease(self, message: FulfillLeaseRequest) -> bytes:
        """Stores the value computed under a lease, and wakes those who wait for it."""
        self._check()
        self.leases.check(message.key, message.lease_id)
        version = self.core.store(message.key, message.value.SerializeToString(), _ttl_ns(message))
        self.leases.end(message.key, message.lease_id)
        return FulfillLeaseResponse(version=version).SerializeToString()

    def release_lease(self, message: ReleaseLeaseRequest) -> bytes:
        """Gives a lease back without a value."""
        released = self.leases.end(message.key, message.lease_id)
        return ReleaseLeaseResponse(released=released).SerializeToString()

    # --- Near caches.

    def report_near_hits(self, message: ReportNearHitsRequest) -> bytes:
        """Counts what a near cache served, and its keys as used."""
        self.core.report_near_hits(message.keys, message.hits)
        return ReportNearHitsResponse().SerializeToString()


def change_filter(message: SubscribeInvalidationsRequest) -> Filter[Change] | None:
    """Which changes a subscription wants; None for all. A clear concerns everybody."""
    prefix = message.prefix
    if not prefix:
        return None
    clear = InvalidationCause.INVALIDATION_CAUSE_CLEAR
    return Filter(prefix, lambda change: change.key.startswith(prefix) or change.cause == clear)


def _invalidations_response(delivery: Delivery[Change]) -> bytes:
    return SubscribeInvalidationsResponse(
        epoch=delivery.epoch,
        sequence=delivery.sequence,
        previous_sequence=delivery.previous_sequence,
        keys=[change.key for change in delivery.events],
        sequences=delivery.sequences,
        causes=[change.cause for change in delivery.events],
        gap=delivery.gap,
    ).SerializeToString()


def _ttl_ns(
    message: TouchRequest | PutIfAbsentRequest | CompareAndSwapRequest | IncrementRequest | FulfillLeaseRequest,
) -> int | None:
    """None for ever, as the engine has it."""
    match message.WhichOneof("expiry"):
        case "ttl_ns":
            return message.ttl_ns
        case "never_expires" if message.never_expires:
            return None
    return _TTL_NS_DEFAULT
