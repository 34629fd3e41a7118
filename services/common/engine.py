"""A named engine of a service: the one way to its state for calls, and how it comes back after a restart.

What changes an engine is an input. It is written to the journal, where the engine has one, then applied in its turn,
then published and answered. A restart reads the last checkpoint and applies the inputs after it through the same
functions, so that state, streams, producers and first answers are what they were.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from alphaforge.journal.v1.inputs_pb2 import EngineOpened, EpochBegun
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument

from services.common.answers import Answers
from services.common.journal import Journal, Record
from services.common.messages import fill

__all__ = [
    "BEGIN_EPOCH",
    "DAY_NS",
    "LONG_BYTES",
    "OPENED",
    "SETTINGS_CHANGED",
    "Input",
    "NamedEngine",
    "check_durability",
    "epoch_changed",
    "new_epoch",
    "sections",
]

# Below this size a request is about 10,000 ticks or keys: decoding and applying it takes some hundred microseconds in
# the event loop, which is what handing it to a thread would cost; larger ones would hold everybody up. Also the size of
# a request that takes long however short it is.
LONG_BYTES = 384 * 1024 + 1

DAY_NS = 86_400 * 10**9

# What the kinds of inputs that all engines share are called in a journal. A number never changes its meaning.
OPENED, SETTINGS_CHANGED, EPOCH_BEGUN = 1, 2, 3

E = TypeVar("E", bound="NamedEngine")
M = TypeVar("M")
R = TypeVar("R")


def new_epoch() -> int:
    """A number that no engine had before, as far as 63 random bits go; never 0."""
    return secrets.randbits(63) | 1


def epoch_changed(noun: str, name: str) -> EngineError:
    """What a caller who knows another epoch is told, and a stream when its engine is reset or dropped."""
    return EngineError(
        f"{noun} engine {name!r} lost or reset its state since it was opened; open it again", reason="EPOCH_CHANGED"
    )


def _as_it_is(_engine: Any, answer: Any) -> Any:
    return answer


@dataclass(frozen=True, slots=True)
class Input(Generic[E, M, R]):
    """A kind of call that changes an engine: how its bytes are read, what it does, and what is published of it.

    `kind` is its number in journals. `then` makes the answer of what `call` returned; it runs in the event loop before
    the engine's next call, so that what it publishes has the engine's order; what publishes nothing answers by `call`
    itself. `is_once`: its requests may carry an id, and a repeat gets the first answer.
    """

    kind: int
    read: Callable[[bytes], M]
    call: Callable[[E, M], R]
    then: Callable[[E, R], bytes] = _as_it_is
    is_once: bool = False


class NamedEngine:
    """One engine of a service, with what belongs to it: settings, epoch, streams, and its place in a journal."""

    NOUN: ClassVar[str]
    INPUTS: ClassVar[Mapping[int, Input[Any, Any, Any]]] = {}

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.epoch = epoch
        self.settings = dict(settings)
        self.answers = Answers()
        self.journal: Journal | None = None
        # Set while the engine is being reset or dropped: inputs that come now would belong to the next one.
        self.retired: AlphaForgeError | None = None
        self.bytes_since_checkpoint = 0
        self._sequence = 0
        self._lock = asyncio.Lock()
        self._queued = 0
        self._under_way: set[asyncio.Future[bytes]] = set()

    # --- Calls.

    async def take(self, kind: Input[Any, M, Any], request: bytes, message: M | None = None) -> bytes:
        """Takes an input: journal, engine, streams, answer. `message` is what the request reads as, if known already.

        A caller that leaves does not stop what has begun.
        """
        message = kind.read(request) if message is None else message
        if kind.is_once:
            return await self.answers.once(message, request, partial(self._take, kind, request, message))
        return await self._take(kind, request, message)

    async def _take(self, kind: Input[Any, M, Any], request: bytes, message: M) -> bytes:
        if self.retired is not None:
            raise self.retired
        received_ns = time.time_ns()
        call = partial(self._receive, kind, received_ns, message)
        then = partial(kind.then, self)
        if self.journal is None:
            answer = self._perform(call, then, len(request), 0)
        else:
            apply = partial(self._perform, call, then, len(request))
            answer = await self.journal.append(self.name, kind.kind, received_ns, request, apply)
        return answer if isinstance(answer, bytes) else await asyncio.shield(answer)

    async def apply(self, call: Callable[[M], R], message: M, size: int, then: Callable[[R], bytes]) -> bytes:
        """Makes a call that no journal has to know of, in its turn."""
        answer = self._perform(partial(call, message), then, size, 0)
        return answer if isinstance(answer, bytes) else await asyncio.shield(answer)

    def _receive(self, kind: Input[Any, M, R], received_ns: int, message: M) -> R:
        self.receive_at(received_ns)
        return kind.call(self, message)

    def _perform(
        self, call: Callable[[], R], then: Callable[[R], bytes], size: int, sequence: int
    ) -> bytes | asyncio.Future[bytes]:
        """Calls the engine with a request of `size` bytes: short ones in the event loop, long ones in a thread.

        One after the other, in the order in which they came. Nobody waits for the engine's mutex with the event loop
        in hand: while a thread works, other calls queue here.
        """
        if not self._queued and size < LONG_BYTES:
            return self._finish(call, then, size, sequence)
        self._queued += 1
        answer = asyncio.ensure_future(self._perform_in_turn(call, then, size, sequence))
        self._under_way.add(answer)
        answer.add_done_callback(self._under_way.discard)
        return answer

    async def _perform_in_turn(
        self, call: Callable[[], R], then: Callable[[R], bytes], size: int, sequence: int
    ) -> bytes:
        try:
            async with self._lock:
                if size < LONG_BYTES:
                    return self._finish(call, then, size, sequence)
                work = asyncio.get_running_loop().run_in_executor(None, call)
                await asyncio.wait((work,))
                return self._finish(work.result, then, size, sequence)
        finally:
            self._queued -= 1

    def _finish(self, call: Callable[[], R], then: Callable[[R], bytes], size: int, sequence: int) -> bytes:
        try:
            answer = then(call())
            self.acknowledged()
            return answer
        finally:
            # A call that no journal knows of comes without a sequence.
            if sequence:
                self._sequence = sequence
                self.bytes_since_checkpoint += size

    # --- Restarts.

    def replay(self, record: Record) -> None:
        """Applies an input of the journal again. What was refused then is refused now, and changes as little.

        Raises EngineError JOURNAL_DAMAGED for a kind that this release does not know.
        """
        kind = self.INPUTS.get(record.kind)
        if kind is None:
            raise EngineError(
                f"input {record.sequence} of {self.name!r} is of kind {record.kind}, which this release does not know; "
                "it was written by a later one",
                reason="JOURNAL_DAMAGED",
            )
        try:
            message = kind.read(record.payload)
            answer = kind.then(self, self._receive(kind, record.time_ns, message))
            if kind.is_once:
                self.answers.answered(message, record.payload, answer)
        except (AlphaForgeError, ValueError):
            pass
        self._sequence = record.sequence
        self.bytes_since_checkpoint += len(record.payload)

    def resume_after(self, sequence: int) -> None:
        """The engine is in the state that it had after this input of its journal."""
        self._sequence = sequence

    async def checkpoint(self) -> int:
        """Stores the engine's state in its journal, as of some input; returns its size in bytes."""
        assert self.journal is not None
        taken: list[tuple[int, bytes]] = []

        def take(_: None) -> bytes:
            taken.append((self._sequence, b"".join(_framed((self.opened().SerializeToString(), *self.state())))))
            self.bytes_since_checkpoint = 0
            return b""

        await self.apply(take, None, LONG_BYTES, bytes)
        sequence, state = taken[0]
        await self.journal.checkpoint(self.name, sequence, state)
        return len(state)

    def opened(self) -> EngineOpened:
        """The input that would open an empty engine like this one."""
        message = EngineOpened(epoch=self.epoch)
        fill(getattr(message, self.NOUN), self.settings)
        return message

    # --- What the engines of each service are.

    def state(self) -> tuple[bytes, bytes]:
        """What a checkpoint holds beside settings and epoch: what the service keeps, and the core's snapshot."""
        raise NotImplementedError

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Takes over what `state` returned. Raises EngineError JOURNAL_DAMAGED."""
        raise NotImplementedError

    def receive_at(self, received_ns: int) -> None:
        """The call that follows was received at this time, nanoseconds since the Unix epoch."""

    def acknowledged(self) -> None:
        """The call is answered; one that a restart makes again is not."""

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Begins a new epoch, which ends the streams; forgets an instrument where the message names one."""
        raise NotImplementedError

    def step_at(self, time_ns: int) -> int:
        """In which step of market time a time lies; between the ends of steps, time alone changes nothing."""
        return time_ns // DAY_NS

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """The given settings that are not the engine's: its value and the given one, by name."""
        return {name: (self.settings[name], value) for name, value in given.items() if self.settings[name] != value}

    async def add(self, given: Mapping[str, Any]) -> None:
        """Takes over what may be added to an engine without differing from it."""

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Takes other settings over and keeps the state; False where the engine can't: an empty one replaces it."""
        return False

    def close(self, error: AlphaForgeError) -> None:
        """Ends what depends on the engine; its streams end with `error`."""


