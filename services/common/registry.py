"""The engines of a service by name: opened with settings, found by each call, listed, reset, dropped, recovered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from alphaforge.journal.v1.inputs_pb2 import EngineOpened, EpochBegun
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

from services.common.engine import BEGIN_EPOCH, OPENED, NamedEngine, epoch_changed, new_epoch, sections
from services.common.gate import require
from services.common.journal import Checkpoint, Journal
from services.common.journals import Journals
from services.common.messages import given as plain
from services.common.roles import Role

__all__ = ["DEFAULT_NAME", "ENGINES_MAX", "RecoveryStatistics", "Registry"]

DEFAULT_NAME = "default"
ENGINES_MAX = 1_000

_logger = logging.getLogger("services.registry")

N = TypeVar("N", bound=NamedEngine)
M_contra = TypeVar("M_contra", bound=NamedEngine, contravariant=True)


class RecoveryStatistics(NamedTuple):
    """How long the last recovery took, how many engines it brought back, and how many are damaged still."""

    seconds: float
    engines: int
    damaged_engines: int


class Files(Protocol[M_contra]):
    """Where each engine has a file of its own. Both calls raise EngineError JOURNAL_FAILED."""

    def begin(self, engine: M_contra, before: M_contra | None, /) -> None:
        """A new engine begins its file, in the place of another one's where it takes that one's."""

    def drop(self, engine: M_contra, /) -> None:
        """An engine's file is forgotten."""


