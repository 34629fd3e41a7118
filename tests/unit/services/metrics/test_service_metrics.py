"""Streams, journals and recoveries are counted under the names that the rules and dashboards use."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from services.engines.recovery import RecoveryStatistics
from services.journal.journal import JournalStatistics
from services.metrics.service_metrics import JournalCollector, RecoveryCollector, StreamCollector
from services.streams.feed import Subscribers


def scraped(collector: Collector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.split() for line in lines)}


def test_streams_show_how_many_are_open_and_how_many_were_too_slow() -> None:
    subscribers = Subscribers(10, 1.0)
    subscribers.enter()
    subscribers.slow += 2
    assert scraped(StreamCollector(subscribers)) == {
        "alphaforge_stream_subscribers": 1,
        "alphaforge_stream_subscribers_limit": 10,
        "alphaforge_stream_slow_subscribers_total": 2,
    }


def test_the_journals_of_a_service_are_added_up_and_none_is_zero() -> None:
    names: tuple[str, ...] = ("commits_total", "records_total", "record_bytes_total", "failures_total")
    names += ("waiting_records", "held_bytes", "checkpoints_total")
    assert scraped(JournalCollector(list)) == {f"alphaforge_journal_{name}": 0 for name in names}
    each = JournalStatistics(commits=1, records=2, record_bytes=3, failures=4, waiting=5, held_bytes=6, checkpoints=7)
    assert list(scraped(JournalCollector(lambda: [each, each])).values()) == [2, 4, 6, 8, 10, 12, 14]


def test_a_recovery_shows_how_long_it_took_and_what_it_could_not_bring_back() -> None:
    assert scraped(RecoveryCollector(lambda: RecoveryStatistics(0.5, 3, 1))) == {
        "alphaforge_recovery_seconds": 0.5,
        "alphaforge_recovery_engines": 3,
        "alphaforge_recovery_damaged_engines": 1,
    }
