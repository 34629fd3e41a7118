"""The life of a server process: listen, serve; on SIGTERM take no more calls, finish those under way, flush, exit."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Protocol, TypeVar

import grpc
import uvloop
from alphaforge_core.errors import AlphaForgeError
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client.registry import Collector
from pydantic import ValidationError

from services.common.audit import Audit
from services.common.gate import Gate
from services.common.logging import set_up_logging
from services.common.metrics import MethodMetrics, RpcCollector, new_registry
from services.common.metrics_server import MetricsServer
from services.common.reflection import GuardedReflection
from services.common.rpc import Handler, Methods
from services.common.settings import ServiceSettings, load, log_settings
from services.common.tls import ServerTls
from services.common.tokens import Tokens
from services.common.tracing import interceptors

__all__ = ["Health", "Servicer", "main"]

_METADATA_BYTES_MAX = 16 * 1024
# Calls and streams; one more waits in the client until another one has ended.
_CALLS_PER_CONNECTION_MAX = 10_000

_logger = logging.getLogger("services.server")


class Health(Protocol):
    """Lets a servicer say how a part of it is, under a name of its own in the health protocol."""

    async def __call__(self, part: str, *, serving: bool) -> None: ...


class Servicer(Protocol):
    """What a service brings: its method table, its metrics, and what it does when the process starts and ends."""

    descriptor: ServiceDescriptor

    @property
    def handlers(self) -> dict[str, Handler]:
        """Each RPC by its name."""

    @property
    def collectors(self) -> Sequence[Collector]:
        """What Prometheus reads beyond the RPCs."""

    async def start(self, health: Health) -> None:
        """Runs in the event loop before the first call."""

    def stop_streams(self) -> None:
        """Ends every stream, so that clients go elsewhere and the stop waits for calls only."""

    async def close(self) -> None:
        """Runs after the last call: flushes and closes the engines."""


def _options(settings: ServiceSettings) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would split the state silently.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # What an engine has done must be answered. Answers are bounded by what makes them, in items and pages.
        ("grpc.max_send_message_length", -1),
        # The same limit twice: between the soft and the hard one gRPC refuses at random.
        ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
        # Who connects and says nothing, or does not finish the handshake, is disconnected.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", _CALLS_PER_CONNECTION_MAX),
        # A peer that vanished is noticed; clients may ask as often as every five seconds.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _listen(server: grpc.aio.Server, settings: ServiceSettings, tls: ServerTls | None) -> str:
    """Binds the address of the settings and returns the one that clients connect to."""
    unix = settings.host.startswith("unix:")
    address = settings.host if unix else f"{settings.host}:{settings.port}"
    credentials = tls and tls.grpc_credentials()
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    return address if unix else f"{settings.host}:{port}"


async def _serve(servicer: Servicer, settings: ServiceSettings) -> None:
    name = servicer.descriptor.full_name
    server = grpc.aio.server(interceptors=interceptors(settings.service), options=_options(settings))
    tokens = None if settings.tokens_file is None else Tokens(settings.tokens_file)
    gate = Gate(tokens, settings.max_streams_per_caller)
    audit = None if settings.audit_file is None else Audit(settings.audit_file)
    methods = Methods(servicer.descriptor, servicer.handlers, gate, audit)
    server.add_generic_rpc_handlers((methods,))
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflected = (name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    GuardedReflection(reflected, gate).add_to(server)

    async def set_health(part: str, *, serving: bool) -> None:
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await states.set(part, status)

    registry = new_registry(settings.service, version("alphaforge-services"))
    for collector in (RpcCollector(name, methods.metrics), *servicer.collectors):
        registry.register(collector)
    for part in ("", name):
        await set_health(part, serving=False)
    tls = settings.tls()
    address = _listen(server, settings, tls)
    metrics = MetricsServer(registry, settings.metrics_host, settings.metrics_port, tls)
    stop = _stop_signals()
    await servicer.start(set_health)
    await server.start()
    for part in ("", name):
        await set_health(part, serving=True)
    ready = {
        "event": "ready",
        "service": settings.service,
        "address": address,
        "metrics": metrics.url,
        "pid": os.getpid(),
    }
    _logger.info("ready", extra=ready)
    print(json.dumps(ready), flush=True)

    await stop.get()
    _logger.info("stopping", extra={"drain_seconds": settings.drain_seconds})
    await states.enter_graceful_shutdown()
    servicer.stop_streams()
    stopped = asyncio.ensure_future(server.stop(settings.drain_seconds))
    drained = asyncio.ensure_future(_drain(methods.metrics))
    again = asyncio.ensure_future(stop.get())
    await asyncio.wait((stopped, drained, again), return_when=asyncio.FIRST_COMPLETED)
    await server.stop(0)
    for task in (drained, again):
        task.cancel()
    await servicer.close()
    if audit is not None:
        audit.close()
    metrics.close()
    _logger.info("stopped")


async def _drain(methods: Sequence[MethodMetrics]) -> None:
    """Returns when no call is under way; who merely watches the health of the service is not waited for."""
    while any(method.in_flight for method in methods):
        await asyncio.sleep(0.01)
    # The last answers are on their way.
    await asyncio.sleep(0.05)


def _stop_signals() -> asyncio.Queue[int]:
    """SIGTERM and SIGINT as they arrive: the first starts the drain, a second one cuts it short."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    return signals


S = TypeVar("S", bound=ServiceSettings)


def main(model: type[S], servicer: Callable[[S], Servicer], arguments: Sequence[str] | None = None) -> int:
    """Runs one service until it is told to stop; returns the exit status."""
    try:
        settings = load(model, arguments)
    except (AlphaForgeError, ValidationError) as error:
        print(f"python -m services.{model.service}: {error}", file=sys.stderr)
        return 2
    # Each connection takes a descriptor; the hard limit is what the operator allows.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    set_up_logging(settings.service, settings.log_level, settings.log_format)
    log_settings(settings)
    try:
        uvloop.run(_serve(servicer(settings), settings))
    except (OSError, RuntimeError) as error:
        _logger.error("can't start", extra={"reason": str(error)})
        return 1
    return 0
