"""The row of a shard in PostgreSQL: its term, its beat, and what this candidate may do.

Each primary has a term, a number. Every write of a primary locks the row `FOR SHARE` and checks its term, so no write
of an older term is accepted once another candidate has taken a newer term. Beat and term are in one row because a
take-over compares both. A candidate becomes primary only when its own take-over is confirmed, never by reading the row.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from alphaforge_core.errors import AlphaForgeError, EngineError, Unavailable
from alphaforge_core.journal import SEMANTICS

from services.base.errors import with_metadata
from services.cluster import schema
from services.cluster.database import Database, Session, SessionLost, problem

__all__ = ["BEAT_SECONDS", "LEASE_SECONDS", "LIVE", "Name", "Row", "Shard", "now"]

BEAT_SECONDS = 0.5
# The lease: how long after sending its last confirmed beat a primary answers reads.
LEASE_SECONDS = 1.5
# Maximum time since the event loop last ran for the next beat.
_TICK_SECONDS_MAX = 1.0

_ROW = (
    "SELECT term, beat, confirmed_batch, owner, address, wanted, "
    "current_setting('synchronous_standby_names') AS standbys FROM shard WHERE noun = $1 AND id = $2"
)
_TAKE = """
UPDATE shard SET term = term + 1, beat = beat + 1, beaten = clock_timestamp(), owner = $5, address = $6, wanted = ''
WHERE noun = $1 AND id = $2 AND term = $3 AND beat = $4 RETURNING term, confirmed_batch
"""
_TAKE_AGAIN = """
UPDATE shard SET term = term + 1, beat = beat + 1
WHERE noun = $1 AND id = $2 AND term = $3 AND owner = $4 RETURNING term, confirmed_batch
"""
_BEAT = """
UPDATE shard SET beat = beat + 1, beaten = clock_timestamp(), confirmed_batch = greatest(confirmed_batch, $4)
WHERE noun = $1 AND id = $2 AND term = $3 RETURNING wanted, current_setting('synchronous_standby_names') AS standbys,
    extract(epoch FROM clock_timestamp())::float8 AS time,
    EXISTS (SELECT FROM stream s WHERE s.noun = $1 AND s.wanted IS NOT NULL AND $2 IN (s.shard, s.wanted)) AS moves
"""
LIVE = "owner <> '' AND clock_timestamp() - beaten < interval '3 s'"
"""Whether a shard has a primary, as far as its row tells: only a hint."""
_RELEASE = """
UPDATE shard SET owner = '', address = '', confirmed_batch = greatest(confirmed_batch, $4)
WHERE noun = $1 AND id = $2 AND term = $3
"""
_SEEN = """
INSERT INTO candidate VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6)
ON CONFLICT (noun, id, address) DO UPDATE
SET owner = $4, seen = clock_timestamp(), applied_batch = $5, semantics = $6
RETURNING extract(epoch FROM clock_timestamp())::float8 AS time
"""
_FOLLOWERS = """
SELECT count(*) AS live, coalesce(bool_and(semantics = $4), false) AS alike FROM candidate
WHERE noun = $1 AND id = $2 AND owner <> $3 AND clock_timestamp() - seen < interval '5 s'
"""
_UNSEEN = "DELETE FROM candidate WHERE noun = $1 AND id = $2 AND address = $3 AND owner = $4"
# Covers only sessions that the role may see; with pg_monitor, that is all of them.
_OLDEST_SNAPSHOT = """
SELECT coalesce(max(age(xmin)), 0) AS age FROM (
    SELECT backend_xmin AS xmin FROM pg_stat_activity UNION ALL SELECT xmin FROM pg_replication_slots
    UNION ALL SELECT transaction FROM pg_prepared_xacts
) held
"""

_logger = logging.getLogger("services.cluster")


def now() -> float:
    """Returns the seconds of a clock that keeps counting while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Name(NamedTuple):
    """The shard's name, and the address of its candidate."""

    noun: str
    id: int
    address: str

    def __str__(self) -> str:
        return f"{self.noun}-{self.id}"


class Row(NamedTuple):
    """The shard's row as last read: only a hint, since it may have changed."""

    term: int
    beat: int
    confirmed_batch: int
    owner: str
    address: str
    wanted: str


