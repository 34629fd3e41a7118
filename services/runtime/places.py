"""Which shard has an engine: the one in the table or, for a new engine, one chosen by rendezvous hashing.

A new engine goes to the shard that rule 5.8 chooses from the live shards, named `data-0`, `data-1` and so on, so
clients with such a list call that shard first. A shard that is asked for another shard's engine answers which shard
has it. It creates an engine only after inserting the engine's row, which only one shard can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alphaforge_core.errors import AlphaForgeError, Unavailable
from alphaforge_core.placement import Shard as Listed
from alphaforge_core.placement import placed, split_name

from services.base.errors import with_metadata
from services.cluster.database import SessionLost
from services.cluster.shard import LIVE, Shard
from services.cluster.store_postgres import PostgresStore
from services.cluster.thread import ClusterThread
from services.engines.engine import called

__all__ = ["Places"]

_WHERE = "SELECT shard FROM stream WHERE noun = $1 AND engine = $2"
_LIVE = f"SELECT id FROM shard WHERE noun = $1 AND {LIVE}"
_ADDRESSES = """
SELECT address FROM shard WHERE noun = $1 AND id = $2 AND address <> ''
UNION SELECT address FROM candidate WHERE noun = $1 AND id = $2 AND clock_timestamp() - seen < interval '10 s'
"""


class Places:
    """The places of one primary's engines. Used on the service's event loop."""

    def __init__(
        self, shard: Shard, store: PostgresStore, thread: ClusterThread, is_coming: Callable[[str], bool]
    ) -> None:
        self._shard = shard
        self._store = store
        self._thread = thread
        self._is_coming = is_coming

    async def elsewhere(self, name: str, partitions: int | None = None) -> AlphaForgeError | None:
        """The error for calls of an engine that this shard does not have; None if no other shard has it either.

        With `partitions`, the engine is about to be created: None only if it should be created here.
        """
        here = self._shard.name
        try:
            rows = await self.fetch(_WHERE, here.noun, name)
            if self._is_coming(name):
                return Unavailable(f"{called(here.noun, name)} is moving to {here}; call again", reason="UNAVAILABLE")
            if rows:
                place = rows[0]["shard"]
            elif partitions is None:
                return None
            else:
                place = await self._place_of_new(name, partitions)
            return None if place == here.id else await self.moved(name, place)
        except SessionLost as error:
            return _unknown(error)

    async def _place_of_new(self, name: str, partitions: int) -> int:
        noun, here, _ = self._shard.name
        live = {row["id"] for row in await self.fetch(_LIVE, noun)} | {here}
        shards = {Listed(f"{noun}-{number}", ""): number for number in live}
        base, index = split_name(name) if partitions > 1 else (name, 0)
        return shards[placed(base, partitions, tuple(shards))[index]]

    async def claim(self, name: str) -> None:
        """Inserts the row of an engine that is about to be created. Raises Unavailable if another shard was first."""
        try:
            if await self._thread.run(self._store.claim(name)):
                return
            error = await self.elsewhere(name)
        except SessionLost as lost:
            error = _unknown(lost)
        here = self._shard.name
        raise error or Unavailable(f"{called(here.noun, name)} can't be placed in {here} now", reason="NOT_PRIMARY")

    async def give_up(self, name: str) -> None:
        """Deletes the row of an engine that was never in the journal. Raises Unavailable."""
        try:
            await self._thread.run(self._store.give_up(name))
        except SessionLost as error:
            raise _unknown(error) from None

    async def moved(self, name: str, shard: int) -> AlphaForgeError:
        """The error for calls of an engine that another shard has. Raises SessionLost."""
        noun = self._shard.name.noun
        addresses = sorted(row["address"] for row in await self.fetch(_ADDRESSES, noun, shard))
        error = Unavailable(f"{called(noun, name)} is in {noun}-{shard}; call that shard", reason="ENGINE_MOVED")
        return with_metadata(error, shard=f"{noun}-{shard}", target=",".join(addresses))

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """The rows of a query. Raises SessionLost."""
        reader = self._shard.reader
        if reader is None:
            raise SessionLost("not connected to the database")
        return list(await self._thread.run(reader.fetch(query, *arguments)))


def _unknown(error: SessionLost) -> AlphaForgeError:
    return Unavailable(f"PostgreSQL can't be asked which shard has the engine: {error}", reason="NOT_PRIMARY")
