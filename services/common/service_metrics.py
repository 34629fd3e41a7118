"""Metrics of what the services share: their streams, their journals, and what these brought back.

Each series is declared once, as the core declares the engines' counters: name, kind, unit, help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.common.journal import JournalStatistics
from services.common.registry import RecoveryStatistics
from services.common.streams import Subscribers

__all__ = [
    "JOURNAL_COUNTERS",
    "RECOVERY_COUNTERS",
    "STREAM_COUNTERS",
    "JournalCollector",
    "RecoveryCollector",
    "StreamCollector",
]

Counters = Sequence[tuple[str, str, str, str]]

STREAM_COUNTERS: Counters = (
    ("subscribers", "gauge", "streams", "Streams that are open."),
    ("subscribers_limit", "gauge", "streams", "Streams that may be open at once (max_subscribers)."),
    ("slow_subscribers", "counter", "streams", "Subscribers told of a gap or ended because they did not keep up."),
)

JOURNAL_COUNTERS: Counters = (
    ("commits", "counter", "commits", "Writes; many records share one."),
    ("records", "counter", "records", "Inputs written; of caches, changes."),
    ("record_bytes", "counter", "bytes", "Bytes of the records written."),
    ("failures", "counter", "commits", "Writes that failed; nothing of them was acknowledged."),
    ("waiting_records", "gauge", "records", "Inputs that wait for the next write."),
    ("held_bytes", "gauge", "bytes", "Bytes of the records and checkpoints that are kept."),
    ("checkpoints", "counter", "checkpoints", "States of engines written, each in place of the records before it."),
)

RECOVERY_COUNTERS: Counters = (
    ("seconds", "gauge", "s", "How long the last start took to bring back what the journals hold."),
    ("engines", "gauge", "engines", "Engines that the last start brought back."),
    (
        "damaged_engines",
        "gauge",
        "engines",
        "Engines whose journal was damaged: they refuse calls until dropped; caches began anew.",
    ),
)


class StreamCollector(Collector):
    """How many streams of a service are open, and how many were too slow."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    def collect(self) -> Iterator[Metric]:
        subscribers = self._subscribers
        return _families("stream", STREAM_COUNTERS, (subscribers.count, subscribers.limit, subscribers.slow))


class JournalCollector(Collector):
    """What the journals of a service have written, together."""

    def __init__(self, statistics: Callable[[], Iterable[JournalStatistics]]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        totals = [0] * len(JOURNAL_COUNTERS)
        for journal in self._statistics():
            totals = [total + value for total, value in zip(totals, journal, strict=True)]
        return _families("journal", JOURNAL_COUNTERS, totals)


class RecoveryCollector(Collector):
    """What the last start of a service brought back from its journals."""

    def __init__(self, statistics: Callable[[], RecoveryStatistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        return _families("recovery", RECOVERY_COUNTERS, self._statistics())


def _families(group: str, counters: Counters, values: Iterable[float]) -> Iterator[Metric]:
    for (name, kind, _unit, text), value in zip(counters, values, strict=True):
        family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        yield family(f"alphaforge_{group}_{name}", text, value=value)
