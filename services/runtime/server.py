"""The life of a server process: listen and serve; on SIGTERM, refuse new calls, finish running ones, flush, exit."""

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
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
import uvloop
from alphaforge_core.errors import AlphaForgeError
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from prometheus_client.registry import Collector
from pydantic import ValidationError

from services.access.gate import Gate
from services.access.tls import ServerTls
from services.access.tokens import Tokens
from services.base.logging import set_up_logging
from services.base.tracing import interceptors
from services.engines.rows import Table
from services.metrics.access_metrics import AccessCollector, AuditCollector
from services.metrics.metrics_server import MetricsServer
from services.metrics.rpc_metrics import MethodMetrics, RpcCollector, new_registry
from services.rpc.health import PRIMARY, Health, SetHealth
from services.rpc.methods import Methods
from services.rpc.pipeline import Service
from services.rpc.reflection import GuardedReflection
from services.runtime.settings import ServerSettings, load, log_settings

if TYPE_CHECKING:
    from services.runtime.candidate import Candidate

__all__ = ["ServedService", "main"]

_METADATA_BYTES_MAX = 16 * 1024
# Calls and streams per connection; further ones wait in the client.
_CALLS_PER_CONNECTION_MAX = 10_000

_logger = logging.getLogger("services.server")


class ServedService(Service, Protocol):
    """What the server needs of a service: its rows, its metrics, and its hooks from start to stop."""

    descriptor: ServiceDescriptor
    table: Table
    description: str
    """What the service is, for callers of a method that it doesn't have; empty: the service of its noun."""
    candidate: Candidate | None
    """This process's candidate in a cluster; None without a cluster."""

    @property
    def collectors(self) -> Sequence[Collector]:
        """Metrics besides those of the RPCs."""

    async def start(self, health: SetHealth) -> None:
        """Recovers the engines. Runs in the event loop before the first call."""

    def start_primary(self) -> None:
        """Starts background work."""

    async def stop_primary(self) -> None:
        """Stops background work."""

    def stop_streams(self) -> None:
        """Ends every stream, so that clients reconnect elsewhere and the shutdown waits for calls only."""

    async def close(self) -> None:
        """Runs after the last call: flushes and closes the files."""


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would silently split the state.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # A change that was applied must be answered. Responses are limited by items and pages instead.
        ("grpc.max_send_message_length", -1),
        # Both limits are equal: between the soft and the hard one, gRPC refuses at random.
        ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
        # Connections that do not finish the handshake are closed.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", _CALLS_PER_CONNECTION_MAX),
        # A vanished peer is detected within 10 s. gRPC sends no keepalive ping while another of its pings is
        # outstanding, so that ping needs a limit too. Clients may ping every five seconds.
        ("grpc.keepalive_time_ms", 5_000),
        ("grpc.keepalive_timeout_ms", 4_000),
        ("grpc.http2.ping_timeout_ms", 4_000),
        # Idle connections are closed; the client reconnects at its next call.
        ("grpc.max_connection_idle_ms", 300_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _listen(server: grpc.aio.Server, settings: ServerSettings, tls: ServerTls | None) -> str:
    """Binds the configured address and returns the address for clients."""
    unix = settings.host.startswith("unix:")
    address = settings.host if unix else f"{settings.host}:{settings.port}"
    credentials = tls and tls.grpc_credentials()
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    return address if unix else f"{settings.host}:{port}"


async def _serve(service: ServedService, settings: ServerSettings) -> None:
    name = service.descriptor.full_name
    server = grpc.aio.server(interceptors=interceptors(settings.service), options=_options(settings))
    tokens = None if settings.tokens_file is None else Tokens(settings.tokens_file)
    gate = Gate(tokens, settings.max_streams_per_caller)
    audit = settings.audit()
    candidate = service.candidate
    methods = Methods(service.descriptor, service.table.rpcs, service, gate, audit, candidate, service.description)
    server.add_generic_rpc_handlers((methods,))
    states = Health(gate)
    server.add_generic_rpc_handlers((states,))
    reflected = (name, health.SERVICE_NAME, reflection.SERVICE_NAME)
    GuardedReflection(reflected, gate).add_to(server)

    async def set_health(part: str, *, serving: bool) -> None:
        states.set(part, serving=serving)
        if candidate is not None and part == PRIMARY:
            # The process is healthy either way; this part says whether the service is here or elsewhere.
            states.set(name, serving=serving)

    registry = new_registry(settings.service, version("alphaforge-services"))
    for collector in (
        RpcCollector(name, methods.metrics),
        AuditCollector(audit),
        AccessCollector(gate),
        *service.collectors,
    ):
        registry.register(collector)
    for part in ("", name):
        await set_health(part, serving=False)
    tls = settings.tls()
    address = _listen(server, settings, tls)
    is_primary = None if candidate is None else lambda: candidate.shard.is_primary
    metrics = MetricsServer(registry, settings.metrics_host, settings.metrics_port, tls, is_primary)
    stop = _stop_signals()
    if candidate is not None:
        candidate.listens_at(address)
    await service.start(set_health)
    await server.start()
    for part in ("", name) if candidate is None else ("",):
        await set_health(part, serving=True)
    if candidate is None:
        service.start_primary()
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
    if candidate is not None:
        await candidate.leave()
    states.stop()
    service.stop_streams()
    stopped = asyncio.ensure_future(server.stop(settings.drain_seconds))
    drained = asyncio.ensure_future(_drain(methods.metrics))
    again = asyncio.ensure_future(stop.get())
    await asyncio.wait((stopped, drained, again), return_when=asyncio.FIRST_COMPLETED)
    await server.stop(0)
    for task in (drained, again):
        task.cancel()
    if candidate is None:
        await service.stop_primary()
    await service.close()
    if audit is not None:
        await asyncio.to_thread(audit.close)
    metrics.close()
    _logger.info("stopped")


async def _drain(methods: Sequence[MethodMetrics]) -> None:
    """Waits until no call is in progress, except health watches."""
    while any(method.in_flight for method in methods):
        await asyncio.sleep(0.01)
    # Lets the last responses leave.
    await asyncio.sleep(0.05)


def _stop_signals() -> asyncio.Queue[int]:
    """SIGTERM and SIGINT: the first starts the drain, the second cuts it short."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    return signals


S = TypeVar("S", bound=ServerSettings)


def main(model: type[S], service: Callable[[S], ServedService], arguments: Sequence[str] | None = None) -> int:
    """Runs one service until a signal stops it; returns the exit status."""
    try:
        settings = load(model, arguments)
    except (AlphaForgeError, ValidationError) as error:
        print(f"python -m services.{model.service}: {error}", file=sys.stderr)
        return 2
    # Each connection takes a file descriptor; the operator sets the hard limit.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    set_up_logging(settings.service, settings.log_level, settings.log_format)
    log_settings(settings)
    try:
        uvloop.run(_serve(service(settings), settings))
    except (OSError, RuntimeError) as error:
        _logger.error("can't start", extra={"reason": str(error)})
        return 1
    return 0
