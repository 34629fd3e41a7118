"""The stages of every call, from the request's bytes to the response's.

1  gate        may the caller do this, and is the request short enough?    rpc/methods.py
2  head        fields 1 to 3: engine, epoch, request id
3  find        the engine; a write creates a missing one
4  first       the first answer, for a repeated request
5  decode      once
6  journal     write the input, or refuse the call    engines/inputs.py, and the two after it
7  apply       in the engine's order
8  publish     streams, producers, the response
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Protocol, TypeAlias

from alphaforge_core.rpc_wire import read_head

from services.engines.answers import Answers
from services.engines.inputs import LONG_BYTES
from services.engines.rows import Answer, Finds, Row, Runs

__all__ = ["Engines", "Handler", "Service", "StreamHandler", "UnaryHandler", "handler_of"]

UnaryHandler: TypeAlias = Callable[[bytes], Awaitable[Answer]]
StreamHandler: TypeAlias = Callable[[bytes], AsyncGenerator[bytes]]
Handler: TypeAlias = UnaryHandler | StreamHandler


class Engines(Protocol):
    """The engines that calls look up: a registry."""

    def find(self, name: str, epoch: int | None) -> Any:
        """The engine of a call; None if the caller must use `get`. Raises EngineError."""

    async def get(self, name: str, epoch: int | None, *, creates: bool) -> Any:
        """The engine of a call. Raises EngineError."""


class Service(Protocol):
    """What the pipeline needs of a service."""

    @property
    def engines(self) -> Engines:
        """Its engines."""

    answers: Answers
    """First answers to calls on the service itself."""


def handler_of(row: Row, service: Service) -> Handler:
    """The handler of one RPC: takes a request's bytes; returns the answer, or yields the responses of a stream."""
    if row.finds is Finds.SERVICE:
        return partial(_on_service, row, service)
    if row.runs is Runs.STREAM:
        return partial(_stream, row, service.engines)
    return partial(_on_engine, row, service.engines)


async def _on_engine(row: Row, engines: Engines, request: bytes) -> Answer:
    name, epoch, request_id = read_head(request, row.once)
    engine = engines.find(name, epoch) or await engines.get(name, epoch, creates=row.creates)
    first: Answer | None = engine.answers.first(row, request_id, request) if request_id else None
    if first is not None:
        return first
    if len(request) < LONG_BYTES or request_id:
        message = row.decode(request)
    else:
        message = await asyncio.get_running_loop().run_in_executor(None, row.decode, request)
    if row.is_task and row.runs is Runs.WAIT and not request_id:
        return bytes(await row.call(engine, message))
    answer: Answer = engine.submit(row, request, message)
    return engine.answers.keep(row, request_id, request, answer) if request_id else answer


async def _on_service(row: Row, service: Service, request: bytes) -> Answer:
    message = row.decode(request)
    request_id = message.request_id if row.once else ""
    if request_id and (first := service.answers.first(row, request_id, request)) is not None:
        return first
    # Continues if the caller cancels: otherwise an engine could be left half dropped.
    answer = asyncio.ensure_future(row.call(service, message))
    return service.answers.keep(row, request_id, request, answer) if request_id else answer


async def _stream(row: Row, engines: Engines, request: bytes) -> AsyncGenerator[bytes]:
    name, epoch, _ = read_head(request, False)
    engine = engines.find(name, epoch) or await engines.get(name, epoch, creates=row.creates)
    async with aclosing(row.call(engine, row.decode(request))) as responses:
        async for response in responses:
            yield response
