"""Moves engines between this shard and others, while calls continue.

`alphaforge cluster move` writes to the table which shard should get the engine. That shard's primary loads the engine,
follows its log as a standby does, and records that it is ready. The engine's primary then refuses its calls, writes its
waiting inputs and, in one fenced statement, changes the shard of the stream. The other primary sees this, applies the
rest of the log and serves the engine, with the same epoch and sequences. If either primary dies in between, the row
says which shard has the engine.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any, NamedTuple

from alphaforge_core.errors import AlphaForgeError

from services.cluster.database import SessionLost
from services.cluster.records import read_all, read_places, read_records
from services.cluster.shard import Shard, now
from services.cluster.store_postgres import PostgresStore
from services.cluster.thread import ClusterThread
from services.journal.journal import Journal
from services.runtime.memory import Memory
from services.runtime.places import Places

__all__ = ["Moves"]

_IDLE_SECONDS, _ACTIVE_SECONDS = 0.1, 0.01
# How often the table is compared with this primary's engines.
_CHECK_SECONDS = 2.0
_ALL = 2**62

_WANTED = """
SELECT s.stream, s.engine, s.shard, s.wanted, s.ready, s.sequence, h.confirmed_batch
FROM stream s JOIN shard h ON h.noun = s.noun AND h.id = s.shard
WHERE s.noun = $1 AND s.wanted IS NOT NULL AND $2 IN (s.shard, s.wanted) ORDER BY s.engine
"""
_READY = "UPDATE stream SET ready = $3 WHERE stream = $1 AND wanted = $2"
_CANCEL = "UPDATE stream SET wanted = NULL, ready = 0 WHERE stream = $1 AND wanted = $2"
_PLACED = """
SELECT s.stream, s.engine, s.shard, s.shard AS wanted, s.ready, s.sequence, h.confirmed_batch
FROM stream s JOIN shard h ON h.noun = s.noun AND h.id = s.shard WHERE s.noun = $1 AND s.shard = $2
"""

_logger = logging.getLogger("services.cluster")


class _Row(NamedTuple):
    stream: int
    engine: str
    shard: int
    wanted: int
    ready: int
    """The term in which the primary of the wanted shard has loaded the engine; 0: none."""
    sequence: int
    """The last input in the engine's checkpoint."""
    confirmed_batch: int


class _Coming(NamedTuple):
    stream: int
    engine: Any


