"""The series at /metrics: rate, errors and duration of each RPC, and the counters of each engine.

The hot path only increments plain integers; series are built when they are scraped, in the exporter's thread. Every
series exists from the start, at zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import grpc
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.base.durations import BUCKETS_SECONDS, Durations
from services.base.errors import STATUSES, STATUSES_BY_REASON

__all__ = [
    "CODES",
    "EngineCollector",
    "MethodMetrics",
    "RpcCollector",
    "new_registry",
    "series_of",
]

# Every status that a handler can return.
CODES = tuple(
    sorted(
        {
            grpc.StatusCode.OK,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.INTERNAL,
            *STATUSES.values(),
            *STATUSES_BY_REASON.values(),
        },
        key=lambda code: int(code.value[0]),
    )
)


class MethodMetrics:
    """The counts of one RPC. Only the event loop writes them."""

    __slots__ = ("durations", "handled", "messages_sent", "method", "started", "streaming")

    def __init__(self, method: str, *, streaming: bool) -> None:
        self.method = method
        self.streaming = streaming
        self.started = 0
        self.handled = dict.fromkeys(CODES, 0)
        self.durations = Durations()
        self.messages_sent = 0

    @property
    def in_flight(self) -> int:
        """Number of calls received and not answered yet."""
        # In this order, so that a reader in another thread never finds more answers than calls.
        answered = sum(self.handled.values())
        return self.started - answered

    def end(self, code: grpc.StatusCode, seconds: float) -> None:
        """Counts a call as answered with `code` after `seconds`; `started` already includes it."""
        self.handled[code] += 1
        # Durations.add, inlined: this runs on every call.
        durations = self.durations
        durations.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        durations.seconds += seconds


class RpcCollector(Collector):
    """The RED metrics of one service, under the names and labels that gRPC's own Prometheus middlewares use."""

    def __init__(self, service: str, methods: Sequence[MethodMetrics]) -> None:
        self._service = service
        self._methods = methods

    def collect(self) -> Iterator[Metric]:
        labels = ("grpc_type", "grpc_service", "grpc_method")
        started = CounterMetricFamily("grpc_server_started", "Calls started.", labels=labels)
        handled = CounterMetricFamily(
            "grpc_server_handled", "Calls completed, by status.", labels=(*labels, "grpc_code")
        )
        sent = CounterMetricFamily("grpc_server_msg_sent", "Messages sent on streams.", labels=labels)
        in_flight = GaugeMetricFamily("grpc_server_in_flight", "Calls in progress and open streams.", labels=labels)
        seconds = HistogramMetricFamily(
            "grpc_server_handling_seconds", "Time in the handler; for a stream, the time it was open.", labels=labels
        )
        for method in self._methods:
            key = ("server_stream" if method.streaming else "unary", self._service, method.method)
            started.add_metric(key, method.started)
            for code, count in method.handled.items():
                handled.add_metric((*key, code.name), count)
            if method.streaming:
                sent.add_metric(key, method.messages_sent)
            in_flight.add_metric(key, method.in_flight)
            seconds.add_metric(key, method.durations.cumulative(), method.durations.seconds)
        yield from (started, handled, sent, in_flight, seconds)


class Statistics(Protocol):
    """What an engine's `statistics()` returns."""

    def as_dict(self) -> dict[str, int | float]: ...


class Engine(Protocol):
    """What the collector needs of an engine."""

    def statistics(self) -> Statistics: ...


class EngineCollector(Collector):
    """The counters that the core defines, read from each engine at each scrape."""

    def __init__(
        self,
        noun: str,
        counters: Sequence[tuple[str, str, str, str]],
        engines: Callable[[], Iterable[tuple[str, Engine]]],
    ) -> None:
        self._noun = noun
        self._counters = counters
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        values = {name: engine.statistics().as_dict() for name, engine in self._engines()}
        values.setdefault("default", {})
        for name, kind, unit, text in self._counters:
            series, scale = series_of(self._noun, name, kind, unit)
            family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(series, text, labels=("engine",))
            for engine, statistics in values.items():
                family.add_metric((engine,), float(statistics.get(name, 0)) * scale)
            yield family


def series_of(noun: str, name: str, kind: str, unit: str) -> tuple[str, float]:
    """The name of a counter's series, and the factor that converts its values.

    Prometheus uses base units (seconds). Counter names end in "total", which the exposition appends.
    """
    if kind == "counter":
        name = name.removeprefix("total_")
    for short, scale in (("ns", 1e-9), ("ms", 1e-3)):
        if unit == short:
            return f"alphaforge_{noun}_{name.removesuffix(f'_{short}')}_seconds", scale
    return f"alphaforge_{noun}_{name}", 1.0


def new_registry(service: str, version: str) -> CollectorRegistry:
    """A registry with the metrics of the process and the build."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("alphaforge_build", "Service and version.", registry=registry).info({"service": service, "version": version})
    return registry
