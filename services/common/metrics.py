"""What Prometheus reads at /metrics: rate, errors and duration of each RPC, and the counters of each engine.

The hot path only counts into plain integers; series are made when they are scraped, in the exporter's thread. Every
series is there from the start, at zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
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

from services.common.errors import STATUSES, STATUSES_BY_REASON

__all__ = [
    "BUCKETS_SECONDS",
    "CODES",
    "EngineCollector",
    "MethodMetrics",
    "RpcCollector",
    "new_registry",
    "series_of",
]

# A unary call takes some hundreds of microseconds on one machine, its handler some tens.
BUCKETS_SECONDS = (
    *(0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5),
    *(0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)

# Every status that a handler can end with.
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

    __slots__ = ("buckets", "handled", "in_flight", "messages_sent", "method", "seconds", "started", "streaming")

    def __init__(self, method: str, *, streaming: bool) -> None:
        self.method = method
        self.streaming = streaming
        self.started = 0
        self.in_flight = 0
        self.handled = dict.fromkeys(CODES, 0)
        self.buckets = [0] * (len(BUCKETS_SECONDS) + 1)
        self.seconds = 0.0
        self.messages_sent = 0

    def begin(self) -> None:
        """A call has come in."""
        self.started += 1
        self.in_flight += 1

    def end(self, code: grpc.StatusCode, seconds: float) -> None:
        """A call has been answered with `code`, `seconds` after it came in."""
        self.in_flight -= 1
        self.handled[code] += 1
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds


class RpcCollector(Collector):
    """The RED metrics of one service, under the names and labels that gRPC's own Prometheus middlewares use."""

    def __init__(self, service: str, methods: Sequence[MethodMetrics]) -> None:
        self._service = service
        self._methods = methods

    def collect(self) -> Iterator[Metric]:
        labels = ("grpc_type", "grpc_service", "grpc_method")
        started = CounterMetricFamily("grpc_server_started", "Calls that came in.", labels=labels)
        handled = CounterMetricFamily(
            "grpc_server_handled", "Calls answered, by status.", labels=(*labels, "grpc_code")
        )
        sent = CounterMetricFamily("grpc_server_msg_sent", "Messages sent on streams.", labels=labels)
        in_flight = GaugeMetricFamily("grpc_server_in_flight", "Calls under way; open streams.", labels=labels)
        seconds = HistogramMetricFamily(
            "grpc_server_handling_seconds", "Time in the handler; of a stream, how long it was open.", labels=labels
        )
        bounds = [*map(str, BUCKETS_SECONDS), "+Inf"]
        for method in self._methods:
            key = ("server_stream" if method.streaming else "unary", self._service, method.method)
            started.add_metric(key, method.started)
            for code, count in method.handled.items():
                handled.add_metric((*key, code.name), count)
            if method.streaming:
                sent.add_metric(key, method.messages_sent)
            in_flight.add_metric(key, method.in_flight)
            counts = accumulate(list(method.buckets))
            seconds.add_metric(key, list(zip(bounds, counts, strict=True)), method.seconds)
        yield from (started, handled, sent, in_flight, seconds)


class Statistics(Protocol):
    """What an engine's `statistics()` returns."""

    def as_dict(self) -> dict[str, int | float]: ...


class Engine(Protocol):
    """What the collector needs of an engine."""

    def statistics(self) -> Statistics: ...


class EngineCollector(Collector):
    """The counters of the core's table, read from each engine when Prometheus asks."""

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
    """The name of a counter's series and what its values are multiplied by.

    Prometheus wants base units, seconds, and the word "total" of a counter at the end, where the exposition puts it.
    """
    if kind == "counter":
        name = name.removeprefix("total_")
    for short, scale in (("ns", 1e-9), ("ms", 1e-3)):
        if unit == short:
            return f"alphaforge_{noun}_{name.removesuffix(f'_{short}')}_seconds", scale
    return f"alphaforge_{noun}_{name}", 1.0


def new_registry(service: str, version: str) -> CollectorRegistry:
    """A registry that tells about the process and the build."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    Info("alphaforge_build", "What runs here.", registry=registry).info({"service": service, "version": version})
    return registry
