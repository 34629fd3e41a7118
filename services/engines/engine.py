"""A named engine of a service: the core's engine with its settings, epoch, streams and position in a journal."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge.journal.v1.inputs_pb2 import EngineDropped, EngineOpened, EpochBegun
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument
from google.protobuf.message import Message

from services.base.messages import fill
from services.engines.answers import Answers
from services.engines.inputs import Turn, submit
from services.engines.rows import Row, Table, settled
from services.engines.state import Kept, Overtaken, State
from services.journal import store
from services.journal.journal import Journal

__all__ = [
    "BEFORE",
    "DAY_NS",
    "DROPPED",
    "DROPPED_NUMBER",
    "EPOCH_BEGUN",
    "OPENED",
    "OPENED_NUMBER",
    "CheckpointWritten",
    "NamedEngine",
    "called",
    "check_durability",
    "epoch_changed",
    "new_epoch",
]

DAY_NS = 86_400 * 10**9

OPENED_NUMBER = store.OPENED
DROPPED_NUMBER = store.DROPPED

BEFORE: Mapping[str, Any] = {"max_time_jump_ns": 0}
"""Values of settings that inputs of earlier releases do not name."""

# Attempts of a checkpoint before a pause.
_ATTEMPTS_MAX = 3


class CheckpointWritten(NamedTuple):
    """A checkpoint's size in bytes, its number of attempts, and the longest time it held the engine's lock."""

    size: int
    attempts: int
    longest_hold_ns: int


def new_epoch() -> int:
    """A new epoch: 63 random bits, never 0."""
    return secrets.randbits(63) | 1


def called(noun: str, name: str) -> str:
    """The name of an engine in errors: data engine 'x', cache 'x'."""
    return f"cache {name!r}" if noun == "cache" else f"{noun} engine {name!r}"


def epoch_changed(noun: str, name: str) -> EngineError:
    """The error for callers with another epoch, and for streams whose engine is reset or dropped."""
    return EngineError(
        f"{called(noun, name)} was reset, or lost its state, since it was opened; open it again",
        reason="EPOCH_CHANGED",
    )


class NamedEngine:
    """One engine of a service, with its settings, epoch, streams and position in a journal."""

    NOUN: ClassVar[str]
    IS_COMPARED: ClassVar[bool] = True
    """Whether the state follows from the journal alone, so that followers compare theirs with the primary's."""
    is_ahead: bool = False
    """Whether its memory has changes that could not be written to its journal, from which it must be loaded again."""
    core: Any
    """The core's engine."""

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any], table: Table) -> None:
        self.name = name
        self.epoch = epoch
        self.settings = dict(settings)
        self.partitions: int = self.settings.pop("partitions", 1)
        """Number of partitions of which this engine is one; fixed at creation."""
        self.table = table
        self.answers = Answers()
        self.turn = Turn()
        self.journal: Journal | None = None
        self.retired: AlphaForgeError | None = None
        self.receive_at: Callable[[int], object] | None = None
        self.acknowledge: Callable[[], object] | None = None
        self.refused: Counter[str] = Counter()
        """Number of ticks and time advances refused by a rule, by reason."""
        self.bytes_since_checkpoint = 0
        self.sequence = 0
        """The sequence of the last input applied."""
        self.walking = asyncio.Lock()
        """Held while the state is read piece by piece, because a second reader would end the first."""

    @property
    def durability(self) -> str:
        """What acknowledged calls survive."""
        return str(self.settings["durability"])

    # --- Calls.

    submit = submit

    async def take(self, name: str, message: Message) -> bytes:
        """Submits an internal input, one that the service creates itself; `name` is the name of its row."""
        return await self.take_encoded(name, message.SerializeToString(), message)

    async def take_encoded(self, name: str, encoded: bytes, message: Any) -> bytes:
        """Submits an internal input that arrived as bytes; `message` is its decoded form."""
        return await settled(submit(self, self.table[name], encoded, message))

    def keep_answer(self, first_answer: bytes) -> None:
        """Keeps the first answer that an internal input carries, if any."""
        if first_answer:
            self.answers.restore((FirstAnswer.FromString(first_answer),))

    @contextmanager
    def counting_refusal(self) -> Iterator[None]:
        """Counts the error by which the engine refuses a call."""
        try:
            yield
        except InvalidArgument as error:
            self.refused[error.reason] += 1
            raise

    # --- Restarts.

    def resume_after(self, sequence: int) -> None:
        """Sets the position in the journal: the engine has the state after this input."""
        self.sequence = sequence

    async def checkpoint(self) -> CheckpointWritten:
        """Writes a checkpoint of the engine's state to its journal, while calls continue.

        Raises EngineError JOURNAL_FAILED, also if the engine changes faster than it can be written.
        """
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            try:
                async with self.walking:
                    size, longest_hold_ns = await self._write_checkpoint()
            except Overtaken:
                if attempt == _ATTEMPTS_MAX:
                    raise
            else:
                return CheckpointWritten(size, attempt, longest_hold_ns)
        raise AssertionError

    async def _write_checkpoint(self) -> tuple[int, int]:
        assert self.journal is not None
        taken: list[tuple[int, State]] = []
        before = self.bytes_since_checkpoint

        def take() -> None:
            taken.append((self.sequence, self.state()))
            self.bytes_since_checkpoint = 0

        def finish(result: Callable[[], None]) -> bytes:
            result()
            return b""

        await settled(self.turn.wait(take, finish, in_thread=False))
        sequence, state = taken[0]
        try:
            size = await self.journal.checkpoint(self.name, sequence, state, lambda: state.checksum)
        except Overtaken:
            self.bytes_since_checkpoint += before
            raise
        finally:
            await asyncio.to_thread(state.end)
        return size, state.longest_hold_ns

    def state(self) -> State:
        """The current state, to be read while calls continue. Ends the reading of an earlier one."""
        opened = self.opened().SerializeToString(deterministic=True)
        return State(opened, self.kept(), self.core.begin_checkpoint())

    def opened(self) -> EngineOpened:
        """The input that opens an empty engine with these settings."""
        message = EngineOpened(epoch=self.epoch)
        settings = fill(getattr(message, self.NOUN), self.settings)
        if self.partitions > 1:
            settings.partitions = self.partitions
        return message

    @property
    def described(self) -> dict[str, Any]:
        """All settings, as answers give them."""
        return {**self.settings, "partitions": self.partitions}

    # --- Implemented by each service's engine.

    def kept(self) -> Kept:
        """The service's current state besides the core's, as the bytes of one message, in parts.

        They are encoded while they are read, in any thread, while calls continue.
        """
        raise NotImplementedError

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Restores the results of `kept` and of the core's checkpoint. Raises EngineError JOURNAL_DAMAGED."""
        raise NotImplementedError

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Starts a new epoch, which ends the streams; drops an instrument if the message names one."""
        raise NotImplementedError

    def step_at(self, time_ns: int) -> int:
        """The index of the step of market time that contains a time; within a step, time alone changes nothing."""
        return time_ns // DAY_NS

    def has_more(self, answer: bytes) -> bool:
        """Whether an AdvanceTime with this answer leaves bars to close, by another call with the same time."""
        return False

    def check_settings(self) -> None:
        """Raises InvalidArgument for settings that only existing engines may have."""

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """The given settings that differ: the engine's value and the given one, by name."""
        return {name: (self.settings[name], value) for name, value in given.items() if self.settings[name] != value}

    def arrived(self) -> None:
        """Called when the engine has come from another shard, whose clients it continues to serve."""

    async def add(self, given: Mapping[str, Any]) -> None:
        """Adds settings that may be added to an existing engine, such as bar types."""

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Changes settings and keeps the state; False if that is impossible, so an empty engine must replace it."""
        return False

    def close(self, error: AlphaForgeError) -> None:
        """Closes the engine; its streams end with `error`."""


def _only_recovery(_engine: Any, _message: EngineOpened) -> bytes:
    raise AssertionError("recovery creates an engine from this input; it is never applied to one")


# Rows shared by the engines of all services.
OPENED = Row(name="EngineOpened", request=EngineOpened, call=_only_recovery, number=OPENED_NUMBER)
DROPPED = Row(name="EngineDropped", request=EngineDropped, call=_only_recovery, number=DROPPED_NUMBER)
EPOCH_BEGUN = Row(
    name="EpochBegun",
    request=EpochBegun,
    call=lambda engine, message: engine.begin_epoch(message),
    number=store.EPOCH_BEGUN,
)


def check_durability(engine: NamedEngine, given: Mapping[str, Any]) -> None:
    """Raises InvalidArgument SETTING_INVALID for a changed durability, which would need another journal."""
    has, wanted = engine.settings["durability"], given.get("durability", engine.settings["durability"])
    if wanted != has:
        raise InvalidArgument(
            f"durability is {has} and can't be changed; drop the engine and create it again with {wanted}",
            reason="SETTING_INVALID",
        )
