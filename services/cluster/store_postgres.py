"""The store of journals in PostgreSQL: each batch is one statement that only the primary of its term can commit.

The statement locks the shard's row, compares its term, and checks that every stream is placed in this shard. A batch
whose outcome is unknown is never written again: the next term, this primary's or another's, determines its outcome.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from alphaforge_core.errors import AlphaForgeError, Unavailable
from alphaforge_core.journal import SEMANTICS

from services.cluster import statements
from services.cluster.database import SessionLost
from services.cluster.records import Place, crc_of, read_all, read_places
from services.cluster.shard import Shard, now
from services.cluster.thread import ClusterThread
from services.journal.store import (
    Append,
    Checkpoint,
    Commit,
    Drop,
    Entry,
    Limits,
    Manifest,
    Move,
    OutcomeUnknown,
    Part,
    Record,
    WriteRefused,
)

__all__ = ["KEPT_SECONDS", "PostgresStore"]

LIMITS = Limits(batch_bytes=8 << 20, batch_records=20_000, record_bytes=16 << 20, patience_seconds=1.5)

_ALL = 2**62
_PRUNED_RECORDS_MAX = 2_000
# How long records are kept after a checkpoint replaces them. Followers are a few beats behind, and apply these records
# instead of loading the checkpoint.
KEPT_SECONDS = 5.0
_GENERATIONS = 16


class _Stream:
    """A stream, this process's position in it, and its checkpoint."""

    def __init__(self, place: Place) -> None:
        self.id = place.id
        self.last = place.last
        self.crc = place.crc
        self.manifest = place.manifest
        self.checkpoint = place.sequence
        self.restored = place.restored


class _Prunable(NamedTuple):
    """The last record of a stream that may be deleted, and the earliest time to do so."""

    sequence: int
    at: float = float("-inf")


