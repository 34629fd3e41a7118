"""Every series is there from the start, at zero, under names that Prometheus' own tools accept."""

from __future__ import annotations

import urllib.request

import grpc
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from services.base.durations import BUCKETS_SECONDS
from services.metrics.metrics_server import MetricsServer
from services.metrics.rpc_metrics import (
    CODES,
    EngineCollector,
    MethodMetrics,
    RpcCollector,
    new_registry,
)


class Statistics:
    def __init__(self, **values: float) -> None:
        self._values = values

    def as_dict(self) -> dict[str, int | float]:
        return self._values


class Engine:
    def __init__(self, **values: float) -> None:
        self._statistics = Statistics(**values)

    def statistics(self) -> Statistics:
        return self._statistics


def scrape(registry: CollectorRegistry) -> dict[str, Metric]:
    return {metric.name: metric for metric in text_string_to_metric_families(generate_latest(registry).decode())}


def values(metric: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples if sample.name.endswith(suffix)}


def test_a_method_has_every_series_before_its_first_call() -> None:
    registry = CollectorRegistry()
    methods = [MethodMetrics("Get", streaming=False), MethodMetrics("Subscribe", streaming=True)]
    registry.register(RpcCollector("alphaforge.Test", methods))
    metrics = scrape(registry)
    assert len(values(metrics["grpc_server_handled"], "_total")) == 2 * len(CODES)
    assert set(values(metrics["grpc_server_started"], "_total").values()) == {0}
    assert set(values(metrics["grpc_server_in_flight"]).values()) == {0}
    assert len(values(metrics["grpc_server_handling_seconds"], "_bucket")) == 2 * (len(BUCKETS_SECONDS) + 1)
    assert BUCKETS_SECONDS[0] == 0.000_025


def test_calls_are_counted_by_status_and_duration() -> None:
    registry = CollectorRegistry()
    method = MethodMetrics("Get", streaming=False)
    registry.register(RpcCollector("alphaforge.Test", [method]))
    for code, seconds in (
        (grpc.StatusCode.OK, 0.000_02),
        (grpc.StatusCode.OK, 0.000_3),
        (grpc.StatusCode.INVALID_ARGUMENT, 99.0),
    ):
        method.started += 1
        method.end(code, seconds)
    method.started += 1
    metrics = scrape(registry)
    assert values(metrics["grpc_server_started"], "_total") == {("Get", "alphaforge.Test", "unary"): 4}
    assert values(metrics["grpc_server_in_flight"]) == {("Get", "alphaforge.Test", "unary"): 1}
    handled = values(metrics["grpc_server_handled"], "_total")
    assert {key[0]: value for key, value in handled.items() if value} == {"OK": 2, "INVALID_ARGUMENT": 1}
    buckets = {key[-1]: value for key, value in values(metrics["grpc_server_handling_seconds"], "_bucket").items()}
    assert (buckets["2.5e-05"], buckets["0.0005"], buckets["5.0"], buckets["+Inf"]) == (1, 2, 2, 3)


def test_engines_report_their_counters_in_base_units_and_the_default_one_before_it_is_there() -> None:
    counters = (
        ("ticks_processed", "counter", "ticks", "Ticks."),
        ("memory_usage_bytes", "gauge", "bytes", "Memory."),
        ("latency_ns", "gauge", "ns", "Latency."),
        ("wait_ms", "gauge", "ms", "Wait."),
        ("total_volume", "counter", "units", "Volume."),
    )
    statistics = Engine(ticks_processed=5, memory_usage_bytes=7, latency_ns=1500.0, wait_ms=2.5, total_volume=3)
    engines = [("a", statistics)]
    registry = CollectorRegistry()
    registry.register(EngineCollector("data", counters, lambda: engines))
    metrics = scrape(registry)
    assert values(metrics["alphaforge_data_ticks_processed"], "_total") == {("a",): 5, ("default",): 0}
    assert values(metrics["alphaforge_data_volume"], "_total") == {("a",): 3, ("default",): 0}
    assert values(metrics["alphaforge_data_memory_usage_bytes"]) == {("a",): 7, ("default",): 0}
    assert values(metrics["alphaforge_data_latency_seconds"]) == {("a",): 1.5e-6, ("default",): 0}
    assert values(metrics["alphaforge_data_wait_seconds"]) == {("a",): 2.5e-3, ("default",): 0}


def test_metrics_are_served_over_http_with_the_build_and_the_process() -> None:
    server = MetricsServer(new_registry("cache", "1.2.3"), "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as response:
            text = response.read().decode()
    finally:
        server.close()
    assert 'alphaforge_build_info{service="cache",version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text