BEGIN_EPOCH: Input[NamedEngine, EpochBegun, bytes] = Input(
    EPOCH_BEGUN, EpochBegun.FromString, lambda engine, message: engine.begin_epoch(message)
)


def check_durability(engine: NamedEngine, given: Mapping[str, Any]) -> None:
    """Raises InvalidArgument SETTING_INVALID for another durability than the engine's: it has another journal."""
    has, wanted = engine.settings["durability"], given.get("durability", engine.settings["durability"])
    if wanted != has:
        raise InvalidArgument(
            f"durability is {has}, and is chosen when an engine is made; drop the engine to make one with {wanted}",
            reason="SETTING_INVALID",
        )


def _framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    for part in parts:
        yield len(part).to_bytes(8, "little")
        yield part


def sections(checkpoint: bytes) -> tuple[bytes, bytes, bytes]:
    """A checkpoint's parts: the input that opens such an engine, and what `restore` takes.

    Raises EngineError JOURNAL_DAMAGED.
    """
    parts, position = [], 0
    while position < len(checkpoint):
        size = int.from_bytes(checkpoint[position : position + 8], "little")
        parts.append(checkpoint[position + 8 : position + 8 + size])
        position += 8 + size
    if len(parts) != 3 or position != len(checkpoint):
        raise EngineError("a checkpoint is damaged; restore the journal from a copy", reason="JOURNAL_DAMAGED")
    return parts[0], parts[1], parts[2]
