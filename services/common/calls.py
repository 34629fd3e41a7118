"""The handlers of RPCs that go to one engine: decode the request, find the engine, call it, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from alphaforge_core.data import ProcessRequest

from services.common.answers import Answers
from services.common.engine import LONG_BYTES, Input, NamedEngine
from services.common.registry import Registry
from services.common.rpc import UnaryHandler

__all__ = ["Calls"]

N = TypeVar("N", bound=NamedEngine)
M = TypeVar("M", bound="_Message")
R = TypeVar("R")


class _Message(Protocol):
    """A generated class of a request, or one that the core reads natively."""

    @staticmethod
    def FromString(data: bytes, /) -> Any: ...  # noqa: N802


class Calls(Generic[N]):
    """Makes the handlers of one service."""

    def __init__(self, engines: Registry[N]) -> None:
        self._engines = engines
        self.answers = Answers()

    def direct(
        self, kind: type[M], call: Callable[[N, M], bytes], then: Callable[[N, bytes], bytes] | None = None
    ) -> UnaryHandler:
        """Calls that are as short as a look-up: made at once, in the event loop; `then` publishes what they did."""

        async def handle(request: bytes) -> bytes:
            message = kind.FromString(request)
            engine = await self._engines.of(message)
            answer = call(engine, message)
            return answer if then is None else then(engine, answer)

        return handle

    def threaded(
        self, kind: type[M], call: Callable[[N, M], R], then: Callable[[N, R], bytes] | None = None
    ) -> UnaryHandler:
        """Calls that may take long however short their request is: made in a thread, beside all others.

        `then` makes the answer, in the event loop.
        """

        async def handle(request: bytes) -> bytes:
            message = kind.FromString(request)
            engine = await self._engines.of(message)
            answer: Any = await asyncio.get_running_loop().run_in_executor(None, call, engine, message)
            return answer if then is None else then(engine, answer)

        return handle

    def queued(
        self, kind: type[M], call: Callable[[N, M], R], then: Callable[[N, R], bytes] | None = None
    ) -> UnaryHandler:
        """Calls that are made one after the other, long ones in a thread; `then` publishes what they did.

        Long requests are decoded in a thread too, and overtaken by short ones meanwhile.
        """

        async def handle(request: bytes) -> bytes:
            message = await _decoded(kind, request)
            engine = await self._engines.of(message)
            finish: Callable[[Any], bytes] = bytes if then is None else partial(then, engine)
            return await engine.apply(partial(call, engine), message, len(request), finish)

        return handle

    def input(self, kind: Input[N, Any, Any], head: type[Any] | None = None) -> UnaryHandler:
        """Calls that change the engine, and are journalled where it has a journal.

        `head`, for requests that the core reads, is a message with their fields 1 and 2 alone.
        """

        async def handle(request: bytes) -> bytes:
            message = kind.read(request)
            engine = await self._engines.of(message if head is None else head.FromString(request))
            return await engine.take(kind, request, message)

        return handle

    def ticks(self, kind: Input[N, ProcessRequest, Any]) -> UnaryHandler:
        """Inputs with one tick or many, which the core reads, their fields 1 and 2 too.

        The messages of data and execution are the same field by field; a test holds them together.
        """

        async def handle(request: bytes) -> bytes:
            message = kind.read(request)
            engine = await self._engines.get(message.engine, message.epoch)
            return await engine.take(kind, request, message)

        return handle

    def once(self, kind: type[M], handler: UnaryHandler) -> UnaryHandler:
        """The same calls where a request carries an id: a repeat gets the first answer."""

        async def handle(request: bytes) -> bytes:
            message: Any = kind.FromString(request)
            return await self.answers.once(message, request, partial(handler, request))

        return handle


async def _decoded(kind: type[M], request: bytes) -> Any:
    if len(request) < LONG_BYTES:
        return kind.FromString(request)
    return await asyncio.get_running_loop().run_in_executor(None, kind.FromString, request)
