"""Keeps the engines in a candidate's memory equal to the log in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any

from alphaforge_core.errors import AlphaForgeError, Unavailable

from services.cluster.records import Place, are_gone, read_all, read_places, read_records
from services.cluster.shard import Shard
from services.cluster.thread import ClusterThread
from services.engines.registry import Registry
from services.journal.journal import Checkpoint, Journal, Record
from services.journal.store import EPOCH_BEGUN
from services.journal.suspects import Suspects
from services.runtime.comparisons import Comparisons

__all__ = ["Memory"]

_ALL = 2**62


class Memory:
    """Applies records of the journal to engines, no matter which candidate wrote them."""

    def __init__(
        self,
        engines: Registry[Any],
        journal: Journal,
        shard: Shard,
        thread: ClusterThread,
        suspects: Suspects,
    ) -> None:
        self.engines = engines
        self._journal = journal
        self._shard = shard
        self._thread = thread
        self._suspects = suspects
        self._known: dict[str, tuple[int, int | None]] = {}
        """By engine: the id of its stream, and the checksum of its last record, or None if unknown."""
        self._refused: dict[str, tuple[int, int, bool]] = {}
        """For each engine that can't be followed, the log that it was read from; it is read again once its log
        changes."""
        self._restored: set[str] = set()
        """Engines loaded again after an operator changed their log. A primary has yet to begin their new epoch."""
        self._absent: dict[str, tuple[int, int]] = {}
        """Streams that end with the drop of their engine: the id and the last sequence read."""
        self.comparisons = Comparisons()

    async def catch_up(self, batch_max: int) -> None:
        """Applies confirmed records, up to and including batch `batch_max`. Raises SessionLost."""
        assert self._shard.reader is not None
        name = self._shard.name
        places = await self._thread.run(read_places(self._shard.reader, name.noun, name.id))
        await self.follow(places, batch_max, keeps_others=False)

    async def follow(self, places: dict[str, Place], batch_max: int, *, keeps_others: bool) -> set[str]:
        """Brings every engine to its place in the log; `keeps_others`: engines without a journal stay.

        Returns the engines that were ahead of the log: PostgreSQL has lost some of their records. Raises SessionLost.
        """
        ahead: set[str] = set()
        engines = {engine.name: engine for engine in self.engines.engines()}
        for name, engine in engines.items():
            if name not in places and not (keeps_others and engine.journal is None):
                self.engines.forget(name, self.elsewhere())
                self._known.pop(name, None)
        for name, place in places.items():
            engine = engines.get(name)
            if not place.last:
                # The engine is about to be created, or the log doesn't have it, and a new primary creates it again.
                if engine is not None and engine.journal is not None:
                    self.lose(name)
                    self.engines.forget(name, self.elsewhere())
                continue
            stream, crc = self._known.get(name, (0, None))
            is_refused = name in self.engines.damaged and self._refused.get(name) == _origin(place)
            if is_refused or self._absent.get(name) == (place.id, place.last):
                continue
            if engine is not None and stream == place.id and not self._is_changed(name, place):
                if engine.sequence > place.last or (engine.sequence == place.last and place.differs(crc)):
                    ahead.add(name)
                elif not (engine.is_ahead or self.comparisons.differs(name, place)):
                    self._compare_at(name, place, engine.sequence)
                    if engine.sequence == place.last or await self._apply(name, place, engine.sequence, batch_max):
                        continue
            await self._load(name, place, batch_max)
        return ahead

    def _is_changed(self, name: str, place: Place) -> bool:
        """Whether an operator has changed the engine's log since it was read."""
        if not place.restored:
            self._restored.discard(name)
        return place.restored and name not in self._restored

    def note(self, known: dict[str, tuple[int, int | None]]) -> None:
        """Remembers the streams that this process has written itself, with the checksum of each one's last record."""
        self._known |= known

    def lose(self, name: str) -> None:
        """Forgets the stream of an engine that another shard has now."""
        self._known.pop(name, None)

    def forget(self) -> None:
        """Forgets every engine."""
        self.engines.forget_all(self.elsewhere())
        self._known.clear()
        self._absent.clear()
        self._refused.clear()
        self.comparisons.forget()

    def elsewhere(self) -> AlphaForgeError:
        """The error for streams and calls of engines that are no longer here."""
        gone = Unavailable("the engine is no longer on this candidate; repeat the call", reason="NOT_PRIMARY")
        return self._shard.refusal() or gone

    async def idle(self) -> None:
        """Waits until nothing is being written and all written records are applied."""
        while not self._journal.is_idle:
            await asyncio.sleep(0.01)
        for engine in self.engines.engines():
            while engine.turn.waiting:
                await asyncio.sleep(0.01)

    async def _load(self, name: str, place: Place, batch_max: int) -> None:
        reader = self._shard.reader
        assert reader is not None
        self._known[name] = (place.id, None)
        if place.restored:
            self._restored.add(name)
        last: tuple[int | None] | None = None
        try:
            async with aclosing(self._thread.each(read_all(reader, name, place.id, batch_max))) as reading:
                async for items, crc in reading:
                    self._follow(name, place, items, from_start=last is None)
                    last = (crc,)
                    await asyncio.sleep(0)
        except AlphaForgeError as error:
            self._refuse(name, place, error)
            return
        # Otherwise the engine's first record is not confirmed yet.
        if last is not None:
            self._known[name] = (place.id, *last)
            self._note_absent(name, place)

    def _note_absent(self, name: str, place: Place) -> None:
        if all(engine.name != name for engine in self.engines.engines()):
            self._absent[name] = (place.id, place.last)

    def _compare_at(self, name: str, place: Place, sequence: int) -> None:
        if sequence in (place.checking, place.sequence):
            for engine in self.engines.engines():
                if engine.name == name and engine.IS_COMPARED:
                    self.comparisons.begin(name, place, engine)

    async def _apply(self, name: str, place: Place, after: int, batch_max: int) -> bool:
        """Applies the next records; False if they are gone, since a checkpoint has replaced them."""
        reader = self._shard.reader
        assert reader is not None
        try:
            while True:
                # The state is compared where the primary makes a checkpoint.
                stops = [stop - after for stop in (place.sequence, place.checking) if stop > after]
                reading = read_records(reader, name, place.id, after, batch_max, min([_ALL, *stops]))
                records, crc = await self._thread.run(reading)
                if not records:
                    self._note_absent(name, place)
                    return after >= place.sequence or not await self._thread.run(are_gone(reader, place.id, after))
                self._follow(name, place, records, from_start=False)
                self._known[name] = (place.id, crc)
                after = records[-1].sequence
                self._compare_at(name, place, after)
                await asyncio.sleep(0)
        except AlphaForgeError as error:
            if after < place.sequence:
                return False
            self._refuse(name, place, error)
            return True

    def _follow(self, name: str, place: Place, items: Sequence[Checkpoint | Record], *, from_start: bool) -> None:
        self._suspects.begin()
        applied = 0
        try:
            self.engines.follow(self._journal, name, self._noted(name, place, items), from_start=from_start)
            applied = items[-1].sequence
        finally:
            self._suspects.applied(str(place.id), applied)

    def _noted(self, name: str, place: Place, items: Sequence[Checkpoint | Record]) -> Iterator[Checkpoint | Record]:
        # Suspects are recorded by stream id, because the next engine of that name has another one.
        for item in items:
            # An operator's replacement of a fatal input is never a suspect.
            if isinstance(item, Checkpoint) or item.kind != EPOCH_BEGUN:
                self._suspects.about_to_apply(name, item.sequence, str(place.id))
            yield item

    def _refuse(self, name: str, place: Place, error: AlphaForgeError) -> None:
        self._refused[name] = _origin(place)
        self.engines.refuse(self._journal, name, error)


def _origin(place: Place) -> tuple[int, int, bool]:
    """The stream and its checkpoint, and whether an operator has changed the log."""
    return place.id, place.generation, place.restored
