"""Metrics of streams, journals and recovery, which all services share.

Each series is declared once, like the core's counters: name, kind, unit, help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.engines.checkpoints import CheckpointStatistics
from services.engines.recovery import RecoveryStatistics
from services.journal.journal import JournalStatistics
from services.streams.feed import Subscribers

__all__ = [
    "CHECKPOINT_COUNTERS",
    "JOURNAL_COUNTERS",
    "RECOVERY_COUNTERS",
    "REFUSED_HELP",
    "STREAM_COUNTERS",
    "CheckpointCollector",
    "Counters",
    "JournalCollector",
    "RecoveryCollector",
    "RefusalCollector",
    "StreamCollector",
    "families",
]

Counters = Sequence[tuple[str, str, str, str]]

STREAM_COUNTERS: Counters = (
    ("subscribers", "gauge", "streams", "Open streams."),
    ("subscribers_limit", "gauge", "streams", "Maximum number of open streams: the setting max_subscribers."),
    (
        "slow_subscribers",
        "counter",
        "streams",
        "Subscribers that lost events or were disconnected because they were too slow.",
    ),
)

JOURNAL_COUNTERS: Counters = (
    ("commits", "counter", "commits", "Commits; one commit may write many records."),
    ("records", "counter", "records", "Inputs written; for caches, changes."),
    ("record_bytes", "counter", "bytes", "Bytes of the records written."),
    ("failures", "counter", "commits", "Failed writes; their inputs were not acknowledged."),
    ("waiting_records", "gauge", "records", "Inputs waiting for the next commit."),
    ("held_bytes", "gauge", "bytes", "Bytes of the records and checkpoints kept."),
    ("checkpoints", "counter", "checkpoints", "Checkpoints written."),
)

CHECKPOINT_COUNTERS: Counters = (
    ("longest_hold_seconds", "gauge", "s", "Longest time, since the start, that a checkpoint held an engine's lock."),
    ("restarts", "counter", "checkpoints", "Checkpoints that were restarted because the engine changed too fast."),
)

RECOVERY_COUNTERS: Counters = (
    ("seconds", "gauge", "s", "Duration of the last recovery."),
    ("engines", "gauge", "engines", "Engines recovered by the last start."),
    (
        "damaged_engines",
        "gauge",
        "engines",
        "Engines whose journal is damaged. They refuse calls until restored or dropped; damaged caches start empty.",
    ),
)

REFUSED_HELP = "Ticks and calls to AdvanceTime that a rule refused, by reason."
# Why ticks are refused (rules 1.8 and 2.11).
_REASONS = (
    "INSTRUMENT_LIMIT",
    "PRICE_NOT_POSITIVE",
    "QUANTITY_NOT_POSITIVE",
    "TIME_AHEAD",
    "TIME_OUT_OF_RANGE",
    "VALUE_OVERFLOW",
)


class RefusalCollector(Collector):
    """What the engines of a service have refused, by reason."""

    def __init__(self, noun: str, refused: Callable[[], Iterable[tuple[str, Mapping[str, int]]]]) -> None:
        self._name = f"alphaforge_{noun}_refused"
        self._refused = refused

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, REFUSED_HELP, labels=("engine", "reason"))
        for engine, counts in {"default": {}, **dict(self._refused())}.items():
            for reason in _REASONS:
                family.add_metric((engine, reason), counts.get(reason, 0))
        yield family


class StreamCollector(Collector):
    """Open streams of a service, and slow subscribers."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    def collect(self) -> Iterator[Metric]:
        subscribers = self._subscribers
        return families("stream", STREAM_COUNTERS, (subscribers.count, subscribers.limit, subscribers.slow))


class JournalCollector(Collector):
    """Totals over the journals of a service."""

    def __init__(self, statistics: Callable[[], Iterable[JournalStatistics]]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        totals = [0] * len(JOURNAL_COUNTERS)
        for journal in self._statistics():
            totals = [total + value for total, value in zip(totals, journal, strict=True)]
        return families("journal", JOURNAL_COUNTERS, totals)


class CheckpointCollector(Collector):
    """The sizes and durations of a service's checkpoints; its journals count them."""

    def __init__(self, statistics: Callable[[], CheckpointStatistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        return families("checkpoint", CHECKPOINT_COUNTERS, self._statistics())


class RecoveryCollector(Collector):
    """The result of the last recovery."""

    def __init__(self, statistics: Callable[[], RecoveryStatistics]) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        return families("recovery", RECOVERY_COUNTERS, self._statistics())


def families(
    group: str, counters: Counters, values: Iterable[float], labels: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Metric]:
    """The series of a table of counters, all with these labels."""
    for (name, kind, _unit, text), value in zip(counters, values, strict=True):
        kind_of = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        family = kind_of(f"alphaforge_{group}_{name}", text, labels=list(labels))
        family.add_metric(list(labels.values()), value)
        yield family
