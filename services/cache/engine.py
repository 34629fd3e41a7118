"""A cache of the service: the calls that change the core's cache, its leases and its stream of changes.

The four hot requests are decoded and encoded natively, the others by the generated classes. Values stay bytes here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from time import monotonic, monotonic_ns, time_ns
from typing import Any

from alphaforge.cache.v1.atomics_pb2 import (
    CompareAndSwapRequest,
    CompareAndSwapResponse,
    IncrementRequest,
    IncrementResponse,
    PutIfAbsentRequest,
    PutIfAbsentResponse,
)
from alphaforge.cache.v1.batches_pb2 import DeleteManyRequest, DeleteManyResponse
from alphaforge.cache.v1.entries_pb2 import (
    ClearRequest,
    ClearResponse,
    DeleteRequest,
    DeleteResponse,
    TouchRequest,
    TouchResponse,
)
from alphaforge.cache.v1.invalidations_pb2 import (
    SubscribeInvalidationsRequest,
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
from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.cache_wire import CacheEngine, PutManyRequest, PutRequest
from alphaforge_core.errors import AlphaForgeError, EngineError

from services.access.roles import Role
from services.cache.changes import Change, ChangeLog, change_filter, invalidations_response
from services.cache.leases import Leases
from services.cache.memory import Memory
from services.cache.replica import ALONE, Replica, Replication
from services.engines.answers import first_answer
from services.engines.engine import NamedEngine, epoch_changed
from services.engines.inputs import LONG_BYTES
from services.engines.rows import Answer, Row, Runs, Table
from services.journal.store import Durability
from services.streams.feed import Feed, Subscribers

__all__ = ["BATCH_KEYS_MAX", "NamedCache"]

_DEFAULTS: Mapping[str, Any] = {"max_size": 10_000, "max_bytes": None}
_TTL_NS_DEFAULT = 3_600_000_000_000
BATCH_KEYS_MAX = 100_000

# How long changes are kept after the last subscriber leaves, so that it can resume.
_CHANGES_KEPT_SECONDS = 60.0


class NamedCache(NamedEngine):
    """One cache of the service."""

    NOUN = "cache"
    # The order of use follows from reads, too.
    IS_COMPARED = False
    core: CacheEngine

    def __init__(
        self,
        name: str,
        epoch: int,
        settings: Mapping[str, Any],
        table: Table,
        subscribers: Subscribers,
        memory: Memory,
        core: CacheEngine | None = None,
        replication: Replication = ALONE,
    ) -> None:
        """`core` is the cache restored from its file, if any."""
        super().__init__(name, epoch, {**_DEFAULTS, **settings}, table)
        self.core = core or CacheEngine()
        self.core.resize(self.settings["max_size"], self.settings["max_bytes"])
        self.leases = Leases(lambda key: self.core.ttl_ns(key)[0])
        self.replica = Replica(self, replication)
        self._subscribers = subscribers
        self.changes = self._new_feed()
        self._changes_wanted_until = 0.0
        self._memory = memory

    def _new_feed(self) -> Feed[Change]:
        log = ChangeLog(self.core, self.replica)
        return Feed(log, epoch=self.epoch, subscribers=self._subscribers, encode=invalidations_response)

    @property
    def durability(self) -> str:
        """Where there is a journal, every change is in it."""
        return Durability.FSYNC

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Applies new bounds immediately; entries beyond them are evicted."""
        self.begin(0)
        self._check(stores=False)
        settings = {**self.settings, **given}
        await asyncio.to_thread(self.core.resize, settings["max_size"], settings["max_bytes"])
        self.publish(b"")
        self.settings = settings
        self.core.note(self.note())
        await self.replica.settle()
        return True

    def close(self, error: AlphaForgeError) -> None:
        """Ends the stream of changes, and all waits for leases, with `error`."""
        self.changes.end(error)
        self.leases.close(error)
        self._memory.leave(self)

    def notify(self) -> None:
        """Notifies subscribers of changes, and lease waiters of new values."""
        self.replica.write()
        self.changes.notify()
        self.leases.notify()
        self._memory.settle(self)

    def publish(self, answer: bytes) -> bytes:
        """Publishes the changes of a call and returns its answer.

        Raises EngineError JOURNAL_FAILED if they could not be written to the file.
        """
        self.notify()
        if (error := self.core.file_error) is not None:
            raise EngineError(
                f"the change was applied, but a restart may lose it: the cache's file can't be written: {error}",
                reason="JOURNAL_FAILED",
            )
        return answer

    def _check(self, *, stores: bool = True) -> None:
        """Checks that changes are possible. Raises ResourceExhausted MEMORY_LIMIT, EngineError JOURNAL_FAILED."""
        if stores:
            self._memory.check()
        if (error := self.core.file_error) is not None:
            raise EngineError(
                f"the cache is read-only: its file can't be written: {error}",
                reason="JOURNAL_FAILED",
            )

    def want_changes(self) -> None:
        """Starts keeping changes for a subscriber."""
        if self._changes_wanted_until == 0.0:
            self.core.keep_changes()
        self._changes_wanted_until = float("inf")

    def sweep(self) -> None:
        """Publishes expirations, and stops keeping changes after a while without subscribers."""
        self.leases.forget_expired()
        self.replica.write()
        self.changes.notify()
        self._memory.settle(self)
        if self._changes_wanted_until == 0.0 or self.journal is not None:
            return
        if self.changes.open:
            self._changes_wanted_until = monotonic() + _CHANGES_KEPT_SECONDS
        elif monotonic() > self._changes_wanted_until:
            self.core.keep_changes(0)
            self._changes_wanted_until = 0.0

    # --- The cache's file.

    def note(self) -> bytes:
        """The file header of this cache."""
        return CacheNote(opened=self.opened()).SerializeToString()

    def brief_notes(self) -> list[bytes]:
        """First answers, for the file."""
        return [CacheNote(answer=answer).SerializeToString() for answer in self.answers.saved()]

    # --- The journal of a replicated cache.

    @property
    def is_served(self) -> bool:
        """Whether this copy takes calls, which make changes."""
        return self.journal is None or (self.replica.is_serving and not self.is_ahead)

    def begin(self, change_size: int | None = None) -> None:
        """Called before a call; see Replica."""
        if self.journal is not None:
            self.replica.begin(change_size)

    def begin_serving(self) -> None:
        """Called when the first call reaches this copy of a replicated cache."""
        # From the start, so that the log of changes has those that are not in the journal yet.
        self.want_changes()
        self._memory.enter(self)

    def notify_confirmed(self) -> None:
        """Notifies subscribers of changes that are in the journal now."""
        self.changes.notify()

    def apply_changes(self, blocks: bytes) -> bytes:
        """Applies changes that the primary has made."""
        self.replica.follow(blocks)
        return b""

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Starts a new epoch, which ends the streams."""
        self.epoch = message.epoch
        self.changes.end(epoch_changed(self.NOUN, self.name))
        self.changes = self._new_feed()
        return b""

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Restores a checkpoint."""
        self.replica.restore(kept, snapshot)

    def bound(self, settings: Mapping[str, Any]) -> None:
        """Sets the bounds of the entries, as the primary has changed them."""
        self.settings = {**_DEFAULTS, **settings}
        self.settings.pop("partitions", None)

    async def _write_checkpoint(self) -> tuple[int, int]:
        return await self.replica.write_checkpoint(), 0

    # --- Calls.

    def submit(self, row: Row, request: bytes, message: Any) -> Answer:
        """Executes a call. A change is in the cache's file, or in its journal, before it is answered."""
        if self.journal is None:
            return self._submit(row, request, message)
        self.begin(None if row.role is Role.READ else len(request))
        try:
            outcome: Answer | AlphaForgeError = self._submit(row, request, message)
        except AlphaForgeError as error:
            outcome = error
        return self.replica.answer(row, outcome)

    def _submit(self, row: Row, request: bytes, message: Any) -> Answer:
        """Executes a call, a long one in a thread.

        A change with a request id is written together with its answer, which a repeat gets even after a kill.
        """
        request_id = message.request_id if row.once else ""
        if row.is_task:
            task: asyncio.Future[bytes] = asyncio.ensure_future(row.call(self, message))
            return task
        if row.in_thread or (len(request) >= LONG_BYTES and row.runs is not Runs.LOOP):
            return asyncio.ensure_future(self._in_thread(row, request, message, request_id))
        if request_id:
            return self._once(row, request, message, request_id)
        return row.publish(self, row.call(self, message))

    def _once(self, row: Row, request: bytes, message: Any, request_id: str) -> bytes:
        # One write for both, so that no change is in the file without the answer that prevents its repetition.
        self.core.hold()
        note = b""
        try:
            answer = row.call(self, message)
            note = self._answer_note(message, request, answer)
        finally:
            self.core.release(note)
        try:
            return row.publish(self, answer)
        except EngineError:
            # The change is applied, so a repeat gets this answer once the file can be written again.
            self.answers.keep(row, request_id, request, answer)
            raise

    async def _in_thread(self, row: Row, request: bytes, message: Any, request_id: str) -> bytes:
        # After a kill between the change and its answer, a repeat applies it again, which is harmless for these calls.
        answer = await asyncio.get_running_loop().run_in_executor(None, row.call, self, message)
        answer = row.publish(self, answer)
        if request_id:
            self.core.release(self._answer_note(message, request, answer))
        return answer

    def _answer_note(self, message: Any, request: bytes, answer: bytes) -> bytes:
        return CacheNote(answer=first_answer(message, request, answer, time_ns())).SerializeToString()

    # --- Entries.

    def put(self, request: PutRequest) -> bytes:
        """Stores a value."""
        self._check()
        return self.core.put_wire(request)

    def put_many(self, request: PutManyRequest) -> bytes:
        """Stores many values."""
        self._check()
        return self.core.put_many_wire(request)

    def delete(self, message: DeleteRequest) -> bytes:
        """Deletes an entry."""
        self._check(stores=False)
        return DeleteResponse(deleted=self.core.delete(message.key)).SerializeToString()

    def delete_many(self, message: DeleteManyRequest) -> bytes:
        """Deletes many entries."""
        self._check(stores=False)
        return DeleteManyResponse(deleted_count=self.core.delete_many(message.keys)).SerializeToString()

    def clear(self, message: ClearRequest) -> bytes:
        """Deletes all entries."""
        self._check(stores=False)
        self.core.clear()
        return ClearResponse().SerializeToString()

    def touch(self, message: TouchRequest) -> bytes:
        """Sets a new time to live of an entry."""
        self._check(stores=False)
        return TouchResponse(touched=self.core.touch(message.key, _ttl_ns(message))).SerializeToString()

    # --- Atomic operations.

    def put_if_absent(self, message: PutIfAbsentRequest) -> bytes:
        """Stores a value if the key has none."""
        self._check()
        stored, version = self.core.swap(message.key, 0, message.value.SerializeToString(), _ttl_ns(message))
        return PutIfAbsentResponse(stored=stored, version=version).SerializeToString()

    def compare_and_swap(self, message: CompareAndSwapRequest) -> bytes:
        """Stores a value if the entry still has the given version."""
        self._check()
        value = message.value.SerializeToString()
        swapped, version = self.core.swap(message.key, message.expected_version, value, _ttl_ns(message))
        return CompareAndSwapResponse(swapped=swapped, version=version).SerializeToString()

    def increment(self, message: IncrementRequest) -> bytes:
        """Adds a number to a value."""
        self._check()
        amount = message.amount.SerializeToString()
        value, version = self.core.increment(message.key, amount, _ttl_ns(message))
        return IncrementResponse(value=Value.FromString(value), version=version).SerializeToString()

    # --- Leases.

    async def acquire_lease(self, message: AcquireLeaseRequest) -> bytes:
        """Returns the value, or a lease to compute it, or neither if another caller is still computing it."""
        self.begin()
        answer = await self._acquired(message)
        await self.replica.settle()
        return answer

    async def _acquired(self, message: AcquireLeaseRequest) -> bytes:
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
        """Extends a lease."""
        self.leases.renew(message.key, message.lease_id, message.lease_ns)
        return RenewLeaseResponse().SerializeToString()

    def fulfill_lease(self, message: FulfillLeaseRequest) -> bytes:
        """Stores the value computed under a lease and wakes the waiters."""
        self._check()
        self.leases.check(message.key, message.lease_id)
        version = self.core.store(message.key, message.value.SerializeToString(), _ttl_ns(message))
        self.leases.end(message.key, message.lease_id)
        return FulfillLeaseResponse(version=version).SerializeToString()

    def release_lease(self, message: ReleaseLeaseRequest) -> bytes:
        """Releases a lease without a value."""
        released = self.leases.end(message.key, message.lease_id)
        return ReleaseLeaseResponse(released=released).SerializeToString()

    # --- Near caches.

    def subscribe(self, message: SubscribeInvalidationsRequest) -> AsyncGenerator[bytes]:
        """Streams changes as they happen."""
        self.begin()
        self.want_changes()
        from_sequence = message.from_sequence if message.HasField("from_sequence") else None
        return self.changes.subscribe(from_sequence, change_filter(message))


def _ttl_ns(
    message: TouchRequest | PutIfAbsentRequest | CompareAndSwapRequest | IncrementRequest | FulfillLeaseRequest,
) -> int | None:
    """The time to live for the core; None if the entry never expires."""
    match message.WhichOneof("expiry"):
        case "ttl_ns":
            return message.ttl_ns
        case "never_expires" if message.never_expires:
            return None
    return _TTL_NS_DEFAULT