class Registry(Generic[N]):
    """The named engines of one service.

    `build` makes an engine of a name, an epoch and the settings that were given; it raises InvalidArgument for settings
    that can't be. With `journals`, engines are kept there as their setting `durability` says; with `files`, each has a
    file of its own. `placed` is told of every engine that calls can find from now on. Lives in the event loop; only
    `engines` and `recovery` may be called from other threads.
    """

    def __init__(
        self,
        noun: str,
        build: Callable[[str, int, Mapping[str, Any]], N],
        journals: Journals | None = None,
        files: Files[N] | None = None,
        placed: Callable[[N], None] = lambda _engine: None,
    ) -> None:
        self._noun = noun
        # A cache is called a cache; the others are engines.
        self._field = "cache" if noun == "cache" else "engine"
        self._build = build
        self._journals = journals
        self._files = files
        self._placed = placed
        self._engines: dict[str, N] = {}
        self._damaged: dict[str, tuple[Journal, AlphaForgeError]] = {}
        self._recovery_seconds = 0.0
        self._recovered_engines = 0
        # Engines come and go one after the other: each step waits for the disk.
        self._changing = asyncio.Lock()

    # --- Finding.

    async def of(self, message: Any) -> N:
        """The engine that a request names by its fields 1 and 2, made where it is missing and no epoch is given."""
        return await self.get(getattr(message, self._field), message.epoch if message.HasField("epoch") else None)

    def existing_of(self, message: Any) -> N:
        """The same without making one. Raises EngineError ENGINE_UNKNOWN where there is none."""
        name = getattr(message, self._field) or DEFAULT_NAME
        engine = self.find(name, message.epoch if message.HasField("epoch") else None)
        if engine is None:
            raise EngineError(
                f"this service has no {self._noun} engine {name!r}; open it first", reason="ENGINE_UNKNOWN"
            )
        return engine

    async def get(self, name: str, epoch: int | None) -> N:
        """The engine of a call; without an epoch it is made with default settings on first use."""
        return self.find(name, epoch) or (await self.open(name, {}))[0]

    def find(self, name: str, epoch: int | None) -> N | None:
        """The engine of a call, None where there is none and no epoch is given.

        Raises EngineError: EPOCH_CHANGED unless the engine is still the one that the caller opened, JOURNAL_DAMAGED
        where it could not be recovered.
        """
        name = name or DEFAULT_NAME
        engine = self._engines.get(name)
        if engine is not None and (epoch is None or engine.epoch == epoch):
            return engine
        if name in self._damaged:
            raise self._damaged[name][1]
        if epoch is not None:
            raise epoch_changed(self._noun, name)
        return None

    def engines(self) -> list[N]:
        """All engines, in the order in which they were made."""
        return list(self._engines.values())

    # --- Coming and going.

    async def open(self, name: str, given: Mapping[str, Any], *, reconfigure: bool = False) -> tuple[N, bool]:
        """Attaches to an engine, or makes it with the given settings and defaults for the rest: True where it did.

        Only the given settings are compared. Where one differs it is changed with `reconfigure`; without, it raises
        EngineError SETTINGS_DIFFER.
        """
        name = name or DEFAULT_NAME
        async with self._changing:
            engine = self.find(name, None)
            if engine is None:
                if len(self._engines) + len(self._damaged) >= ENGINES_MAX:
                    raise ResourceExhausted(
                        f"this service holds {ENGINES_MAX:,} engines, its limit; drop some, or share them by name",
                        reason="ENGINE_LIMIT",
                    )
                require(Role.WRITE, f"make {self._noun} engine {name!r}")
                return await self._begin(_checked(name), given), True
            differing = engine.differing(given)
            if not differing:
                await engine.add(given)
                return engine, False
            if not reconfigure:
                raise self._settings_differ(name, differing)
            require(Role.ADMIN, f"reconfigure {self._noun} engine {name!r}")
            if await engine.reconfigure(given):
                return engine, False
            return await self._begin(name, {**engine.settings, **given}), True

    def restore(self, engines: Iterable[N]) -> None:
        """Takes in engines as they were before a restart, with their epochs: who opened them then goes on."""
        for engine in engines:
            self._engines[engine.name] = engine
            self._placed(engine)

    async def reset(self, message: Any) -> N:
        """Empties the engine that a request names: one of the same settings with a new epoch takes its place."""
        async with self._changing:
            engine = self.existing_of(message)
            return await self._begin(engine.name, engine.settings)

    async def drop(self, message: Any) -> bool:
        """Forgets the engine that a request names, on disk too; False where there is none."""
        name = getattr(message, self._field) or DEFAULT_NAME
        async with self._changing:
            if name in self._damaged:
                await self._damaged[name][0].drop(name)
                del self._damaged[name]
                return True
            if name not in self._engines:
                return False
            engine = self.existing_of(message)
            engine.retired = epoch_changed(self._noun, name)
            try:
                if engine.journal is not None:
                    await engine.journal.drop(name)
                if self._files is not None:
                    self._files.drop(engine)
            except AlphaForgeError:
                engine.retired = None
                raise
            del self._engines[name]
            engine.close(engine.retired)
            return True

    def close(self, error: AlphaForgeError) -> None:
        """Ends the streams of all engines with `error`."""
        for engine in self.engines():
            engine.close(error)

    async def _begin(self, name: str, settings: Mapping[str, Any]) -> N:
        """An empty engine takes the place of that name; the one before, if any, ends."""
        engine = self._build(name, new_epoch(), settings)
        before = self._engines.get(name)
        if before is not None:
            before.retired = epoch_changed(self._noun, name)
        try:
            if self._journals is not None and (journal := self._journals.of(engine.settings["durability"])):
                engine.journal = journal
                opened = engine.opened().SerializeToString()
                await journal.append(name, OPENED, time.time_ns(), opened, engine.resume_after)
            if self._files is not None:
                self._files.begin(engine, before)
        except AlphaForgeError as error:
            engine.close(error)
            if before is not None:
                before.retired = None
            raise
        self._engines[name] = engine
        if before is not None:
            before.close(epoch_changed(self._noun, name))
            # Its inputs are in the journal still; a checkpoint makes them superfluous.
            engine.bytes_since_checkpoint = before.bytes_since_checkpoint
        self._placed(engine)
        return engine

    def _settings_differ(self, name: str, differing: Mapping[str, tuple[Any, Any]]) -> EngineError:
        values = "; ".join(f"{setting} is {has}, not {given}" for setting, (has, given) in differing.items())
        return EngineError(
            f"{self._noun} engine {name!r} has other settings: {values}. Use another engine with name=, "
            "or change this one, for all who use it, with reconfigure=True",
            reason="SETTINGS_DIFFER",
        )

    # --- Recovery.

    async def recover(self) -> None:
        """Brings back every engine that the journals hold. One that is damaged is reported, and refuses its calls."""
        began = time.monotonic()
        for journal in self._journals.all() if self._journals is not None else ():
            for name in journal.streams():
                started = time.monotonic()
                try:
                    engine = self._recovered(journal, name)
                except AlphaForgeError as error:
                    self._damaged[name] = (journal, error)
                    _logger.error("an engine can't be recovered", extra={"engine": name, "reason": str(error)})
                    continue
                if journal.may_have_lost:
                    # What subscribers saw and clients were told may be more than what is here.
                    await engine.take(BEGIN_EPOCH, EpochBegun(epoch=new_epoch()).SerializeToString())
                self._engines[name] = engine
                self._placed(engine)
                seconds = round(time.monotonic() - started, 3)
                _logger.info("recovered", extra={"engine": name, "epoch": engine.epoch, "seconds": seconds})
        self._recovery_seconds, self._recovered_engines = time.monotonic() - began, len(self._engines)

    def recovery(self) -> RecoveryStatistics:
        """What `recover` did."""
        return RecoveryStatistics(self._recovery_seconds, self._recovered_engines, len(self._damaged))

    def _recovered(self, journal: Journal, name: str) -> N:
        engine: N | None = None
        for item in journal.replay(name):
            if isinstance(item, Checkpoint):
                opened, kept, snapshot = sections(item.payload)
                engine = self._reopened(name, opened)
                engine.restore(kept, snapshot)
                engine.resume_after(item.sequence)
            elif item.kind == OPENED:
                engine = self._reopened(name, item.payload)
                engine.resume_after(item.sequence)
            elif engine is not None:
                engine.replay(item)
        if engine is None:
            raise EngineError(f"the journal of {name!r} has no beginning; drop the engine", reason="JOURNAL_DAMAGED")
        engine.journal = journal
        return engine

    def _reopened(self, name: str, opened: bytes) -> N:
        message = EngineOpened.FromString(opened)
        return self._build(name, message.epoch, plain(getattr(message, self._noun)))


def _checked(name: str) -> str:
    if not 1 <= len(name.encode()) <= 64 or not name.isprintable():
        raise InvalidArgument(
            f"engine name {name!r} must have 1 to 64 bytes and no control characters", reason="NAME_INVALID"
        )
    return name