class Shard:
    """This candidate's role in its shard. Its coroutines run on the event loop of the cluster's thread."""

    def __init__(self, name: Name, database: Database, cluster: str, unreplicated: str) -> None:
        self.name = name
        self.owner = secrets.token_hex(8)
        self.database = database
        self._cluster = cluster
        self.cluster_id = ""
        """The cluster to which this candidate belongs, once it is known."""
        self._unreplicated = unreplicated
        self.term = 0
        """The term of this primary; 0 otherwise."""
        self.row = Row(0, 0, 0, "", "", "")
        self.confirmed_batch = 0
        """The last confirmed batch of this primary."""
        self.session: Session | None = None
        self.reader: Session | None = None
        self._bulk: Session | None = None
        self._bulk_opening = asyncio.Lock()
        self.is_unreplicated = False
        self.moves = False
        """Whether an engine is to be moved to this shard or from it."""
        self.takeovers = 0
        self.lost_sessions = 0
        self.confirm_seconds = 0.0
        """How long the last heartbeat took."""
        self.clock_offset_seconds = 0.0
        """PostgreSQL's clock minus this machine's, by the last heartbeat."""
        self.oldest_snapshot = 0
        """Transactions since PostgreSQL's oldest snapshot."""
        self._lease_until = float("-inf")
        self._is_silent = True
        self._ticked = now()
        self._changed: Callable[[], None] = lambda: None

    # --- From any thread.

    def reached_at(self, address: str) -> None:
        """Sets the address at which clients reach this candidate."""
        self.name = self.name._replace(address=address)

    def tick(self) -> None:
        """Notes that the event loop is running."""
        self._ticked = now()

    @property
    def is_primary(self) -> bool:
        """Whether this candidate may answer now."""
        return not self._is_silent and self.has_lease

    @property
    def has_lease(self) -> bool:
        """Whether no other candidate can be primary now, and this candidate's writes are confirmed."""
        return now() < self._lease_until and not self._is_refused

    @property
    def _is_refused(self) -> bool:
        return self.is_unreplicated and self._unreplicated == "refuse"

    def refusal(self) -> AlphaForgeError | None:
        """Returns why calls are refused now; None if this is the primary and has a lease."""
        if self.is_primary:
            return None
        if self._is_refused and self.term:
            return Unavailable(
                "PostgreSQL has no synchronous standby, and unreplicated=refuse", reason="OUTCOME_UNKNOWN"
            )
        is_other = bool(self.row.owner) and self.row.owner != self.owner
        where = f"; the primary was {self.row.address} in term {self.row.term}" if is_other else ""
        error = Unavailable(f"{self.name.address} is not the primary of {self.name}{where}", reason="NOT_PRIMARY")
        return with_metadata(error, primary=self.row.address if is_other else "", term=str(self.row.term))

    def stop_answering(self) -> None:
        """Stops answering."""
        self._is_silent = True

    def start_answering(self) -> None:
        """Starts answering for as long as the lease lasts; called once the memory matches the log."""
        self._is_silent = False

    # --- In the cluster's thread.

    async def connect(self) -> None:
        """Opens the sessions and checks the database. Raises EngineError or SessionLost."""
        if self.session is None or self.session.is_lost:
            session = await self.database.connect()
            found = await schema.check(session, self._cluster)
            if self.cluster_id not in ("", found):
                session.terminate()
                raise problem(
                    f"this data_dir was used with another cluster named {self._cluster!r}, not the one in this "
                    "database; use the other cluster's DSN, or another data_dir"
                )
            self.cluster_id = found
            self.session = session
        if self.reader is None or self.reader.is_lost:
            self.reader = await self.database.connect(synchronous=False)

    async def check_standbys(self) -> None:
        """Raises EngineError SETTING_INVALID if no standby confirms PostgreSQL's commits."""
        assert self.session is not None
        await self.session.execute(
            "INSERT INTO shard (noun, id) VALUES ($1, $2) ON CONFLICT DO NOTHING", self.name.noun, self.name.id
        )
        names = (await self.session.fetch(_ROW, self.name.noun, self.name.id))[0]["standbys"]
        if "*" in names:
            raise problem(
                "synchronous_standby_names is *: any receiver of the log would count as the standby; name the standby"
            )
        self._note_standbys(names)
        if self._is_refused:
            raise problem(
                "PostgreSQL has no synchronous standby: set synchronous_standby_names, or use unreplicated=serve to "
                "accept one copy, or unreplicated=managed if the storage is replicated"
            )

    def _note_standbys(self, names: str) -> None:
        is_unreplicated = (not names.strip() or "*" in names) and self._unreplicated != "managed"
        if is_unreplicated and not self.is_unreplicated:
            _logger.error("PostgreSQL has no synchronous standby: there is one copy", extra={"shard": str(self.name)})
        self.is_unreplicated = is_unreplicated

    async def read(self) -> Row:
        """Reads the row. Raises SessionLost."""
        assert self.reader is not None
        found = (await self.reader.fetch(_ROW, self.name.noun, self.name.id))[0]
        self.row = Row(*(found[name] for name in Row._fields))
        return self.row

    async def write_presence(self, applied_batch: int) -> None:
        """Makes a synchronous write, to check that PostgreSQL confirms writes. Raises SessionLost."""
        assert self.session is not None
        noun, shard, address = self.name
        await self._heartbeat(_SEEN, noun, shard, address, self.owner, applied_batch, SEMANTICS)

    async def delete_presence(self) -> None:
        """Removes this candidate from the list of live candidates. Raises SessionLost."""
        assert self.session is not None
        await self.session.execute(_UNSEEN, *self.name, self.owner)

    async def is_followed(self) -> bool:
        """Whether there are other live candidates, all with the same rules as this one. Raises SessionLost."""
        assert self.session is not None
        row = (await self.session.fetch(_FOLLOWERS, self.name.noun, self.name.id, self.owner, SEMANTICS))[0]
        return bool(row["live"] and row["alike"])

    async def _heartbeat(self, query: str, *arguments: Any) -> list[Any]:
        assert self.session is not None
        began, began_at = now(), time.time()
        rows = await self.session.fetch(query, *arguments)
        self.confirm_seconds = now() - began
        if rows:
            # PostgreSQL took the time before it waited for the standby.
            self.clock_offset_seconds = rows[0]["time"] - began_at
        return rows

    async def look_at_snapshots(self) -> None:
        """Notes how far PostgreSQL's oldest snapshot holds back vacuum. Raises SessionLost."""
        if self.reader is not None:
            self.oldest_snapshot = (await self.reader.fetch(_OLDEST_SNAPSHOT))[0]["age"]

    async def reopen_reader(self) -> None:
        """Replaces a lost session for reading. Raises EngineError."""
        lost = self.reader
        if lost is not None and lost.is_lost:
            opened = await self.database.connect(synchronous=False)
            if self.reader is lost:
                self.reader = opened
            else:
                opened.terminate()

    async def bulk(self) -> Session:
        """Returns the session for long statements, so that short ones don't wait for them. Raises SessionLost."""
        async with self._bulk_opening:
            if self._bulk is None or self._bulk.is_lost:
                try:
                    self._bulk = await self.database.connect(synchronous=False)
                except EngineError as error:
                    raise SessionLost(str(error)) from None
            return self._bulk

    async def take(self, seen: Row) -> bool:
        """Takes over the shard if its row is unchanged since `seen`. Raises SessionLost."""
        return await self._take(_TAKE, seen.term, seen.beat, self.owner, self.name.address)

    async def take_again(self) -> bool:
        """Takes a new term for this primary. This settles writes in progress: they are in the log, or never will be.

        Returns False if another candidate has taken over the shard. Raises SessionLost.
        """
        return await self._take(_TAKE_AGAIN, self.term, self.owner)

    async def _take(self, query: str, *arguments: Any) -> bool:
        assert self.session is not None
        sent = now()
        rows = await self.session.fetch(query, self.name.noun, self.name.id, *arguments)
        if not rows:
            return False
        self.term, self.confirmed_batch = rows[0]["term"], rows[0]["confirmed_batch"]
        self._lease_until = sent + LEASE_SECONDS
        self.takeovers += 1
        self.row = Row(self.term, 0, self.confirmed_batch, self.owner, self.name.address, "")
        return True

    async def beat(self) -> bool:
        """Renews the lease; False if this is no longer the primary. Raises SessionLost."""
        assert self.session is not None
        if now() - self._ticked > _TICK_SECONDS_MAX:
            # A primary that can't answer must not block others.
            return True
        sent = now()
        rows = await self._heartbeat(_BEAT, self.name.noun, self.name.id, self.term, self.confirmed_batch)
        if not rows:
            return False
        self._note_standbys(rows[0]["standbys"])
        self._lease_until = sent + LEASE_SECONDS
        self.row = self.row._replace(wanted=rows[0]["wanted"])
        self.moves = rows[0]["moves"]
        return True

    async def release(self) -> None:
        """Releases the shard, for an immediate take-over. Raises SessionLost."""
        assert self.session is not None
        self.stop_answering()
        noun, shard, _ = self.name
        await self.session.execute(_RELEASE, noun, shard, self.term, self.confirmed_batch)
        self.step_down()

    async def announce(self) -> None:
        """Tells the other candidates that the shard will be released, so that they poll. Raises SessionLost."""
        assert self.session is not None
        noun, shard, _ = self.name
        await self.session.execute(
            "UPDATE shard SET wanted = CASE wanted WHEN '' THEN '*' ELSE wanted END "
            "WHERE noun = $1 AND id = $2 AND term = $3", noun, shard, self.term
        )  # fmt: skip

    def step_down(self) -> None:
        """Stops being primary."""
        self.stop_answering()
        self.term = 0
        self._lease_until = float("-inf")

    def lose_sessions(self) -> None:
        """Closes the sessions."""
        self.lost_sessions += 1
        for session in (self.session, self.reader, self._bulk):
            if session is not None:
                session.terminate()
        self.session = self.reader = self._bulk = None
