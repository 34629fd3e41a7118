"""Server reflection for callers with the role read. Its streams and messages are limited like any others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from grpc_reflection.v1alpha.reflection import aio
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from services.access.gate import Gate, caller_name
from services.access.roles import Role
from services.base.errors import failure_of

__all__ = ["GuardedReflection"]

_METHOD = "ServerReflectionInfo"
_MESSAGE_BYTES_MAX = 1024


class GuardedReflection:
    """gRPC's own servicer, behind the gate."""

    def __init__(self, names: Sequence[str], gate: Gate) -> None:
        self._reflection: Any = aio.ReflectionServicer(names)
        self._gate = gate

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers it with `server`."""
        # The stubs leave this generated function untyped.
        add: Any = add_ServerReflectionServicer_to_server
        add(self, server)

    async def ServerReflectionInfo(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        try:
            self._gate.enter(context.invocation_metadata() or (), Role.READ, _METHOD)
            with self._gate.stream(caller_name(context)):
                async for response in self._reflection.ServerReflectionInfo(_bounded(request_iterator), context):
                    yield response
        except AlphaForgeError as error:
            self._gate.count(error)
            await context.abort(*failure_of(error, _METHOD))


async def _bounded(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        if request.ByteSize() > _MESSAGE_BYTES_MAX:
            raise InvalidArgument(
                f"the reflection request has {request.ByteSize():,} bytes; the limit is {_MESSAGE_BYTES_MAX:,}",
                reason="LIMIT_EXCEEDED",
            )
        yield request
