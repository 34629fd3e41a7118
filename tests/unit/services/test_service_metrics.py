"""Streams and journals are counted under the names that the rules and dashboards use."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from services.common.journal import JournalStatistics
from services.common.service_metrics import JournalCollector, StreamCollector
from services.common.streams import Subscribers


def scraped(collector: JournalCollector | StreamCollector) -> dict[str, float]:
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
    names = ("commits_total", "records_total", "record_bytes_total", "failures_total", "waiting_records", "held_bytes")
    assert scraped(JournalCollector(list)) == {f"alphaforge_journal_{name}": 0 for name in names}
    each = JournalStatistics(commits=1, records=2, record_bytes=3, failures=4, waiting=5, held_bytes=6)
    assert list(scraped(JournalCollector(lambda: [each, each])).values()) == [2, 4, 6, 8, 10, 12]