class PostgresStore:
    """The streams of one shard. The primary writes; candidates read with `services.cluster.records`."""

    limits = LIMITS

    def __init__(self, shard: Shard, thread: ClusterThread, troubled: Callable[[], None] = lambda: None) -> None:
        """`troubled` is called, in the cluster's thread, when the session or the term is lost."""
        self._shard = shard
        self._thread = thread
        self._troubled = troubled
        self._streams: dict[str, _Stream] = {}
        self._batch = 0
        self._generations: list[int] = []
        self._begun: dict[int, int] = {}  # generations being written, and the id of their stream
        self._prunable: dict[int, _Prunable] = {}
        self._is_settled = False
        self._writing = asyncio.Lock()
        self.held_bytes = 0
        self.unknown_outcomes = 0

    def __str__(self) -> str:
        return f"the journal of {self._shard.name} in PostgreSQL"

    @property
    def refusal(self) -> AlphaForgeError | None:
        """Why no input is accepted now; None if inputs are accepted."""
        if self._is_settled and self._shard.has_lease:
            return None
        waits = Unavailable(
            "nothing was done: PostgreSQL does not confirm writes; retry in a moment", reason="UNAVAILABLE"
        )
        return self._shard.refusal() or waits

    # --- The term: in the cluster's thread.

    async def open(self) -> dict[str, Place]:
        """Reads the end of each stream; called after a term is taken. Raises SessionLost."""
        reader = self._shard.reader
        assert reader is not None
        noun, shard, _ = self._shard.name
        places = await read_places(reader, noun, shard)
        last = await reader.fetch(
            "SELECT coalesce(max(batch), 0) AS batch FROM stream s CROSS JOIN LATERAL (SELECT batch FROM record r "
            "WHERE r.stream = s.stream ORDER BY sequence DESC LIMIT 1) r WHERE s.noun = $1 AND s.shard = $2",
            noun, shard,
        )  # fmt: skip
        # The confirmation of the term covers every batch visible now.
        self._batch = self._shard.confirmed_batch = max(self._shard.confirmed_batch, last[0]["batch"])
        self._streams = {name: _Stream(place) for name, place in places.items()}
        self._prunable = {place.id: _Prunable(place.sequence) for place in places.values() if place.sequence}
        self._prunable |= {row["stream"]: _Prunable(_ALL) for row in await reader.fetch(statements.ORPHANS)}
        self._begun.clear()
        self._generations.clear()
        await self._refill()
        held = (await reader.fetch(statements.HELD, noun, shard))[0]["size"]
        self.held_bytes = held + sum(place.manifest.size for place in places.values())
        return places

    async def _refill(self) -> None:
        reader = self._shard.reader
        if reader is not None and len(self._generations) < _GENERATIONS // 2:
            rows = await reader.fetch("SELECT nextval('generation') AS it FROM generate_series(1, $1)", _GENERATIONS)
            self._generations += [row["it"] for row in rows]

    def known(self) -> dict[str, tuple[int, int | None]]:
        """The id of each stream, and the checksum of its last confirmed record."""
        return {name: (stream.id, stream.crc) for name, stream in self._streams.items()}

    def settle_term(self) -> None:
        """Starts accepting inputs; called once the memory matches the log."""
        self._is_settled = True

    @property
    def is_settled(self) -> bool:
        """Whether inputs are being written."""
        return self._is_settled

    def unsettle(self) -> None:
        """Stops accepting inputs until the next term is settled."""
        self._is_settled = False

    # --- Reading.

    def streams(self) -> list[str]:
        """Names of all streams, sorted."""
        return sorted(self._streams)

    def replay(self, stream: str) -> Iterator[Checkpoint | Record]:
        """The stream's checkpoint, if it has one, then every record after it, in order."""
        found = self._streams.get(stream)
        if found is not None:
            assert self._shard.reader is not None
            reading = read_all(self._shard.reader, stream, found.id, _ALL)

            async def read() -> list[Checkpoint | Record]:
                return [item async for items, _ in reading for item in items]

            yield from self._thread.call(read())

    def may_have_lost(self, stream: str) -> bool:
        """Whether the database was restored from a backup, which requires a new epoch."""
        return stream in self._streams and self._streams[stream].restored

    def ready(self) -> None:
        """Notes that the required new epochs have started."""
        if any(stream.restored for stream in self._streams.values()):
            self._thread.call(self._fenced(statements.SERVED))

    # --- Writing.

    def write(self, batch: Sequence[Entry]) -> list[int]:
        """Commits appends, all or none, or one other entry. Raises WriteRefused or OutcomeUnknown."""
        return self._thread.call(self._write(batch))

    def begin_write(self, batch: list[Entry], done: Callable[[list[int], Exception | None], None]) -> None:
        """Starts `write` in the cluster's thread, and calls `done` there."""
        self._thread.begin(self._write(batch), [], done)

    async def _write(self, batch: Sequence[Entry]) -> list[int]:
        async with self._writing:
            if not self._is_settled:
                raise WriteRefused(
                    "this shard does not accept writes: its term has ended, or the outcome of a write is unknown"
                )
            try:
                return await self._written(batch)
            except SessionLost as error:
                self.unknown_outcomes += 1
                self._trouble()
                raise OutcomeUnknown(str(error)) from None

    async def _written(self, batch: Sequence[Entry]) -> list[int]:
        first = batch[0]
        if isinstance(first, Append):
            return await self._append([entry for entry in batch if isinstance(entry, Append)])
        if isinstance(first, Commit):
            await self._commit(first)
        else:
            await (self._move(first) if isinstance(first, Move) else self._drop(first))
        return [0]

    async def _append(self, batch: list[Append]) -> list[int]:
        following: dict[str, tuple[int, int]] = {}
        sequences, rows = [], []
        for entry in batch:
            stream = self._streams.get(entry.stream) or await self._begin(entry.stream)
            sequence = following[entry.stream][0] + 1 if entry.stream in following else stream.last + 1
            sequences.append(sequence)
            crc = crc_of(stream.id, sequence, entry.kind, entry.time_ns, entry.payload)
            following[entry.stream] = sequence, crc
            rows.append((stream.id, sequence, entry.kind, entry.time_ns, crc, entry.payload))
        query, columns = (
            (statements.WRITE_ONE, rows[0]) if len(rows) == 1 else (statements.WRITE, zip(*rows, strict=True))
        )
        ids, *others = columns
        size = sum(len(entry.payload) for entry in batch)
        if await self._fenced(query, ids, self._batch + 1, SEMANTICS, *others, size=size) != len(batch):
            raise await self._refused()
        self._batch += 1
        self._shard.confirmed_batch = self._batch
        for name, (sequence, crc) in following.items():
            self._streams[name].last, self._streams[name].crc = sequence, crc
        self.held_bytes += size
        return sequences

    async def claim(self, name: str) -> bool:
        """Inserts the row of a stream; returns False if another shard has the stream. Raises SessionLost."""
        if name not in self._streams:
            try:
                await self._begin(name)
            except WriteRefused:
                return False
        return True

    async def give_up(self, name: str) -> None:
        """Deletes the row of an empty stream. Raises SessionLost."""
        stream = self._streams.get(name)
        if stream is not None and not stream.last and await self._fenced(statements.DROP, stream.id):
            del self._streams[name]

    async def _begin(self, name: str) -> _Stream:
        session = self._shard.session
        if session is None:
            raise SessionLost("not connected to the database")
        noun, shard, _ = self._shard.name
        rows = await session.fetch(statements.STREAM, noun, shard, self._shard.term, name)
        if not rows:
            rows = await session.fetch("SELECT stream, shard FROM stream WHERE noun = $1 AND engine = $2", noun, name)
            if rows and rows[0]["shard"] != shard:
                raise WriteRefused(f"{name!r} is placed in {noun}-{rows[0]['shard']}; call that shard")
            raise await self._refused()
        stream = _Stream(Place(rows[0]["stream"], 0, 0, Manifest(), False, 0, None))
        self._streams[name] = stream
        return stream

    async def _commit(self, entry: Commit) -> None:
        stream = self._streams.get(entry.stream)
        if stream is None or self._begun.pop(entry.generation, None) != stream.id:
            return
        arguments = (stream.id, entry.generation, entry.sequence, *entry.manifest, entry.state)
        if not await self._fenced(statements.FLIP, *arguments):
            raise await self._refused()
        self.held_bytes += entry.manifest.size - stream.manifest.size
        stream.manifest, stream.checkpoint = entry.manifest, entry.sequence
        self._prunable[stream.id] = _Prunable(entry.sequence, now() + KEPT_SECONDS)

    async def _drop(self, entry: Drop) -> None:
        stream = self._streams.get(entry.stream)
        if stream is None:
            return
        if not await self._fenced(statements.DROP, stream.id):
            raise await self._refused()
        del self._streams[entry.stream]
        self.held_bytes -= stream.manifest.size
        self._prunable[stream.id] = _Prunable(_ALL)

    async def _move(self, entry: Move) -> None:
        stream = self._streams.get(entry.stream)
        if stream is None or not await self._fenced(statements.MOVE, stream.id):
            raise WriteRefused(f"the move of {entry.stream!r} is no longer requested")
        # From now on, the other shard writes the stream and removes the records that its checkpoints replace.
        del self._streams[entry.stream]
        self._prunable.pop(stream.id, None)
        self.held_bytes -= stream.manifest.size

    async def adopt(self, name: str, place: Place) -> None:
        """Continues a stream that another shard has handed over. Raises SessionLost.

        Continues the batch numbers of the stream's records, because followers apply only confirmed batches and expect a
        stream's batch numbers to rise. The caller has confirmed that the hand-over is replicated; it sends a beat next.
        """
        reader = self._shard.reader
        if reader is None:
            raise SessionLost("not connected to the database")
        last = (await reader.fetch(statements.LAST_BATCH, place.id))[0]["batch"]
        async with self._writing:
            self._batch = self._shard.confirmed_batch = max(self._batch, last)
            self._streams[name] = _Stream(place)
        self.held_bytes += place.manifest.size
        if place.sequence:
            self._prunable[place.id] = _Prunable(place.sequence)

    async def _fenced(self, query: str, *arguments: Any, size: int = 0) -> int:
        import asyncpg

        session = self._shard.session
        if session is None:
            raise SessionLost("not connected to the database")
        noun, shard, _ = self._shard.name
        try:
            return await session.execute(query, noun, shard, self._shard.term, *arguments, size=size)
        except asyncpg.UniqueViolationError as error:
            # Another process has written to a stream of this shard.
            self._trouble()
            raise WriteRefused(str(error)) from None

    async def _refused(self) -> WriteRefused:
        """Returns why the fence refused a write: another candidate is primary, or an engine was moved."""
        row = await self._shard.read()
        if row.term != self._shard.term:
            self._shard.step_down()
        self._trouble()
        return WriteRefused(
            f"{self._shard.name.address} is no longer the primary of {self._shard.name}"
            if row.term != self._shard.term
            else "an engine of the batch is no longer placed in this shard"
        )

    def _trouble(self) -> None:
        self._is_settled = False
        self._troubled()

    def settle(self) -> bool:
        """Returns False, since only the next term settles an unknown outcome."""
        return False

    # --- Checkpoints.

    def checkpoint_begin(self, stream: str, sequence: int) -> int:
        """Returns a generation prefetched from PostgreSQL's sequence. Raises OSError if none is available."""
        found = self._streams.get(stream)
        if found is None or not self._generations:
            raise OSError("PostgreSQL is busy")
        generation = self._generations.pop(0)
        self._begun[generation] = found.id
        self._thread.start(self._announce(found.id, sequence))
        return generation

    async def _announce(self, stream: int, sequence: int) -> None:
        """Tells followers after which input to compare their state; followers already past it skip the comparison."""
        with suppress(SessionLost, WriteRefused):
            await self._fenced(statements.CHECKING, stream, sequence)

    def checkpoint_part(self, generation: int, part: int, pieces: Sequence[memoryview]) -> Part:
        """Writes a part, which is confirmed together with the checkpoint's commit. Thread-safe. Raises OSError."""
        payload = b"".join(pieces)
        crc = zlib.crc32(payload)
        try:
            self._thread.call(self._write_part(generation, part, crc, payload))
        except SessionLost as error:
            raise OSError(str(error)) from None
        return Part(len(payload), crc)

    async def _write_part(self, generation: int, part: int, crc: int, payload: bytes) -> None:
        stream = self._begun.get(generation)
        if self._shard.reader is None or stream is None:
            raise SessionLost("the term has ended")
        arguments = (stream, generation, part, crc, payload)
        await (await self._shard.bulk()).execute(
            "INSERT INTO checkpoint VALUES ($1, $2, $3, $4, $5)", *arguments, size=len(payload)
        )

    def checkpoint_abandon(self, generation: int) -> None:
        """Forgets an uncommitted checkpoint; a later checkpoint removes its parts."""
        self._begun.pop(generation, None)

    # --- Maintenance.

    @property
    def has_superfluous(self) -> bool:
        """Whether `prune` has anything to remove."""
        return self._is_settled and any(each.at <= now() for each in list(self._prunable.values()))

    def prune(self) -> None:
        """Removes some records and parts that a checkpoint has replaced."""
        if not self.has_superfluous:
            return
        try:
            self._thread.call(self._prune())
        except SessionLost:
            # The next term starts with it.
            self._prunable.clear()

    async def _prune(self) -> None:
        if self._shard.reader is None:
            raise SessionLost("not connected to the database")
        session = await self._shard.bulk()
        stream, prunable = next(each for each in self._prunable.items() if each[1].at <= now())
        gone = (await session.fetch(statements.PRUNE, stream, prunable.sequence, _PRUNED_RECORDS_MAX))[0]
        self.held_bytes -= gone["size"]
        if gone["records"]:
            return
        await session.execute(
            "DELETE FROM checkpoint c WHERE stream = $1 "
            "AND generation < coalesce((SELECT generation FROM stream s WHERE s.stream = $1), $2)", stream, _ALL
        )  # fmt: skip
        if self._prunable.get(stream) is prunable:
            del self._prunable[stream]

    def note_progress(self) -> bool:
        """Does nothing for streams, since PostgreSQL keeps confirmed writes; prefetches generations."""
        if self._is_settled and self._shard.is_primary:
            try:
                self._thread.call(self._refill())
            except SessionLost:
                return False
        return True

    def answer_backup_request(self, between: Callable[[], object]) -> None:
        """Does nothing: PostgreSQL has its own backups."""

    def close(self) -> None:
        """Does nothing: acknowledged writes are confirmed."""
