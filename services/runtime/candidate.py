"""A candidate of a shard: follows the log while another one is primary, takes over when the primary fails, serves.

    follow   apply confirmed batches, answer NOT_PRIMARY
    take     after two seconds without a beat, while own synchronous writes are confirmed: take a new term
    serve    beat, answer, write
    settle   after the session is lost: take a new term, and compare the memory with the log

The memory of a deposed primary may be ahead of the log, so it is discarded and reloaded from the log.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

from alphaforge_core.errors import AlphaForgeError, EngineError

from services.cluster.database import Database, SessionLost
from services.cluster.shard import BEAT_SECONDS, Name, Row, Shard, now
from services.cluster.store_postgres import PostgresStore
from services.cluster.thread import ClusterThread
from services.engines.registry import Registry
from services.journal.journal import Journal
from services.journal.suspects import Suspects
from services.rpc.health import PRIMARY, SetHealth
from services.runtime.memory import Memory
from services.runtime.moves import Moves
from services.runtime.settings import CheckpointSettings

__all__ = ["Candidate", "Takes"]

SILENCE_SECONDS = 2.0
# Maximum age of the state from which a follower answers reads.
_READ_SECONDS_MAX = 2.0
# How much longer a candidate waits before taking over if it can't recover every engine, if its state differed from the
# primary's when they were last compared, or if its clock is off.
_UNFIT_FACTOR = 3.0
_POLL_SECONDS, _POLL_SECONDS_CLOSE = 0.2, 0.02
# Maximum age of the candidate's own last confirmed write for the primary's silence to count.
_UNCONFIRMED_SECONDS_MAX = 1.0
_TICK_SECONDS = 0.25
_RETRY_SECONDS = 0.2
# How often PostgreSQL's oldest snapshot is looked at, which also shows whether the session for reading is alive.
_SNAPSHOT_SECONDS = 15.0
# A clock that is further off makes bars close at wrong times, so others go first.
_CLOCK_SECONDS_MAX = 0.25
_START_SECONDS_MAX = 20.0
# How long a stop waits for the shard's release, and for the checkpoints before it.
_LEAVE_SECONDS, _SAVE_SECONDS = 3.0, 60.0
_ALL = 2**62

_logger = logging.getLogger("services.cluster")


class Takes(Protocol):
    """The hooks of a service for changes of its role."""

    async def begin_primary(self) -> None:
        """Starts taking calls."""

    async def end_primary(self) -> None:
        """Stops taking calls. Nothing can be written any more."""

    async def checkpoint_all(self) -> None:
        """Checkpoints every engine that has changed."""


class Candidate:
    """One process of a shard. Used on the service's event loop; talks to PostgreSQL in a thread."""

    def __init__(
        self, name: Name, dsn: str, cluster: str, unreplicated: str, journal_size_bytes_max: int, folder: Path
    ) -> None:
        self.thread = ClusterThread()
        self.shard = Shard(name, Database(dsn, f"{name} {name.address}"), cluster, unreplicated)
        self._trouble: asyncio.Event | None = None
        self._main: asyncio.AbstractEventLoop | None = None
        self.store = PostgresStore(self.shard, self.thread, self._report_trouble)
        self.journal = Journal(self.store, size_bytes_max=journal_size_bytes_max)
        self._suspects = Suspects(folder / f"{name}.suspects")
        self._id_file = folder / "cluster.id"
        with suppress(OSError):
            self.shard.cluster_id = self._id_file.read_text().strip()
        self._memory: Memory | None = None
        self._moves: Moves | None = None
        self._moving: asyncio.Future[None] | None = None
        self._service: Takes | None = None
        self._ahead: set[str] = set()
        """Engines that must begin a new epoch: their clients know more than the log."""
        self._applied_batch = 0
        self._confirmed_at = 0.0
        self._fresh_at = float("-inf")
        self._has_term = False
        self._tasks: list[asyncio.Future[None]] = []
        self._leaving = False
        self._is_saving = False
        self._left = asyncio.Event()
        self.is_serving = False
        self.is_advertised = False
        """Whether clients reach this candidate at an address other than the one it listens on."""

    @classmethod
    def of(cls, settings: CheckpointSettings, dsn: str) -> Self:
        """Creates the candidate that a service's settings describe."""
        address = settings.advertise or f"{settings.host}:{settings.port}"
        size = settings.journal_size_bytes_max
        name = Name(settings.service, settings.shard, address)
        candidate = cls(name, dsn, settings.cluster, settings.unreplicated, size, settings.data_dir)
        candidate.is_advertised = settings.advertise is not None
        return candidate

    # --- From start to stop.

    async def start(self, service: Takes, engines: Registry[Any], *, health: SetHealth) -> None:
        """Connects, and loads the engines from the log; drops engines that the log doesn't have.

        `health` is set to whether this is the primary. Raises EngineError if PostgreSQL can't be used.
        """
        self._main, self._trouble = asyncio.get_running_loop(), asyncio.Event()
        self._memory = Memory(engines, self.journal, self.shard, self.thread, self._suspects)
        self._service, self._health = service, health
        self._moves = Moves(self._memory, self.journal, self.store, self.shard, self.thread)
        engines.places = self._moves.places
        try:
            async with asyncio.timeout(_START_SECONDS_MAX):
                await self.thread.run(self._connect())
            await self._catch_up(await self.thread.run(self.shard.read()))
        except TimeoutError:
            raise EngineError(
                f"PostgreSQL did not confirm a write within {_START_SECONDS_MAX:g} s; check its synchronous standby",
                reason="DATABASE_UNREACHABLE",
            ) from None
        except SessionLost as error:
            raise EngineError(f"PostgreSQL can't be used: {error}", reason="DATABASE_UNREACHABLE") from None
        work = (self._tick(), self._run(), self._watch_snapshots())
        self._tasks = [asyncio.ensure_future(each) for each in work]

    def listens_at(self, address: str) -> None:
        """Sets the address that clients reach, once the port is known."""
        if not self.is_advertised:
            self.shard.reached_at(address)

    async def _connect(self) -> None:
        await self.shard.connect()
        await self.shard.check_standbys()
        if not self._id_file.exists():
            with suppress(OSError):
                self._id_file.parent.mkdir(parents=True, exist_ok=True)
                self._id_file.write_text(f"{self.shard.cluster_id}\n")

    def reload(self) -> None:
        """Loads engines whose memory is ahead of the log from the log, in a new term of this primary."""
        self.store.unsettle()
        self._report_trouble()

    async def leave(self) -> None:
        """Releases the shard, if this is the primary; returns when another candidate may take it over."""
        self._leaving = True
        if self._trouble is not None:
            self._trouble.set()
            if self.shard.term and not await self._has_left():
                _logger.warning("the shard could not be released cleanly", extra={"shard": str(self.shard.name)})
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.shard.step_down()
        self.store.unsettle()
        await self.thread.run(self._delete_presence())
        await self.thread.run(self._disconnect())

    async def _has_left(self) -> bool:
        for seconds in (_LEAVE_SECONDS, _SAVE_SECONDS):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._left.wait()
            if not self._is_saving:
                break
        return self._left.is_set()

    async def _delete_presence(self) -> None:
        with suppress(SessionLost, TimeoutError):
            async with asyncio.timeout(1.0):
                if self.shard.session is not None:
                    await self.shard.delete_presence()

    async def _disconnect(self) -> None:
        self.shard.lose_sessions()

    def _report_trouble(self) -> None:
        if self._main is not None and self._trouble is not None:
            self._main.call_soon_threadsafe(self._trouble.set)

    async def _tick(self) -> None:
        while True:
            self.shard.tick()
            await self._report_health()
            await asyncio.sleep(_TICK_SECONDS)

    async def _report_health(self) -> None:
        await self._health(PRIMARY, serving=self.shard.is_primary)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
                if self._leaving:
                    return
                await self._serve()
            except SessionLost as error:
                _logger.warning("the session with PostgreSQL is lost", extra={"reason": str(error)})
            except EngineError as error:
                _logger.error("PostgreSQL can't be used now", extra={"reason": str(error)})
            except Exception:
                _logger.exception("failed", extra={"work": "candidate"})
            await self._step_down()
            if self._leaving:
                self._left.set()
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def _step_down(self) -> None:
        """Turns the primary into a follower; discards the memory, which may be ahead of the log."""
        has_memory, self._has_term = self._has_term, False
        self.shard.step_down()
        self.store.unsettle()
        await self.thread.run(self._disconnect())
        if not has_memory:
            return
        _logger.warning("no longer the primary", extra={"shard": str(self.shard.name)})
        await self._end_serving()
        await self.memory.idle()
        self.memory.forget()

    async def _end_serving(self) -> None:
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)
            self._moving = None
        if self.is_serving:
            self.is_serving = False
            assert self._service is not None
            await self._service.end_primary()

    # --- Following.

    async def _follow(self) -> None:
        """Follows until this candidate has taken the shard over, or should stop."""
        assert self._trouble is not None
        await self.thread.run(self._connect())
        seen = Row(-1, -1, 0, "", "", "")
        since = self._confirmed_at = now()
        witness = asyncio.ensure_future(self._write_presence())
        looked_at = 0.0
        is_told = False
        try:
            while not self._leaving:
                row = await self.thread.run(self.shard.read())
                moved = (row.term, row.beat) != (seen.term, seen.beat)
                unconfirmed = now() - self._confirmed_at > _UNCONFIRMED_SECONDS_MAX
                if moved or unconfirmed:
                    since = now()
                began = now()
                is_free = not row.owner and row.wanted in ("", "*", self.shard.name.address)
                is_released = is_free and bool(seen.owner)
                if row.confirmed_batch != seen.confirmed_batch or now() - looked_at > 1.0 or is_released:
                    await self._catch_up(row)
                    looked_at = now()
                if moved:
                    # A beat confirms everything that the primary answered before sending it.
                    self._fresh_at = began
                seen = row
                limit = SILENCE_SECONDS * (_UNFIT_FACTOR if self._is_unfit else 1.0)
                if (is_free or now() - since >= limit) and not unconfirmed:
                    # An operator may still want this candidate.
                    may = row.wanted == self.shard.name.address or not self.memory.engines.is_of_another_release
                    if may and await self.thread.run(self.shard.take(row)):
                        return
                    if not may and not is_told:
                        is_told = True
                        _logger.error(
                            "not taking over: another release wrote inputs that this one can't apply",
                            extra={"shard": str(self.shard.name)},
                        )
                    since = now()
                if witness.done():
                    witness.result()
                await asyncio.sleep(_POLL_SECONDS_CLOSE if row.wanted else _POLL_SECONDS)
        finally:
            witness.cancel()
            await asyncio.gather(witness, return_exceptions=True)

    @property
    def _is_unfit(self) -> bool:
        """Whether another candidate should take over in preference to this one."""
        is_whole = not self.memory.engines.damaged and not self.memory.comparisons.differing
        return not is_whole or abs(self.shard.clock_offset_seconds) > _CLOCK_SECONDS_MAX

    async def _watch_snapshots(self) -> None:
        while True:
            try:
                await self.thread.run(self.shard.look_at_snapshots())
            except SessionLost as error:
                # Without this session a primary still writes, but can't make checkpoints.
                _logger.warning("the session for reading is lost", extra={"reason": str(error)})
                with suppress(EngineError):
                    await self.thread.run(self.shard.reopen_reader())
            await asyncio.sleep(_SNAPSHOT_SECONDS)

    async def _write_presence(self) -> None:
        while True:
            await self.thread.run(self.shard.write_presence(self._applied_batch))
            self._confirmed_at = now()
            await asyncio.sleep(BEAT_SECONDS)

    @property
    def memory(self) -> Memory:
        """The engines, once the candidate is started."""
        assert self._memory is not None
        return self._memory

    @property
    def compared_states(self) -> tuple[int, int]:
        """The number of the primary's checkpoints with which this state was compared, and how many differed."""
        comparisons = None if self._memory is None else self._memory.comparisons
        return (0, 0) if comparisons is None else (comparisons.compared, comparisons.differed)

    @property
    def lag(self) -> int:
        """Number of confirmed batches not applied here yet."""
        return 0 if self.is_serving else max(0, self.shard.row.confirmed_batch - self._applied_batch)

    # --- What it answers.

    def refusal(self) -> AlphaForgeError | None:
        """Why this candidate answers nothing; None if it is the primary."""
        return self.shard.refusal()

    def read_refusal(self) -> AlphaForgeError | None:
        """Why a follower doesn't answer reads; None if it is close enough behind a live primary."""
        is_follower = not self.shard.term and self.lag_seconds() <= _READ_SECONDS_MAX
        return None if is_follower else self.shard.refusal()

    def lag_seconds(self) -> float:
        """The age, in seconds, of the last heartbeat whose inputs a follower has applied; 0 for the primary."""
        return 0.0 if self.shard.term else now() - self._fresh_at

    async def _catch_up(self, row: Row) -> None:
        await self.memory.catch_up(row.confirmed_batch)
        self._applied_batch = row.confirmed_batch

    # --- Serving.

    async def _serve(self) -> None:
        """Serves until this is no longer the primary."""
        assert self._trouble is not None
        assert self._service is not None
        self._trouble.clear()
        self._has_term = True
        self._fresh_at = float("-inf")
        self._start_beats()
        extra = {"shard": str(self.shard.name), "term": self.shard.term}
        await self._settle()
        self.is_serving = True
        await self._service.begin_primary()
        self.shard.start_answering()
        # Clients look for the primary by its health.
        await self._report_health()
        _logger.info("primary", extra=extra)
        assert self._moves is not None
        self._moving = asyncio.ensure_future(self._moves.run())
        while True:
            if self._leaving:
                await self._release()
                return
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._trouble.wait()
            except TimeoutError:
                if self.shard.row.wanted:
                    await self._release()
                    return
                continue
            self._trouble.clear()
            if self._leaving:
                continue
            if not self.shard.term:
                return
            if not self.store.is_settled or self.shard.session is None or self.shard.session.is_lost:
                await self._take_again()

    async def _settle(self) -> None:
        """Brings the memory to the state of the log, after a term is taken."""
        places = await self.thread.run(self.store.open())
        await self.memory.idle()
        ahead = await self.memory.follow(places, _ALL, keeps_others=True)
        if ahead:
            _logger.error("PostgreSQL has less than was acknowledged", extra={"engines": sorted(ahead)})
        self._ahead |= ahead | {name for name in places if self.store.may_have_lost(name)}
        self.store.settle_term()
        for name in sorted(self._ahead):
            if not await self.memory.engines.begin_epoch(name):
                raise SessionLost(f"a new epoch of {name!r} can't be written")
            self._ahead.discard(name)
        await asyncio.to_thread(self.store.ready)

    async def _take_again(self) -> None:
        """Takes a new term after the loss of the session. Raises SessionLost once another candidate is primary."""
        self.store.unsettle()
        _logger.warning("the session with PostgreSQL is lost; taking the term again", extra={"term": self.shard.term})
        await self.memory.idle()
        self.memory.note(self.store.known())
        while not self._leaving:
            try:
                await self.thread.run(self._disconnect())
                await self.thread.run(self.shard.connect())
                # Reads are served up to here, while the lease lasts; from here on the memory may change.
                self.shard.stop_answering()
                if not await self.thread.run(self.shard.take_again()):
                    self.shard.step_down()
                    raise EngineError(f"another candidate is primary of {self.shard.name}", reason="NOT_PRIMARY")
                self._start_beats()
                await self._settle()
                self.shard.start_answering()
                return
            except SessionLost as error:
                _logger.warning("PostgreSQL does not confirm", extra={"reason": str(error)})
            except EngineError as error:
                if error.reason != "DATABASE_UNREACHABLE":
                    raise
                _logger.warning("PostgreSQL can't be reached", extra={"reason": str(error)})
            await asyncio.sleep(_RETRY_SECONDS)

    def _start_beats(self) -> None:
        beats = asyncio.ensure_future(self.thread.run(self._beat(self.shard.term)))
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(beats)

    async def _beat(self, term: int) -> None:
        """Sends beats until the term or its session is lost."""
        try:
            while self.shard.term == term and self.shard.session is not None:
                if not await self.shard.beat():
                    self.shard.step_down()
                    break
                await asyncio.sleep(BEAT_SECONDS)
        except (SessionLost, EngineError) as error:
            _logger.warning("heartbeat not confirmed", extra={"reason": str(error)})
        self._report_trouble()

    async def _release(self) -> None:
        """Releases the shard: first tells the others to poll, then frees it."""
        _logger.info("shard released", extra={"shard": str(self.shard.name), "term": self.shard.term})
        await self.thread.run(self.shard.announce())
        await asyncio.sleep(_POLL_SECONDS + 0.05)
        self.shard.stop_answering()
        await self._end_serving()
        await self.memory.idle()
        if not await self.thread.run(self.shard.is_followed()):
            # The candidate that takes over has to load the engines, and another release can't replay these inputs.
            assert self._service is not None
            self._is_saving = True
            try:
                await self._service.checkpoint_all()
            finally:
                self._is_saving = False
        await self.thread.run(self.shard.release())
