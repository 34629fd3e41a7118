"""The engines of a service by name: opened with settings, found by each call, reset and dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted
from alphaforge_core.placement import split_name

from services.access.gate import require
from services.access.roles import Role
from services.engines.engine import OPENED_NUMBER, NamedEngine, called, epoch_changed, new_epoch
from services.engines.places import HERE, Files, Places
from services.engines.recovery import RecoveredEngines, apart
from services.journal.journal import Journal
from services.journal.journals import Journals

__all__ = ["DEFAULT_NAME", "ENGINES_MAX", "Registry"]

DEFAULT_NAME = "default"
ENGINES_MAX = 1_000
# Maximum number of names in an error.
_NAMES_SHOWN = 20

N = TypeVar("N", bound=NamedEngine)


def _no_answer(_epoch: int) -> bytes:
    return b""


class Registry(RecoveredEngines[N]):
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
        super().__init__(noun, build, journals, placed)
        self._files = files
        self.places: Places = HERE

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
        if epoch is not None and (engine is not None or self.places is HERE):
            raise epoch_changed(self.noun, name)
        return None

    def unknown(self, name: str) -> EngineError:
        """The error for a missing engine, which lists the existing names."""
        names = sorted(self._engines)
        there = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
        return EngineError(
            f"no {called(self.noun, name or DEFAULT_NAME)}; there are: {there or 'none'}", reason="ENGINE_UNKNOWN"
        )

    # --- Opening, resetting, dropping.

    async def open(self, name: str, given: Mapping[str, Any], *, reconfigure: bool = False) -> tuple[N, bool]:
        """Opens an engine, or creates it with the given settings and defaults for the rest; True if created.

        Only the given settings are compared. With `reconfigure`, those that differ are changed; without, raises
        EngineError SETTINGS_DIFFER (rule 5.1). The number of partitions is always compared and never changed
        (rule 5.8).
        """
        name = _checked(name or DEFAULT_NAME)
        given, partitions = apart(name, given)
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

    async def reset(self, name: str, epoch: int | None, first_answer: Callable[[int], bytes] = _no_answer) -> N:
        """Resets an engine: an empty one with the same settings and a new epoch takes its place.

        `first_answer` creates, from the new epoch, the answer for a repeat after a restart.
        """
        async with self._changing:
            engine = await self.get(name, epoch, creates=False)
            return await self._begin(engine.name, engine.settings, engine.partitions, first_answer)

    async def drop(self, name: str, epoch: int | None, first_answer: bytes = b"") -> bool:
        """Drops an engine, on disk too; False if it doesn't exist.

        The journal keeps `first_answer` for a minute, for a call repeated after a restart.
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
        """Creates an empty engine of that name; closes the previous one, if any."""
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
            if (journal := self._journal_of(engine, before)) is not None:
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
            # The previous engine's inputs are still in the journal; a checkpoint removes them.
            engine.bytes_since_checkpoint += before.bytes_since_checkpoint
        self._placed(engine)
        return engine

    def _journal_of(self, engine: N, before: N | None) -> Journal | None:
        if before is not None and before.journal is not None:
            return before.journal
        return None if self._journals is None else self._journals.of(engine.durability)

    def _settings_differ(self, name: str, differing: Mapping[str, tuple[Any, Any]]) -> EngineError:
        values = "; ".join(f"{setting} is {has}, not {given}" for setting, (has, given) in differing.items())
        return EngineError(
            f"{called(self.noun, name)} has other settings: {values}. Use another engine with name=, or change the "
            "settings for all its clients with reconfigure=True",
            reason="SETTINGS_DIFFER",
        )

    def _partitions_differ(self, engine: N, given: int) -> EngineError:
        name = called(self.noun, split_name(engine.name)[0])
        return EngineError(
            f"{name} has {engine.partitions} partitions, not {given}: the number is fixed when the engine is created. "
            f"Open it with partitions={engine.partitions}, use another engine with name=, or drop this one and create "
            "it again",
            reason="SETTINGS_DIFFER",
        )


def _checked(name: str) -> str:
    if not 1 <= len(name.encode()) <= 64 or not name.isprintable():
        raise InvalidArgument(
            f"engine name {name!r} must have 1 to 64 bytes and no control characters", reason="NAME_INVALID"
        )
    return name
