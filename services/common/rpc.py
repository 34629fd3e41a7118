"""The method table of a service: from handlers of bytes to what grpc.aio serves.

A unary handler takes the request's bytes and returns the response's. A stream handler takes the request's bytes and
yields responses. Neither sees gRPC: counting, timing, deadlines and the translation of errors are done here, once,
without an interceptor on the way of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from services.common.errors import failure_of
from services.common.metrics import MethodMetrics

__all__ = ["Handler", "StreamHandler", "UnaryHandler", "generic_handler"]

UnaryHandler: TypeAlias = Callable[[bytes], Awaitable[bytes]]
StreamHandler: TypeAlias = Callable[[bytes], AsyncGenerator[bytes]]
Handler: TypeAlias = UnaryHandler | StreamHandler
Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes]


def generic_handler(
    service: ServiceDescriptor, handlers: Mapping[str, Handler]
) -> tuple[grpc.GenericRpcHandler, list[MethodMetrics]]:
    """Serves `service` by `handlers`; a method that has none is answered UNIMPLEMENTED by gRPC itself."""
    methods = {}
    counts = []
    for name, handler in handlers.items():
        streaming = service.methods_by_name[name].server_streaming
        metrics = MethodMetrics(name, streaming=streaming)
        counts.append(metrics)
        wrap: Callable[[Any, MethodMetrics], grpc.RpcMethodHandler[bytes, bytes]] = _stream if streaming else _unary
        methods[name] = wrap(handler, metrics)
    return grpc.method_handlers_generic_handler(service.full_name, methods), counts


def _unary(handler: UnaryHandler, metrics: MethodMetrics) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def call(request: bytes, context: Context) -> bytes:
        started = perf_counter()
        metrics.begin()
        code = grpc.StatusCode.OK
        try:
            return await handler(request)
        except Exception as error:
            code, message, trailers = failure_of(error, metrics.method)
            await context.abort(code, message, trailers)
        except asyncio.CancelledError:
            code = _cancelled(context)
            raise
        finally:
            metrics.end(code, perf_counter() - started)

    return grpc.unary_unary_rpc_method_handler(call)


def _stream(handler: StreamHandler, metrics: MethodMetrics) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def call(request: bytes, context: Context) -> None:
        started = perf_counter()
        metrics.begin()
        code = grpc.StatusCode.OK
        try:
            async with aclosing(handler(request)) as responses:
                async for response in responses:
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
