"""OpenTelemetry traces of calls: needs the extra `alphaforge-client[otel]`; off unless OTEL_TRACES_EXPORTER is set.

Spans go to the application's tracer provider. Each call carries its trace to the service, which continues it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

__all__ = ["traced", "traced_async"]

_Metadata: TypeAlias = tuple[tuple[str, Any], ...]

_enabled = os.environ.get("OTEL_TRACES_EXPORTER", "none") != "none"


def traced(call: Callable[..., bytes], path: str) -> Callable[..., bytes]:
    """`call` with a span around it; `call` itself if tracing is off."""
    if not _enabled:
        return call

    def invoke(request: bytes, timeout: float | None = None, metadata: _Metadata | None = None) -> bytes:
        with _span(path) as trace:
            return call(request, timeout=timeout, metadata=(*(metadata or ()), *trace))

    return invoke


def traced_async(call: Callable[..., Awaitable[bytes]], path: str) -> Callable[..., Awaitable[bytes]]:
    """`call` with a span around it; `call` itself if tracing is off."""
    if not _enabled:
        return call

    async def invoke(request: bytes, timeout: float | None = None, metadata: _Metadata | None = None) -> bytes:
        with _span(path) as trace:
            return await call(request, timeout=timeout, metadata=(*(metadata or ()), *trace))

    return invoke


@contextmanager
def _span(path: str) -> Iterator[_Metadata]:
    """A client span, and the metadata that carries it to the service."""
    from opentelemetry import trace
    from opentelemetry.propagate import inject

    service, _, name = path.lstrip("/").rpartition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
    tracer = trace.get_tracer("alphaforge")
    with tracer.start_as_current_span(path.lstrip("/"), kind=trace.SpanKind.CLIENT, attributes=attributes):
        carrier: dict[str, str] = {}
        inject(carrier)
        yield tuple(carrier.items())
