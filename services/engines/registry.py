"""The engines of a service by name: opened with settings, found by each call, listed, reset, dropped, recovered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge.journal.v1.inputs_pb2 import EngineOpened, EpochBegun
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted
from alphaforge_core.placement import checked_partitions, partition_name, split_name

from services.access.gate import require
from services.access.roles import Role
from services.base.messages import given as plain
from services.engines.drops import Drops
from services.engines.engine import (
    BEFORE,
    DROPPED_NUMBER,
    OPENED_NUMBER,
    NamedEngine,
    called,
    epoch_changed,
    new_epoch,
)
from services.engines.inputs import replay
from services.engines.state import sections
from services.journal.journal import Checkpoint, Journal, Record
from services.journal.journals import Journals

__all__ = ["DEFAULT_NAME", "ENGINES_MAX", "RecoveryStatistics", "Registry"]

DEFAULT_NAME = "default"
ENGINES_MAX = 1_000
# Maximum number of names in an error.
_NAMES_SHOWN = 20


_logger = logging.getLogger("services.registry")

N = TypeVar("N", bound=NamedEngine)
M_contra = TypeVar("M_contra", bound=NamedEngine, contravariant=True)


def _no_answer(_epoch: int) -> bytes:
    return b""


class RecoveryStatistics(NamedTuple):
    """Duration of the last recovery, engines recovered, and engines still damaged."""

    seconds: float
    engines: int
    damaged_engines: int


class Files(Protocol[M_contra]):
    """Storage with one file per engine. All calls raise EngineError JOURNAL_FAILED."""

    def begin(self, engine: M_contra, before: M_contra | None, /) -> None:
        """Creates the file of a new engine, replacing that of the engine it replaces."""

    def drop(self, engine: M_contra, /) -> None:
        """Deletes an engine's file."""

    def forget(self, name: str, /) -> None:
        """Deletes the file of an engine that could not be read."""


class Places(Protocol):
    """The places of engines in a cluster, in which other services of this noun have engines too."""

    async def elsewhere(self, name: str, partitions: int | None = None) -> AlphaForgeError | None:
        """Why an engine that is missing here is not here; None if it does not exist.

        With the number of its partitions, the engine is about to be created: None only if that should be here.
        """

    async def claim(self, name: str) -> None:
        """Places an engine here that is about to be created. Raises Unavailable if it was created elsewhere."""

    async def give_up(self, name: str) -> None:
        """Forgets the place of an engine without a journal that was dropped. Raises Unavailable."""


class _Here:
    """The places of a service on its own."""

    async def elsewhere(self, _name: str, _partitions: int | None = None) -> AlphaForgeError | None:
        return None

    async def claim(self, _name: str) -> None:
        return None

    async def give_up(self, _name: str) -> None:
        return None


_HERE = _Here()


