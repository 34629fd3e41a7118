"""Metrics of access control: the audit log, refused calls, admission, logging."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.access.audit import Audit, AuditStatistics
from services.access.gate import Gate
from services.base.logging import dropped_lines
from services.metrics.service_metrics import Counters, families

__all__ = ["ACCESS_COUNTERS", "ADMISSION_COUNTERS", "AUDIT_COUNTERS", "AccessCollector", "AuditCollector"]

AUDIT_COUNTERS: Counters = (
    ("lines", "counter", "lines", "Lines written to the audit log."),
    ("failures", "counter", "writes", "Failed writes to the audit log; retried every second."),
    (
        "lost_lines",
        "counter",
        "lines",
        "Lines lost because too many were waiting or the service stopped before writing them.",
    ),
    ("waiting_lines", "gauge", "lines", "Lines waiting to be written."),
    (
        "suppressed_refusals",
        "counter",
        "calls",
        "Refused calls that were only counted, because at most one line per second is written for each caller.",
    ),
)

REFUSED_HELP = (
    "Calls refused before anything was done, and streams ended because their subscriber was too slow, by reason."
)

REFUSAL_HELP = "Time to refuse a call, from its arrival at the gate until the refusal was handed to gRPC."

_NO_AUDIT = AuditStatistics(0, 0, 0, 0, 0)


class AuditCollector(Collector):
    """Counters of the audit log; zeros without one."""

    def __init__(self, audit: Audit | None) -> None:
        self._audit = audit

    def collect(self) -> Iterator[Metric]:
        return families("audit", AUDIT_COUNTERS, _NO_AUDIT if self._audit is None else self._audit.statistics())


ACCESS_COUNTERS: Counters = (
    ("tokens_file_failing_seconds", "gauge", "s", "How long the tokens file has been unusable; 0 while it is usable."),
    ("dropped_log_lines", "counter", "lines", "Log lines dropped because standard error was not read fast enough."),
)

ADMISSION_COUNTERS: Counters = (
    ("calls", "gauge", "calls", "Unary calls in progress."),
    ("bytes", "gauge", "bytes", "Size of the requests in progress, plus 8 KiB per call."),
    ("retry_seconds", "gauge", "s", "Delay currently suggested to refused calls."),
    (
        "expired",
        "counter",
        "calls",
        "Calls dropped because their deadline had passed before the service could handle them.",
    ),
)


class AccessCollector(Collector):
    """Refused calls by reason, and the load of each lane of admission."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def collect(self) -> Iterator[Metric]:
        refused = CounterMetricFamily("alphaforge_access_refused_calls", REFUSED_HELP, labels=("reason",))
        for reason, count in self._gate.refused.items():
            refused.add_metric((reason,), count)
        yield refused
        durations = self._gate.refusals
        seconds = HistogramMetricFamily("alphaforge_access_refusal_seconds", REFUSAL_HELP)
        seconds.add_metric((), durations.cumulative(), durations.seconds)
        yield seconds
        yield from families("access", ACCESS_COUNTERS, (self._gate.tokens_failing_seconds, dropped_lines()))
        for name, kind, _unit, text in ADMISSION_COUNTERS:
            family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(
                f"alphaforge_admission_{name}", text, labels=("lane",)
            )
            for lane, admission in (("reads", self._gate.reads), ("writes", self._gate.writes)):
                family.add_metric((lane,), getattr(admission, name))
            yield family
