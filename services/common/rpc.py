"""The method table of a service: from handlers of bytes to what grpc.aio serves.

A unary handler takes the request's bytes and returns the response's. A stream handler takes the request's bytes and
yields responses. Neither sees gRPC: who may call, counting, timing, deadlines and the translation of errors are done
here, once, without an interceptor on the way of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import grpc
from alphaforge_core.errors import AlphaForgeError
from google.protobuf.descriptor import ServiceDescriptor

from services.common.audit import Audit, MethodAudit
from services.common.errors import failure_of
from services.common.gate import Gate, caller_name
from services.common.metrics import MethodMetrics
from services.common.roles import METHOD_ROLES, Role

__all__ = ["Handler", "Methods", "StreamHandler", "UnaryHandler"]

UnaryHandler: TypeAlias = Callable[[bytes], Awaitable[bytes]]
StreamHandler: TypeAlias = Callable[[bytes], AsyncGenerator[bytes]]
Handler: TypeAlias = UnaryHandler | StreamHandler
Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]


class _Method(NamedTuple):
    handler: grpc.RpcMethodHandler[bytes, bytes]
    metrics: MethodMetrics
    audit: MethodAudit | None
    role: Role


class Methods(grpc.GenericRpcHandler):
    """Serves `service` by `handlers`; a method that has none is answered UNIMPLEMENTED by gRPC itself."""

    def __init__(
        self, service: ServiceDescriptor, handlers: Mapping[str, Handler], gate: Gate, audit: Audit | None
    ) -> None:
        self.metrics: list[MethodMetrics] = []
        self._gate = gate
        self._methods: dict[str, _Method] = {}
        for name, handler in handlers.items():
            descriptor = service.methods_by_name[name]
            metrics = MethodMetrics(name, streaming=descriptor.server_streaming)
            # What kind a handler is the proto says; its type can't.
            some: Any = handler
            if descriptor.server_streaming:
                served, log = _stream(some, metrics, gate), None
            else:
                log = None if audit is None else audit.of(descriptor)
                served = _unary(some, metrics, log)
            role = METHOD_ROLES[service.full_name][name]
            self._methods[f"/{service.full_name}/{name}"] = _Method(served, metrics, log, role)
            self.metrics.append(metrics)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a call, before its message is read; one that refuses it where the gate does."""
        method = self._methods.get(details.method)
        if method is None:
            return None
        try:
            self._gate.enter(details.invocation_metadata, method.role, method.metrics.method)
        except AlphaForgeError as error:
            return _refusal(error, method)
        return method.handler


def _refusal(error: AlphaForgeError, method: _Method) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Answers with an error. As a stream of requests, since of those none is read that nobody asks for."""
    code, message, trailers = failure_of(error, method.metrics.method)

    async def refuse(_: object, context: Context) -> None:
        method.metrics.begin()
        method.metrics.end(code, 0.0)
        if method.audit is not None:
            await method.audit.failed(caller_name(context), None, code.name, message)
        await context.abort(code, message, trailers)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _unary(
    handler: UnaryHandler, metrics: MethodMetrics, audit: MethodAudit | None
) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def call(request: bytes, context: Context) -> bytes:
        started = perf_counter()
        metrics.begin()
        code = grpc.StatusCode.OK
        try:
            answer = await handler(request)
            if audit is not None:
                await audit.done(caller_name(context), request, answer)
            return answer
        except Exception as error:
            code, message, trailers = failure_of(error, metrics.method)
            if audit is not None:
                await audit.failed(caller_name(context), request, code.name, message)
            await context.abort(code, message, trailers)
        except asyncio.CancelledError:
            code = _cancelled(context)
            raise
        finally:
            metrics.end(code, perf_counter() - started)

    return grpc.unary_unary_rpc_method_handler(call)


def _stream(handler: StreamHandler, metrics: MethodMetrics, gate: Gate) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def call(request: bytes, context: Context) -> None:
        started = perf_counter()
        metrics.begin()
        code = grpc.StatusCode.OK
        try:
            with gate.stream(caller_name(context)):
                async with aclosing(handler(request)) as responses:
                    async for response in responses:
                        gate.check()
                        await context.write(response)
                        metrics.messages_sent += 1
        except Exception as error:
            code, message, trailers = failure_of(error, metrics.method)
            await context.abort(code, message, trailers)
        except asyncio.CancelledError:
            code = _cancelled(context)
            raise
        finally:
            metrics.end(code, perf_counter() - started)

    return grpc.unary_stream_rpc_method_handler(call)


def _cancelled(context: Context) -> grpc.StatusCode:
    """Why grpc.aio cancelled a handler: the deadline passed, or the client left."""
    remaining = context.time_remaining()
    late = remaining is not None and remaining <= 0
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
