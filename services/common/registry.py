"""The engines of a service by name: opened with settings, found by each call, listed, reset, dropped."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

__all__ = ["DEFAULT_NAME", "ENGINES_MAX", "NamedEngine", "Registry", "check_durability", "epoch_changed", "new_epoch"]

DEFAULT_NAME = "default"
ENGINES_MAX = 1_000

# A request of this size is about 10,000 ticks or keys: decoding and applying it takes some hundred microseconds in the
# event loop, which is what handing it to a thread would cost. Larger ones would hold everybody up.
_IN_LOOP_BYTES = 384 * 1024

M = TypeVar("M")
R = TypeVar("R")


def new_epoch() -> int:
    """A number that no engine had before, as far as 63 random bits go; never 0."""
    return secrets.randbits(63) | 1


class NamedEngine:
    """One engine of a service, with what belongs to it: its settings, its epoch, its streams.

    `apply` is the one way to its state for calls that may take long or change something. It is where an input will be
    written to the journal before it is applied.
    """

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.epoch = epoch
        self.settings = dict(settings)
        self._lock = asyncio.Lock()
        self._queued = 0

    async def apply(self, call: Callable[[M], R], request: M, size: int, then: Callable[[R], bytes]) -> bytes:
        """Calls the engine with a request of `size` bytes: short ones in the event loop, long ones in a thread.

        One after the other, in the order in which they came. `then` makes the answer of what the call returned; it runs
        in the event loop before the next call, so that what it publishes has the engine's order. Nobody waits for the
        engine's mutex with the event loop in hand: while a thread works, other calls queue here. A caller that leaves
        does not stop what has begun.
        """
        if not self._queued and size <= _IN_LOOP_BYTES:
            return then(call(request))
        self._queued += 1
        return await asyncio.shield(asyncio.ensure_future(self._apply_in_turn(call, request, size, then)))

    async def _apply_in_turn(self, call: Callable[[M], R], request: M, size: int, then: Callable[[R], bytes]) -> bytes:
        try:
            async with self._lock:
                if size <= _IN_LOOP_BYTES:
                    return then(call(request))
                return then(await asyncio.get_running_loop().run_in_executor(None, partial(call, request)))
        finally:
            self._queued -= 1

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """The given settings that are not the engine's: its value and the given one, by name."""
        return {name: (self.settings[name], value) for name, value in given.items() if self.settings[name] != value}

    def add(self, given: Mapping[str, Any]) -> None:
        """Takes over what may be added to an engine without differing from it."""

    def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Takes other settings over and keeps the state; False where the engine can't: an empty one replaces it."""
        return False

    def close(self, error: AlphaForgeError) -> None:
        """Ends what depends on the engine; its streams end with `error`."""


N = TypeVar("N", bound=NamedEngine)


