"""`alphaforge journal skip` for an engine of a cluster: works as with files; the next primary starts a new epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alphaforge_core.journal import SEMANTICS

from services.cluster.database import Session, problem
from services.cluster.records import crc_of
from services.journal.skip import keep, named, replacement
from services.journal.store import Record

__all__ = ["skip"]

_FIND = """
SELECT r.sequence, r.kind, r.time_ns, r.payload FROM record r JOIN stream s USING (stream)
WHERE s.noun = $1 AND s.engine = $2 AND r.sequence = $3 AND r.sequence > s.sequence
"""
# Ends the term first, so that no primary writes afterwards and each candidate reads the engine again.
_END_TERM = """
UPDATE shard SET term = term + 1, beat = beat + 1, owner = '', address = ''
WHERE noun = $1 AND id = (SELECT shard FROM stream WHERE noun = $1 AND engine = $2)
"""
_REPLACE = """
UPDATE record SET semantics = $3, kind = $4, crc = $5, payload = $6 WHERE stream = $1 AND sequence = $2
"""


async def skip(session: Session, engine: str, sequence: int, because: str, to: Path) -> None:
    """Replaces an input in the journal, and saves the original in the file `to`.

    Raises OSError, SessionLost, and EngineError SETTING_INVALID if there is no such input.
    """
    noun, name = named(engine)

    async def replace(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute(_END_TERM, noun, name)
            row = await connection.fetchrow(_FIND, noun, name, sequence)
            if row is None:
                raise problem(f"{engine} has no input {sequence} after its last checkpoint that could be skipped")
            record = Record(*row)
            put = replacement(engine, record, because)
            keep(to, engine, record, because)
            stream = await connection.fetchval(
                "UPDATE stream SET restored = true WHERE noun = $1 AND engine = $2 RETURNING stream", noun, name
            )
            crc = crc_of(stream, sequence, put.kind, put.time_ns, put.payload)
            await connection.execute(_REPLACE, stream, sequence, SEMANTICS, put.kind, crc, put.payload)

    await session.change(replace)