class Moves:
    """The moves of one primary. Used on the service's event loop."""

    def __init__(
        self, memory: Memory, journal: Journal, store: PostgresStore, shard: Shard, thread: ClusterThread
    ) -> None:
        self._memory = memory
        self._engines = memory.engines
        self._journal = journal
        self._store = store
        self._shard = shard
        self._thread = thread
        self._coming: dict[str, _Coming] = {}
        self.places = Places(shard, store, thread, self._coming.__contains__)

    async def run(self) -> None:
        """Looks for engines to move, until it is cancelled."""
        self._coming.clear()
        checked_at = now()
        while True:
            is_active = False
            try:
                if now() - checked_at > _CHECK_SECONDS:
                    checked_at = now()
                    await self._look_for_missing()
                if self._shard.moves or self._coming:
                    is_active = await self._look()
            except SessionLost as error:
                _logger.warning("moves paused", extra={"reason": str(error)})
            await asyncio.sleep(_ACTIVE_SECONDS if is_active else _IDLE_SECONDS)

    async def _execute(self, query: str, *arguments: Any) -> None:
        reader = self._shard.reader
        if reader is None:
            raise SessionLost("not connected to the database")
        await self._thread.run(reader.execute(query, *arguments))

    async def _look(self) -> bool:
        noun, here, _ = self._shard.name
        rows = [_Row(*row) for row in await self.places.fetch(_WANTED, noun, here)]
        arriving = {row.engine: row for row in rows if row.wanted == here and row.shard != here}
        for row in arriving.values():
            await self._prepare(row)
        for name in [name for name in self._coming if name not in arriving]:
            await self._arrive(name)
            del self._coming[name]
        leaving = [row for row in rows if row.shard == here]
        for row in leaving:
            if row.wanted == here:
                await self._execute(_CANCEL, row.stream, here)
            elif row.ready:
                await self._depart(row)
        return bool(arriving or leaving)

    async def _look_for_missing(self) -> None:
        """Loads engines that another primary handed over while this one was taking its term."""
        noun, here, _ = self._shard.name
        placed = [_Row(*row) for row in await self.places.fetch(_PLACED, noun, here)]
        known = self._store.known()
        for row in placed:
            if row.engine not in known and row.engine not in self._coming:
                engine = await self._load(row)
                if engine is not None:
                    self._coming[row.engine] = _Coming(row.stream, engine)

    # --- Leaving.

    async def _depart(self, row: _Row) -> None:
        name = row.engine
        error = await self.places.moved(name, row.wanted)
        engine = await self._engines.hold(name, error)
        if engine is None:
            return
        try:
            await self._journal.move(name)
        except AlphaForgeError as failure:
            _logger.warning("engine not handed over", extra={"engine": name, "reason": str(failure)})
            if failure.reason == "OUTCOME_UNKNOWN":
                # The next term settles which shard has the engine; until then its calls fail. If here, it is reloaded.
                while not self._store.is_settled:
                    await asyncio.sleep(_IDLE_SECONDS)
                self._engines.finish_leaving(engine)
            else:
                self._engines.release(engine)
            return
        self._memory.lose(name)
        self._engines.finish_leaving(engine)
        _logger.info("engine handed over", extra={"engine": name, "shard": row.wanted})

    # --- Coming.

    async def _prepare(self, row: _Row) -> None:
        """Loads an engine that will move here, or applies what was confirmed since; records when it is ready."""
        coming = self._coming.get(row.engine)
        try:
            if coming is None or coming.stream != row.stream or coming.engine.sequence < row.sequence:
                engine = await self._load(row)
            else:
                engine, _ = await self._apply(row.engine, coming, row.confirmed_batch)
        except AlphaForgeError as error:
            _logger.error("move cancelled: engine not loaded", extra={"engine": row.engine, "reason": str(error)})
            self._coming.pop(row.engine, None)
            await self._execute(_CANCEL, row.stream, row.wanted)
            return
        if engine is None:
            self._coming.pop(row.engine, None)
            return
        self._coming[row.engine] = _Coming(row.stream, engine)
        if row.ready != self._shard.term:
            await self._execute(_READY, row.stream, row.wanted, self._shard.term)

    async def _load(self, row: _Row) -> Any:
        engine = None
        session = await self._thread.run(self._shard.bulk())
        reading = self._thread.each(read_all(session, row.engine, row.stream, row.confirmed_batch))
        async with aclosing(reading):
            async for items, _ in reading:
                engine = self._engines.built(self._journal, row.engine, engine, items)
                await asyncio.sleep(0)
        return engine

    async def _apply(self, name: str, coming: _Coming, batch_max: int) -> tuple[Any, int | None]:
        """Applies the next records; returns the engine (new after a reset, None after a drop) and the last checksum."""
        engine, last = coming.engine, None
        after = engine.sequence
        while True:
            reader = self._shard.reader
            if reader is None:
                raise SessionLost("not connected to the database")
            records, crc = await self._thread.run(read_records(reader, name, coming.stream, after, batch_max))
            if not records:
                return engine, last
            engine, last, after = self._engines.built(self._journal, name, engine, records), crc, records[-1].sequence
            await asyncio.sleep(0)

    async def _arrive(self, name: str) -> None:
        """Serves an engine that was handed over; forgets one whose move was cancelled."""
        coming, reader = self._coming[name], self._shard.reader
        if reader is None:
            raise SessionLost("not connected to the database")
        noun, here, _ = self._shard.name
        place = (await self._thread.run(read_places(reader, noun, here))).get(name)
        if place is None or place.id != coming.stream or name in self._store.known():
            return
        # A commit of this primary: what was visible before it is replicated.
        await self._thread.run(self._shard.write_presence(self._shard.confirmed_batch))
        crc = None
        if coming.engine.sequence < place.sequence:
            engine = await self._load(_Row(place.id, name, here, here, 0, place.sequence, _ALL))
        else:
            engine, crc = await self._apply(name, coming, _ALL)
        await self._thread.run(self._store.adopt(name, place))
        if engine is None:
            return
        self._memory.note({name: (place.id, crc)})
        self._engines.adopt(engine)
        await self._thread.run(self._shard.beat())
        _logger.info("engine taken over", extra={"engine": name, "epoch": engine.epoch})
