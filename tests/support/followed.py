"""A primary's data engines and a follower's, both in this process, over one shard in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cluster.records import read_places
from services.data.engine import NamedDataEngine
from services.data.rpcs import DataService
from services.data.settings import DataServiceSettings
from services.engines.registry import Registry
from services.journal.journal import Journal
from services.journal.journals import SharedJournal
from services.journal.suspects import Suspects
from services.runtime.memory import Memory
from services.runtime.settings import load
from tests.support.cluster import Held, cluster_command
from tests.support.postgres import Pair
from tests.support.waiting import let_pass_async

__all__ = ["Followed", "followed"]


@dataclass
class Followed:
    """The engines of the primary and the follower; the follower reads the journal only when it is told to."""

    held: Held
    engines: Registry[NamedDataEngine]
    follower: Held
    memory: Memory

    def engine(self, name: str) -> NamedDataEngine:
        """The primary's engine."""
        engine = self.engines.find(name, None)
        assert engine is not None
        return engine

    def followed_engine(self, name: str) -> NamedDataEngine:
        """The follower's."""
        engine = self.memory.engines.find(name, None)
        assert engine is not None
        return engine

    async def catch_up(self) -> None:
        """Makes the primary beat and the follower apply the inputs that this confirms."""
        await self.held.thread.run(self.held.shard.beat())
        await self.memory.catch_up((await self.follower.thread.run(self.follower.shard.read())).confirmed_batch)

    async def announced(self, name: str, sequence: int) -> None:
        """Waits until the table says that the primary's checkpoint after this input has begun, then catches up."""
        reader = self.follower.shard.reader
        assert reader is not None
        async with asyncio.timeout(30):
            while (await self.follower.thread.run(read_places(reader, "data", 0)))[name].checking != sequence:
                await let_pass_async(0.001)
        await self.catch_up()

    async def compared(self, count: int) -> None:
        """Waits until the follower has compared `count` states."""
        async with asyncio.timeout(30):
            while self.memory.comparisons.compared < count:
                await let_pass_async(0.001)
                await self.catch_up()


@asynccontextmanager
async def followed(postgres: Pair, folder: Path) -> AsyncIterator[Followed]:
    """A primary and a follower without engines yet, in a new database."""
    dsn = postgres.database()
    made = await asyncio.to_thread(cluster_command, dsn, "init")
    assert made.returncode == 0, made.stderr
    service = DataService(load(DataServiceSettings, ["--data-dir", str(folder)]))
    held, follower = Held(dsn, "a:1"), Held(dsn, "b:1")
    assert await asyncio.to_thread(held.take)
    held.beat_on()
    await follower.thread.run(follower.shard.connect())
    journals = Journal(held.store), Journal(follower.store)
    engines, its_engines = (Registry("data", service.build, SharedJournal(journal)) for journal in journals)
    memory = Memory(its_engines, journals[1], follower.shard, follower.thread, Suspects(folder / "suspects"))
    try:
        yield Followed(held, engines, follower, memory)
    finally:
        held.end()
        follower.end()
        for journal in journals:
            await journal.close()
