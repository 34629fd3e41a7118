"""A stream in PostgreSQL: its row, its records, its checkpoint; read completely and verified."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from alphaforge_core.errors import EngineError
from alphaforge_core.journal import SEMANTICS

from services.cluster.database import Session
from services.journal.store import Checkpoint, Manifest, Part, Record

__all__ = ["Place", "are_gone", "crc_of", "read_all", "read_places", "read_records"]

_COLUMNS = struct.Struct("<qqiiq")

_PLACES = """
SELECT s.stream, s.engine, s.generation, s.sequence, s.parts, s.size, s.checksum, s.restored, s.checking, s.state,
       r.sequence AS last, r.crc
FROM stream s LEFT JOIN LATERAL (
    SELECT sequence, crc FROM record WHERE record.stream = s.stream ORDER BY sequence DESC LIMIT 1
) r ON true WHERE s.noun = $1 AND s.shard = $2 ORDER BY s.engine
"""
# At most $4 records, and no more after $5 bytes.
_RECORDS = """
SELECT sequence, semantics, kind, time_ns, crc, payload FROM (
    SELECT *, sum(octet_length(payload)) OVER (ORDER BY sequence ROWS UNBOUNDED PRECEDING) AS size FROM record
    WHERE stream = $1 AND sequence > $2 AND batch <= $3 ORDER BY sequence LIMIT $4
) counted WHERE size - octet_length(payload) < $5 ORDER BY sequence
"""
_NEXT = "SELECT min(sequence) AS sequence FROM record WHERE stream = $1 AND sequence > $2"
_PARTS = "SELECT part, crc, payload FROM checkpoint WHERE stream = $1 AND generation = $2 ORDER BY part"

_ALL = 2**62
# How much is read at once, but at least one record. So reading takes little memory, however long the stream is.
_RECORDS_AT_ONCE, _BYTES_AT_ONCE = 500, 8 << 20


class Place(NamedTuple):
    """A stream in the tables: its checkpoint, and its last record with its checksum."""

    id: int
    generation: int
    sequence: int
    manifest: Manifest
    restored: bool
    last: int
    crc: int | None
    checking: int = 0
    """The input after which the primary has begun its last checkpoint."""
    state: int = 0
    """The checksum of the state in its checkpoint; 0 if it is not known."""

    def differs(self, crc: int | None) -> bool:
        """Whether the last record differs. An unknown checksum is not compared."""
        return crc is not None and self.crc is not None and crc != self.crc


def crc_of(stream: int, sequence: int, kind: int, time_ns: int, payload: bytes, semantics: int = SEMANTICS) -> int:
    """The checksum of a record."""
    return zlib.crc32(payload, zlib.crc32(_COLUMNS.pack(stream, sequence, semantics, kind, time_ns)))


async def read_places(session: Session, noun: str, shard: int) -> dict[str, Place]:
    """The streams of a shard, by engine. Raises SessionLost."""
    return {
        row["engine"]: Place(
            row["stream"],
            row["generation"],
            row["sequence"],
            Manifest(row["parts"], row["size"], row["checksum"]),
            row["restored"],
            max(row["sequence"], row["last"] or 0),
            row["crc"] if (row["last"] or 0) >= row["sequence"] else None,
            row["checking"],
            row["state"],
        )
        for row in await session.fetch(_PLACES, noun, shard)
    }


async def read_records(
    session: Session, engine: str, stream: int, after: int, batch_max: int = _ALL, limit: int = _RECORDS_AT_ONCE
) -> tuple[list[Record], int | None]:
    """Returns the next records of a stream, at most 500 and some 8 MiB, and the checksum of the last one.

    Raises SessionLost, and EngineError: JOURNAL_DAMAGED, JOURNAL_VERSION.
    """
    rows = await session.fetch(_RECORDS, stream, after, batch_max, min(limit, _RECORDS_AT_ONCE), _BYTES_AT_ONCE)
    return _checked(engine, stream, after, rows)


async def are_gone(session: Session, stream: int, after: int) -> bool:
    """Whether the record after `after` is deleted because a checkpoint replaced it. Raises SessionLost."""
    return bool((await session.fetch(_NEXT, stream, after))[0]["sequence"] != after + 1)


async def read_all(
    session: Session, engine: str, stream: int, batch_max: int
) -> AsyncGenerator[tuple[list[Checkpoint | Record], int | None], None]:
    """Yields in one snapshot a stream's checkpoint, then the records after it, as many at once as `read_records`.

    With each, the checksum of its last record. Raises SessionLost, and EngineError: JOURNAL_DAMAGED, JOURNAL_VERSION.
    """
    async with session.snapshot() as fetch:
        found = await fetch("SELECT generation, sequence, parts, size, checksum FROM stream WHERE stream = $1", stream)
        if not found:
            return
        row = found[0]
        after: int = row["sequence"]
        if row["generation"]:
            parts = await fetch(_PARTS, stream, row["generation"])
            yield [_checkpoint(engine, row, parts)], None
            del parts
        while rows := await fetch(_RECORDS, stream, after, batch_max, _RECORDS_AT_ONCE, _BYTES_AT_ONCE):
            records, crc = _checked(engine, stream, after, rows)
            after = records[-1].sequence
            yield [*records], crc


def _checkpoint(engine: str, row: Any, parts: Any) -> Checkpoint:
    manifest = Manifest()
    for number, part in enumerate(parts):
        if part["part"] != number or zlib.crc32(part["payload"]) != part["crc"]:
            break
        manifest = manifest.with_part(Part(len(part["payload"]), part["crc"]))
    if manifest != Manifest(row["parts"], row["size"], row["checksum"]):
        raise _damaged(f"the checkpoint of {engine!r} is missing or damaged")
    return Checkpoint(row["sequence"], b"".join(part["payload"] for part in parts))


def _checked(engine: str, stream: int, after: int, rows: Any) -> tuple[list[Record], int | None]:
    records, last = [], None
    for sequence, semantics, kind, time_ns, crc, payload in rows:
        after += 1
        if sequence != after or crc_of(stream, sequence, kind, time_ns, payload, semantics) != crc:
            raise _damaged(f"input {after} of {engine!r} is missing or damaged")
        if semantics != SEMANTICS:
            raise EngineError(
                f"the inputs of {engine!r} from {sequence} on were written under other rules ({semantics}; this "
                f"release has {SEMANTICS}); switch to a candidate of the release that wrote them, so that it "
                "makes a checkpoint, then start this one",
                reason="JOURNAL_VERSION",
            )
        records.append(Record(sequence, kind, time_ns, payload))
        last = crc
    return records, last


def _damaged(why: str) -> EngineError:
    return EngineError(f"{why}; restore PostgreSQL from a backup, or drop the engine", reason="JOURNAL_DAMAGED")