class Registry(Generic[N]):
    """The named engines of one service.

    `build` creates an engine from a name, an epoch and the given settings; it raises InvalidArgument for invalid
    settings. With `journals`, engines are stored in the journal of their `durability`; with `files`, each has its own
    file. `placed` is called with every engine that becomes available to calls. Used on the event loop only, except
    `engines` and `recovery`, which are thread-safe.
    """

    def __init__(
        self,
        noun: str,
        build: Callable[[str, int, Mapping[str, Any]], N],
        journals: Journals | None = None,
        files: Files[N] | None = None,
        placed: Callable[[N], None] = lambda _engine: None,
    ) -> None:
        self.noun = noun
        self._build = build
        self._journals = journals
        self._files = files
        self._placed = placed
        self._engines: dict[str, N] = {}
        self._damaged: dict[str, tuple[Journal | None, AlphaForgeError]] = {}
        self._leaving: dict[str, AlphaForgeError] = {}
        self.places: Places = _HERE
        self.left: Callable[[str], object] = lambda _name: None
        """Called with the name of an engine that has moved to another shard."""
        self._recovery_seconds = 0.0
        self._recovered_engines = 0
        # Engines are created, reset and dropped one at a time: each waits for the disk.
        self._changing = asyncio.Lock()
        self._drops = Drops(self._changing, lambda name: name not in self._engines and name not in self._damaged)

    # --- Finding.

    async def get(self, name: str, epoch: int | None, *, creates: bool) -> N:
        """The engine of a call. With `creates`, a call without an epoch creates a missing engine with default settings.

        Raises the errors of `find`, and EngineError ENGINE_UNKNOWN for a missing engine that isn't created.
        """
        engine = self.find(name, epoch)
        if engine is not None:
            return engine
        if creates and epoch is None:
            return (await self.open(name, {}))[0]
        if (error := await self.places.elsewhere(name or DEFAULT_NAME)) is not None:
            raise error
        if epoch is not None:
            raise epoch_changed(self.noun, name or DEFAULT_NAME)
        raise self.unknown(name)

    def find(self, name: str, epoch: int | None) -> N | None:
        """The engine of a call; None if it is missing and no epoch was given.

        Raises EngineError: EPOCH_CHANGED if it is not the engine that the caller opened, JOURNAL_DAMAGED if it could
        not be recovered.
        """
        name = name or DEFAULT_NAME
        engine = self._engines.get(name)
        if engine is not None and (epoch is None or engine.epoch == epoch):
            return engine
        if name in self._damaged:
            raise self._damaged[name][1]
        if name in self._leaving:
            raise self._leaving[name]
        if epoch is not None and (engine is not None or self.places is _HERE):
            raise epoch_changed(self.noun, name)
        return None

    def unknown(self, name: str) -> EngineError:
        """The error for a missing engine, which lists the existing names."""
        names = sorted(self._engines)
        there = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
        return EngineError(
            f"no {called(self.noun, name or DEFAULT_NAME)}; there are: {there or 'none'}", reason="ENGINE_UNKNOWN"
        )

    def engines(self) -> list[N]:
        """All engines, in order of creation."""
        return list(self._engines.values())

    # --- Opening, resetting, dropping.

    async def open(self, name: str, given: Mapping[str, Any], *, reconfigure: bool = False) -> tuple[N, bool]:
        """Opens an engine, or creates it with the given settings and defaults for the rest; True if created.

        Only the given settings are compared. With `reconfigure`, those that differ are changed; without, raises
        EngineError SETTINGS_DIFFER (rule 5.1). The number of partitions is always compared and never changed
        (rule 5.8).
        """
        name = _checked(name or DEFAULT_NAME)
        given, partitions = _apart(name, given)
        async with self._changing:
            engine = self.find(name, None)
            if engine is None:
                if (error := await self.places.elsewhere(name, partitions)) is not None:
                    raise error
                if len(self._engines) + len(self._damaged) >= ENGINES_MAX:
                    raise ResourceExhausted(
                        f"this service has {ENGINES_MAX:,} engines, the limit; drop some, or share engines by name",
                        reason="ENGINE_LIMIT",
                    )
                require(Role.WRITE, f"create {called(self.noun, name)}")
                return await self._begin(name, given, partitions), True
            if engine.partitions != partitions:
                raise self._partitions_differ(engine, partitions)
            differing = engine.differing(given)
            if not differing:
                await engine.add(given)
                return engine, False
            if not reconfigure:
                raise self._settings_differ(name, differing)
            require(Role.ADMIN, f"reconfigure {called(self.noun, name)}")
            if await engine.reconfigure(given):
                return engine, False
            return await self._begin(name, {**engine.settings, **given}, partitions), True

    def restore(self, engines: Iterable[N], refused: Mapping[str, AlphaForgeError]) -> None:
        """Adds engines from before a restart, with their epochs, and the errors of those that can't be read."""
        for engine in engines:
            self._engines[engine.name] = engine
            self._placed(engine)
        for name, error in refused.items():
            self._damaged[name] = (None, error)

    async def reset(self, name: str, epoch: int | None, first_answer: Callable[[int], bytes] = _no_answer) -> N:
        """Resets an engine: an empty one with the same settings and a new epoch takes its place.

        `first_answer` makes the answer to a repeat after a restart from the new epoch.
        """
        async with self._changing:
            engine = await self.get(name, epoch, creates=False)
            return await self._begin(engine.name, engine.settings, engine.partitions, first_answer)

    async def drop(self, name: str, epoch: int | None, first_answer: bytes = b"") -> bool:
        """Drops an engine, on disk too; False if it doesn't exist.

        The journal keeps `first_answer` for a minute: what a repeated call is to be answered after a restart.
        """
        name = name or DEFAULT_NAME
        async with self._changing:
            if name in self._damaged:
                journal, error = self._damaged[name]
                if journal is not None:
                    await journal.drop(name)
                elif self._files is not None:
                    self._files.forget(name)
                else:
                    raise error
                del self._damaged[name]
                if self._journals is not None and self._journals.suspects is not None:
                    self._journals.suspects.forget(name)
                return True
            if name not in self._engines and name not in self._leaving:
                if (elsewhere := await self.places.elsewhere(name)) is not None:
                    raise elsewhere
                return False
            engine = self.find(name, epoch)
            assert engine is not None
            engine.retired = epoch_changed(self.noun, name)
            try:
                if engine.journal is not None:
                    await engine.journal.drop(name)
                    await self._drops.keep(engine.journal, name, first_answer)
                else:
                    await self.places.give_up(name)
                if self._files is not None:
                    self._files.drop(engine)
            except AlphaForgeError:
                engine.retired = None
                raise
            del self._engines[name]
            engine.close(engine.retired)
            return True

    def dropped_answers(self) -> list[FirstAnswer]:
        """The first answers of drops that the journals keep."""
        return self._drops.answers()

    def close(self, error: AlphaForgeError) -> None:
        """Ends the streams of all engines with `error`."""
        self._drops.close()
        for engine in self.engines():
            engine.close(error)

    async def _begin(
        self,
        name: str,
        settings: Mapping[str, Any],
        partitions: int,
        first_answer: Callable[[int], bytes] = _no_answer,
    ) -> N:
        """Puts an empty engine in the place of that name; closes the previous one, if any."""
        engine = self._build(name, new_epoch(), settings)
        engine.partitions = partitions
        engine.check_settings()
        answer = first_answer(engine.epoch)
        engine.keep_answer(answer)
        self._drops.hand_over(engine)
        before = self._engines.get(name)
        if before is not None:
            before.retired = epoch_changed(self.noun, name)
        try:
            if before is None:
                await self.places.claim(name)
            if self._journals is not None and (journal := self._journals.of(engine.settings["durability"])):
                engine.journal = journal
                message = engine.opened()
                message.first_answer = answer
                opened = message.SerializeToString()
                await journal.append(name, OPENED_NUMBER, time.time_ns(), opened, engine.resume_after)
                engine.bytes_since_checkpoint = len(opened)
            if self._files is not None:
                self._files.begin(engine, before)
        except AlphaForgeError as error:
            engine.close(error)
            if before is not None:
                before.retired = None
            raise
        self._engines[name] = engine
        if before is not None:
            before.close(epoch_changed(self.noun, name))
            # Its inputs are still in the journal; a checkpoint removes them.
            engine.bytes_since_checkpoint += before.bytes_since_checkpoint
        self._placed(engine)
        return engine

    def _settings_differ(self, name: str, differing: Mapping[str, tuple[Any, Any]]) -> EngineError:
        values = "; ".join(f"{setting} is {has}, not {given}" for setting, (has, given) in differing.items())
        return EngineError(
            f"{called(self.noun, name)} has other settings: {values}. Use another one with name=, "
            "or change this one, for all its clients, with reconfigure=True",
            reason="SETTINGS_DIFFER",
        )

    def _partitions_differ(self, engine: N, given: int) -> EngineError:
        name = called(self.noun, split_name(engine.name)[0])
        return EngineError(
            f"{name} has {engine.partitions} partitions, not {given}: their number is fixed when it is created. Open "
            f"it with partitions={engine.partitions}, use another one with name=, or drop it and create it again",
            reason="SETTINGS_DIFFER",
        )

    # --- Recovery.

    async def recover(self) -> None:
        """Recovers every engine in the journals. A damaged one is logged and refuses its calls.

        Raises EngineError JOURNAL_VERSION.
        """
        began = time.monotonic()
        if self._journals is not None:
            for name, error in self._journals.refused().items():
                self._set_damaged(name, None, error)
            if (suspects := self._journals.suspects) is not None and self._journals.all():
                suspects.begin()
            for journal in self._journals.all():
                await self._recover_from(journal)
            if suspects is not None:
                suspects.end(set(self._damaged))
        self._recovery_seconds, self._recovered_engines = time.monotonic() - began, len(self._engines)

    async def _recover_from(self, journal: Journal) -> None:
        have_begun = True
        for name in journal.streams():
            started = time.monotonic()
            try:
                with _guarded(name):
                    engine = self._recovered(journal, name)
                if engine is None:
                    continue
                if journal.may_have_lost(name):
                    have_begun &= await self._begin_epoch(engine)
                self._engines[name] = engine
                with _guarded(name):
                    self._placed(engine)
            except AlphaForgeError as error:
                if error.reason == "JOURNAL_VERSION":
                    raise
                self._engines.pop(name, None)
                self._set_damaged(name, journal, error)
                continue
            seconds = round(time.monotonic() - started, 3)
            _logger.info("recovered", extra={"engine": name, "epoch": engine.epoch, "seconds": seconds})
        if have_begun:
            journal.ready()

    async def _begin_epoch(self, engine: N) -> bool:
        """Starts a new epoch, since clients may have seen more than was recovered. False if that can't be written."""
        begun = EpochBegun(epoch=new_epoch())
        try:
            await engine.take("EpochBegun", begun)
        except AlphaForgeError as error:
            # It can still be read; the next start begins another epoch.
            _logger.error("a new epoch can't be written", extra={"engine": engine.name, "reason": str(error)})
            engine.begin_epoch(begun)
            return False
        return True

    def _set_damaged(self, name: str, journal: Journal | None, error: AlphaForgeError) -> None:
        self._damaged[name] = (journal, error)
        _logger.error("an engine can't be recovered", extra={"engine": name, "reason": str(error)})

    def recovery(self) -> RecoveryStatistics:
        """The result of `recover`."""
        return RecoveryStatistics(self._recovery_seconds, self._recovered_engines, len(self._damaged))

    def _recovered(self, journal: Journal, name: str) -> N | None:
        engine: N | None = None
        suspects = None if self._journals is None else self._journals.suspects
        for item in journal.replay(name):
            if suspects is not None:
                suspects.about_to_apply(name, item.sequence)
            engine = self._applied(journal, name, engine, item)
        return self._whole(journal, name, engine)

    def _applied(self, journal: Journal, name: str, engine: N | None, item: Checkpoint | Record) -> N | None:
        """The engine after one more item of its journal; None after it was dropped."""
        if isinstance(item, Checkpoint):
            opened, kept, snapshot = sections(item.payload)
            engine = self._reopened(name, opened)
            engine.restore(kept, snapshot)
            engine.resume_after(item.sequence)
        elif item.kind == OPENED_NUMBER:
            engine = self._reopened(name, item.payload)
            engine.resume_after(item.sequence)
            engine.keep_answer(EngineOpened.FromString(item.payload).first_answer)
            engine.bytes_since_checkpoint = len(item.payload)
            self._drops.hand_over(engine)
        elif item.kind == DROPPED_NUMBER:
            self._drops.read(journal, name, item.payload)
            engine = None
        elif engine is not None:
            replay(engine, item)
        return engine

    def _whole(self, journal: Journal, name: str, engine: N | None) -> N | None:
        if engine is None:
            if name in self._drops:
                return None
            raise EngineError(f"the journal of {name!r} has no first input; drop it", reason="JOURNAL_DAMAGED")
        engine.journal = journal
        return engine

    # --- Following a journal that another process writes.

    def follow(self, journal: Journal, name: str, items: Iterable[Checkpoint | Record], *, from_start: bool) -> None:
        """Applies the next records in the journal of an engine; `from_start`: these are the first.

        Raises EngineError as recovery does.
        """
        before = self._engines.get(name)
        engine = None if from_start else before
        with _guarded(name):
            for item in items:
                engine = self._applied(journal, name, engine, item)
            engine = self._whole(journal, name, engine)
            self._damaged.pop(name, None)
            if engine is None:
                self.forget(name, epoch_changed(self.noun, name))
            elif engine is not before:
                if before is not None:
                    before.close(epoch_changed(self.noun, name))
                self._engines[name] = engine
                self._placed(engine)

    # --- Moving from one shard to another.

    async def hold(self, name: str, error: AlphaForgeError) -> N | None:
        """Refuses all calls of an engine that is about to leave, with `error`; None if it is not here."""
        async with self._changing:
            engine = self._engines.pop(name, None)
            if engine is not None:
                engine.retired = self._leaving[name] = error
            return engine

    def release(self, engine: N) -> None:
        """Serves an engine that was held again."""
        engine.retired = None
        del self._leaving[engine.name]
        self._engines[engine.name] = engine
        self._placed(engine)

    def let_go(self, engine: N) -> None:
        """Ends the streams of an engine that was held and has left."""
        engine.close(self._leaving.pop(engine.name))
        self.left(engine.name)

    def built(self, journal: Journal, name: str, engine: N | None, items: Iterable[Checkpoint | Record]) -> N | None:
        """An engine that is about to come, after some more of its journal; None after it was dropped."""
        with _guarded(name):
            for item in items:
                engine = self._applied(journal, name, engine, item)
            return self._whole(journal, name, engine)

    def adopt(self, engine: N) -> None:
        """Serves an engine that has come."""
        self._damaged.pop(engine.name, None)
        self._engines[engine.name] = engine
        engine.arrived()
        self._placed(engine)

    def refuse(self, journal: Journal, name: str, error: AlphaForgeError) -> None:
        """Refuses the calls of an engine that can't be brought back."""
        self.forget(name, error)
        self._set_damaged(name, journal, error)

    def forget(self, name: str, error: AlphaForgeError) -> None:
        """Forgets an engine that is not this process's any more; its streams, and calls on it, end with `error`."""
        self._damaged.pop(name, None)
        engine = self._engines.pop(name, None)
        if engine is not None:
            engine.retired = error
            engine.close(error)

    def forget_all(self, error: AlphaForgeError) -> None:
        """Forgets every engine."""
        self._leaving.clear()
        for name in (*self._engines, *self._damaged):
            self.forget(name, error)

    async def begin_epoch(self, name: str) -> bool:
        """Begins a new epoch of an engine whose clients may have been told more than its journal has.

        False where it can't be written.
        """
        engine = self._engines.get(name)
        return engine is None or await self._begin_epoch(engine)

    @property
    def damaged(self) -> list[str]:
        """Names of the engines that are refused."""
        return list(self._damaged)

    def _reopened(self, name: str, opened: bytes) -> N:
        message = EngineOpened.FromString(opened)
        settings, partitions = _apart(name, {**BEFORE, **plain(getattr(message, self.noun))})
        engine = self._build(name, message.epoch, settings)
        engine.partitions = partitions
        return engine


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Turns what no engine should raise into the refusal of that engine: others are served."""
    try:
        yield
    except AlphaForgeError:
        raise
    except Exception as error:
        _logger.exception("failed", extra={"work": "recovery", "engine": name})
        raise EngineError(
            f"{name!r} can't be recovered ({type(error).__name__}); the service's log has the traceback. Start a "
            "release that can recover it, or drop the engine",
            reason="JOURNAL_DAMAGED",
        ) from error


def _apart(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The settings of an engine itself, and the number of its partitions."""
    settings = dict(given)
    engine, index = split_name(name)
    partitions = checked_partitions(engine, settings.pop("partitions", 1))
    if partitions > 1 and not (index < partitions and name == partition_name(engine, index)):
        raise InvalidArgument(
            f"{engine!r} with {partitions} partitions has none named {name!r}: they are {engine}, {engine}~1 to "
            f"{engine}~{partitions - 1}",
            reason="NAME_INVALID",
        )
    return settings, partitions


def _checked(name: str) -> str:
    if not 1 <= len(name.encode()) <= 64 or not name.isprintable():
        raise InvalidArgument(
            f"engine name {name!r} must have 1 to 64 bytes and no control characters", reason="NAME_INVALID"
        )
    return name
