"""OpenTelemetry traces of calls: needs the extra `alphaforge-services[otel]`; off unless OTEL_TRACES_EXPORTER is set.

The variables are OpenTelemetry's own: OTEL_TRACES_EXPORTER (otlp or console), OTEL_EXPORTER_OTLP_ENDPOINT and so on. A
call whose client also traces (`traceparent` in its metadata) continues that trace. Streams aren't traced: they have no
end.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from alphaforge_core.errors import EngineError

__all__ = ["interceptors"]

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


def interceptors(service: str) -> list[grpc.aio.ServerInterceptor]:
    """The server interceptors for tracing; none if tracing is off.

    Raises EngineError SETTING_INVALID if it is on and OpenTelemetry is not installed.
    """
    if os.environ.get("OTEL_TRACES_EXPORTER", "none") == "none":
        return []
    try:
        return [_Tracing(service)]
    except ImportError as error:
        raise EngineError(
            f"OTEL_TRACES_EXPORTER is set but {error.name} is not installed; install alphaforge-services[otel]",
            reason="SETTING_INVALID",
        ) from None


class _Tracing(grpc.aio.ServerInterceptor):
    """One span per call, named by OpenTelemetry's conventions for RPC."""

    def __init__(self, service: str) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource.create({"service.name": f"alphaforge-{service}"}))
        provider.add_span_processor(BatchSpanProcessor(_exporter()))
        self._trace = trace
        self._tracer = provider.get_tracer("alphaforge")

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]], details: grpc.HandlerCallDetails
    ) -> Handler:
        handler = await continuation(details)
        method = details.method.lstrip("/")
        if handler is None or not method.startswith("alphaforge."):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(self._traced(handler.unary_unary, method))
        if handler.stream_unary is not None:
            # Unary too, but the handler reads the request itself (rpc/methods.py).
            return grpc.stream_unary_rpc_method_handler(self._traced(handler.stream_unary, method))
        return handler

    def _traced(self, handle: Callable[..., Any], method: str) -> Callable[..., Awaitable[bytes]]:
        from opentelemetry.propagate import extract

        service, _, name = method.rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        async def call(request: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            parent = extract(dict(context.invocation_metadata() or ()))
            kind = self._trace.SpanKind.SERVER
            with self._tracer.start_as_current_span(method, parent, kind, attributes) as span:
                try:
                    answer: bytes = await handle(request, context)
                finally:
                    span.set_attribute("rpc.grpc.status_code", _number(context))
                return answer

        return call


def _number(context: grpc.aio.ServicerContext[bytes, bytes]) -> int:
    code: Any = context.code()
    return int(code.value[0] if isinstance(code, grpc.StatusCode) else code or 0)


def _exporter() -> Any:
    if os.environ["OTEL_TRACES_EXPORTER"] == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
