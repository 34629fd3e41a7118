"""Reflection for those who may read: it tells what the service is, and is no way around the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from alphaforge_core.errors import AlphaForgeError
from grpc_reflection.v1alpha.reflection import aio
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from services.common.errors import failure_of
from services.common.gate import Gate
from services.common.roles import Role

__all__ = ["GuardedReflection"]

_METHOD = "ServerReflectionInfo"


class GuardedReflection:
    """gRPC's own servicer behind the gate."""

    def __init__(self, names: Sequence[str], gate: Gate) -> None:
        self._reflection: Any = aio.ReflectionServicer(names)
        self._gate = gate

    def add_to(self, server: grpc.aio.Server) -> None:
        """Lets `server` answer by it."""
        # The stubs leave this generated function untyped.
        add: Any = add_ServerReflectionServicer_to_server
        add(self, server)

    async def ServerReflectionInfo(  # noqa: N802
        self, request_iterator: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        try:
            self._gate.enter(context.invocation_metadata() or (), Role.READ, _METHOD)
        except AlphaForgeError as error:
            await context.abort(*failure_of(error, _METHOD))
        async for response in self._reflection.ServerReflectionInfo(request_iterator, context):
            yield response