class Registry(Generic[N]):
    """The named engines of one service.

    `build` makes an engine of a name, an epoch and the settings that were given; it raises InvalidArgument for settings
    that can't be. Lives in the event loop; only `engines` may be called from other threads.
    """

    def __init__(self, noun: str, build: Callable[[str, int, Mapping[str, Any]], N]) -> None:
        self._noun = noun
        # A cache is called a cache; the others are engines.
        self._field = "cache" if noun == "cache" else "engine"
        self._build = build
        self._engines: dict[str, N] = {}

    def of(self, message: Any) -> N:
        """The engine that a request names by its fields 1 and 2, made where it is missing and no epoch is given."""
        return self.get(getattr(message, self._field), message.epoch if message.HasField("epoch") else None)

    def existing_of(self, message: Any) -> N:
        """The same without making one. Raises EngineError ENGINE_UNKNOWN where there is none."""
        name = getattr(message, self._field) or DEFAULT_NAME
        if name not in self._engines and not message.HasField("epoch"):
            raise EngineError(
                f"this service has no {self._noun} engine {name!r}; open it first", reason="ENGINE_UNKNOWN"
            )
        return self.of(message)

    def get(self, name: str, epoch: int | None) -> N:
        """The engine of a call.

        Without an epoch it is made with default settings on first use. With one, it raises EngineError EPOCH_CHANGED
        unless the engine is still the one that the caller opened.
        """
        engine = self._engines.get(name or DEFAULT_NAME)
        if engine is not None and (epoch is None or engine.epoch == epoch):
            return engine
        if epoch is not None:
            raise epoch_changed(self._noun, name or DEFAULT_NAME)
        return self.open(name, {})[0]

    def open(self, name: str, given: Mapping[str, Any], *, reconfigure: bool = False) -> tuple[N, bool]:
        """Attaches to an engine, or makes it with the given settings and defaults for the rest: True where it did.

        Only the given settings are compared. Where one differs it is changed with `reconfigure`; without, it raises
        EngineError SETTINGS_DIFFER.
        """
        name = name or DEFAULT_NAME
        engine = self._engines.get(name)
        if engine is None:
            if len(self._engines) >= ENGINES_MAX:
                raise ResourceExhausted(
                    f"this service holds {ENGINES_MAX:,} engines, its limit; drop some, or share them by name",
                    reason="ENGINE_LIMIT",
                )
            return self._put(_checked(name), given), True
        differing = engine.differing(given)
        if not differing:
            engine.add(given)
            return engine, False
        if not reconfigure:
            raise self._settings_differ(name, differing)
        if engine.reconfigure(given):
            return engine, False
        return self._put(name, {**engine.settings, **given}), True

    def restore(self, engines: Iterable[N]) -> None:
        """Takes in engines as they were before a restart, with their epochs: who opened them then goes on."""
        self._engines.update((engine.name, engine) for engine in engines)

    def replace(self, engine: N) -> N:
        """Empties an engine: one of the same name and settings with a new epoch takes its place."""
        return self._put(engine.name, engine.settings)

    def drop(self, message: Any) -> bool:
        """Forgets the engine that a request names; False where there is none."""
        if (getattr(message, self._field) or DEFAULT_NAME) not in self._engines:
            return False
        engine = self._engines.pop(self.existing_of(message).name)
        engine.close(epoch_changed(self._noun, engine.name))
        return True

    def engines(self) -> list[N]:
        """All engines, in the order in which they were made."""
        return list(self._engines.values())

    def close(self, error: AlphaForgeError) -> None:
        """Ends the streams of all engines with `error`."""
        for engine in self.engines():
            engine.close(error)

    def _put(self, name: str, settings: Mapping[str, Any]) -> N:
        engine = self._build(name, new_epoch(), settings)
        before = self._engines.get(name)
        self._engines[name] = engine
        if before is not None:
            before.close(epoch_changed(self._noun, name))
        return engine

    def _settings_differ(self, name: str, differing: Mapping[str, tuple[Any, Any]]) -> EngineError:
        values = "; ".join(f"{setting} is {has}, not {given}" for setting, (has, given) in differing.items())
        return EngineError(
            f"{self._noun} engine {name!r} has other settings: {values}. Use another engine with name=, "
            "or change this one, for all who use it, with reconfigure=True",
            reason="SETTINGS_DIFFER",
        )


def epoch_changed(noun: str, name: str) -> EngineError:
    """What a caller who knows another epoch is told, and a stream when its engine is reset or dropped."""
    return EngineError(
        f"{noun} engine {name!r} lost or reset its state since it was opened; open it again", reason="EPOCH_CHANGED"
    )


def check_durability(settings: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for a promise that a service which keeps its state in memory can't hold."""
    if settings.get("durability", "none") != "none":
        raise InvalidArgument(
            f"durability is {settings['durability']!r}; this service keeps its state in memory, which is 'none'",
            reason="SETTING_INVALID",
        )


def _checked(name: str) -> str:
    if not 1 <= len(name.encode()) <= 64 or not name.isprintable():
        raise InvalidArgument(
            f"engine name {name!r} must have 1 to 64 bytes and no control characters", reason="NAME_INVALID"
        )
    return name
