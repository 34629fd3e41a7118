"""A primary's engines and a follower's, both in this process, over one shard in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from services.cluster.records import read_places
from services.data.engine import NamedDataEngine
from services.data.rpcs import DataService
from services.data.settings import DataServiceSettings
from services.engines.engine import NamedEngine
from services.engines.registry import Registry
from services.journal.journal import Journal
from services.journal.journals import SharedJournal
from services.journal.suspects import Suspects
from services.runtime.memory import Memory
from services.runtime.settings import load
from tests.support.cluster import Held, cluster_command
from tests.support.postgres import Pair
from tests.support.waiting import let_pass_async

__all__ = ["Followed", "followed", "followed_engines"]

N = TypeVar("N", bound=NamedEngine)


@dataclass
class Followed(Generic[N]):
    """The engines of the primary and the follower; the follower reads the journal only when it is told to."""

    held: Held
    engines: Registry[N]
    follower: Held
    memory: Memory

    def engine(self, name: str) -> N:
        """The primary's engine."""
        engine = self.engines.find(name, None)
        assert engine is not None
        return engine

    def followed_engine(self, name: str) -> N:
        """The follower's."""
        engine: N | None = self.memory.engines.find(name, None)
        assert engine is not None
        return engine

    async def catch_up(self) -> None:
        """Makes the primary beat and the follower apply the inputs that this confirms."""
        await self.held.thread.run(self.held.shard.beat())
        await self.memory.catch_up((await self.follower.thread.run(self.follower.shard.read())).confirmed_batch)

    async def announced(self, name: str, sequence: int) -> None:
        """Waits until the table says that the primary's checkpoint after this input has begun, then catches up."""
        reader, noun = self.follower.shard.reader, self.held.shard.name.noun
        assert reader is not None
        async with asyncio.timeout(30):
            while (await self.follower.thread.run(read_places(reader, noun, 0)))[name].checking != sequence:
                await let_pass_async(0.001)
        await self.catch_up()

    async def compared(self, count: int) -> None:
        """Waits until the follower has compared `count` states."""
        async with asyncio.timeout(30):
            while self.memory.comparisons.compared < count:
                await let_pass_async(0.001)
                await self.catch_up()


@asynccontextmanager
async def followed(postgres: Pair, folder: Path) -> AsyncIterator[Followed[NamedDataEngine]]:
    """A primary and a follower without data engines yet, in a new database."""
    service = DataService(load(DataServiceSettings, ["--data-dir", str(folder)]))
    async with followed_engines(postgres, folder, "data", service.build) as both:
        yield both


@asynccontextmanager
async def followed_engines(
    postgres: Pair, folder: Path, noun: str, build: Callable[[str, int, Mapping[str, Any]], N]
) -> AsyncIterator[Followed[N]]:
    """The same for any engines."""
    dsn = postgres.database()
    made = await asyncio.to_thread(cluster_command, dsn, "init")
    assert made.returncode == 0, made.stderr
    held, follower = Held(dsn, "a:1", noun=noun), Held(dsn, "b:1", noun=noun)
    assert await asyncio.to_thread(held.take)
    held.beat_on()
    await follower.thread.run(follower.shard.connect())
    journals = Journal(held.store), Journal(follower.store)
    engines, its_engines = (Registry(noun, build, SharedJournal(journal)) for journal in journals)
    memory = Memory(its_engines, journals[1], follower.shard, follower.thread, Suspects(folder / "suspects"))
    try:
        yield Followed(held, engines, follower, memory)
    finally:
        held.end()
        follower.end()
        for journal in journals:
            await journal.close()
