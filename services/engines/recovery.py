"""The engines of a service, recovered from journals: at a start, as a follower, or on a move from another shard."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from alphaforge.journal.v1.inputs_pb2 import EngineOpened, EpochBegun
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, Unavailable
from alphaforge_core.placement import checked_partitions, partition_name, split_name

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

__all__ = ["RecoveredEngines", "RecoveryStatistics", "apart"]

_logger = logging.getLogger("services.registry")

N = TypeVar("N", bound=NamedEngine)


class RecoveryStatistics(NamedTuple):
    """Duration of the last recovery, engines recovered, and engines still damaged."""

    seconds: float
    engines: int
    damaged_engines: int


class RecoveredEngines(Generic[N]):
    """The named engines of one service: those that serve, are damaged, or are leaving for another shard.

    Used on the event loop only, except `engines` and `recovery`, which are thread-safe.
    """

    def __init__(
        self,
        noun: str,
        build: Callable[[str, int, Mapping[str, Any]], N],
        journals: Journals | None,
        placed: Callable[[N], None],
    ) -> None:
        self.noun = noun
        self._build = build
        self._journals = journals
        self._placed = placed
        self._engines: dict[str, N] = {}
        self._damaged: dict[str, tuple[Journal | None, AlphaForgeError]] = {}
        self._leaving: dict[str, AlphaForgeError] = {}
        self.left: Callable[[str], object] = lambda _name: None
        """Called with the name of an engine that has moved to another shard."""
        self._recovery_seconds = 0.0
        self._recovered_engines = 0
        # Engines are created, reset and dropped one at a time: each waits for the disk.
        self._changing = asyncio.Lock()
        self._drops = Drops(self._changing, lambda name: name not in self._engines and name not in self._damaged)

    def engines(self) -> list[N]:
        """All engines, in order of creation."""
        return list(self._engines.values())

    def restore(self, engines: Iterable[N], refused: Mapping[str, AlphaForgeError]) -> None:
        """Adds engines from before a restart, with their epochs, and the errors of those that can't be read."""
        for engine in engines:
            self._engines[engine.name] = engine
            self._placed(engine)
        for name, error in refused.items():
            self._damaged[name] = (None, error)

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
            # The engine can still be read; the next start begins another epoch.
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
        recovered = ""
        try:
            for item in journal.replay(name):
                if suspects is not None:
                    suspects.about_to_apply(name, item.sequence)
                engine = self._applied(journal, name, engine, item)
            recovered = name
        finally:
            if suspects is not None:
                suspects.rest(recovered)
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
            raise EngineError(
                f"the first input of {name!r} is missing in the journal; drop the engine", reason="JOURNAL_DAMAGED"
            )
        engine.journal = journal
        return engine

    # --- Following a journal that another process writes.

    def follow(self, journal: Journal, name: str, items: Iterable[Checkpoint | Record], *, from_start: bool) -> None:
        """Applies the next items of an engine's journal; `from_start`: they are its first.

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
                    before.retired = loaded_again = _replaced(before, engine)
                    before.close(loaded_again)
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
        """Serves a held engine again."""
        engine.retired = None
        del self._leaving[engine.name]
        self._engines[engine.name] = engine
        self._placed(engine)

    def finish_leaving(self, engine: N) -> None:
        """Ends the streams of an engine that was held and has left."""
        engine.close(self._leaving.pop(engine.name))
        self.left(engine.name)

    def built(self, journal: Journal, name: str, engine: N | None, items: Iterable[Checkpoint | Record]) -> N | None:
        """Applies more of the journal to an engine that is moving here; returns it, or None after a drop."""
        with _guarded(name):
            for item in items:
                engine = self._applied(journal, name, engine, item)
            return self._whole(journal, name, engine)

    def adopt(self, engine: N) -> None:
        """Starts serving an engine that has moved here."""
        self._damaged.pop(engine.name, None)
        self._engines[engine.name] = engine
        engine.arrived()
        self._placed(engine)

    def refuse(self, journal: Journal, name: str, error: AlphaForgeError) -> None:
        """Refuses the calls of an engine that can't be restored."""
        self.forget(name, error)
        self._set_damaged(name, journal, error)

    def forget(self, name: str, error: AlphaForgeError) -> None:
        """Forgets an engine that no longer belongs to this process; its streams and calls fail with `error`."""
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
        """Begins a new epoch of an engine whose clients may have seen more than its journal has.

        False if it can't be written.
        """
        engine = self._engines.get(name)
        return engine is None or await self._begin_epoch(engine)

    @property
    def damaged(self) -> list[str]:
        """Names of the engines that are refused."""
        return list(self._damaged)

    @property
    def is_of_another_release(self) -> bool:
        """Whether an engine is refused because another release has written what this one can't apply."""
        return any(error.reason == "JOURNAL_VERSION" for _, error in self._damaged.values())

    def _reopened(self, name: str, opened: bytes) -> N:
        message = EngineOpened.FromString(opened)
        of_noun = getattr(message, self.noun)
        before = {each: value for each, value in BEFORE.items() if each in of_noun.DESCRIPTOR.fields_by_name}
        settings, partitions = apart(name, {**before, **plain(of_noun)})
        engine = self._build(name, message.epoch, settings)
        engine.partitions = partitions
        return engine


def _replaced(before: NamedEngine, engine: NamedEngine) -> AlphaForgeError:
    """The error for streams and calls of an engine in whose place another one was loaded."""
    if engine.epoch != before.epoch:
        return epoch_changed(before.NOUN, before.name)
    return Unavailable(f"{called(before.NOUN, before.name)} was loaded again; call again", reason="NOT_PRIMARY")


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Turns an unexpected exception into an EngineError for this engine, so that the others are served."""
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


def apart(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
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
