"""`alphaforge top` shows rates from two readings, and says which service does not answer."""

from __future__ import annotations

import io
from typing import Any

import pytest
from alphaforge_cli.journals import metrics_url
from alphaforge_cli.top import LINES, Engine, Journal, Reading, formatted, scaled, screen, sparkline
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import Unavailable
from rich.console import Console


class Statistics:
    def __init__(self, values: dict[str, float]) -> None:
        self._values = values

    def as_dict(self) -> dict[str, float]:
        return self._values


class Client:
    """Answers one reading after the other; an exception is raised."""

    def __init__(self, *answers: dict[str, float] | Exception) -> None:
        self._answers = list(answers)

    def close(self) -> None:
        pass

    def statistics(self, timeout: float) -> Statistics:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Statistics(answer)


def engine(noun: str, *answers: dict[str, float] | Exception) -> Engine:
    client: Any = Client(*answers)
    return Engine(noun, DataEngine, "demo", client=client)


def shown(*engines: Engine, width: int = 120) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(screen("demo", list(engines), width))
        return console.export_text()


def test_a_rate_is_the_change_between_two_readings() -> None:
    data = engine("data", {"ticks_processed": 100})
    data.read(1.0)
    assert data.rate("ticks_processed") is None
    assert data.now is not None
    data.before, data.now = Reading(10.0, 1.0, {"ticks_processed": 100}), Reading(12.0, 1.0, {"ticks_processed": 700})
    assert data.rate("ticks_processed") == 300


def test_an_engine_that_was_reset_has_no_rate_rather_than_a_negative_one() -> None:
    data = engine("data")
    data.before, data.now = Reading(10.0, 1.0, {"ticks_processed": 100}), Reading(12.0, 1.0, {"ticks_processed": 5})
    assert data.rate("ticks_processed") is None


def test_a_service_that_is_away_is_shown_with_what_is_wrong_and_the_others_go_on() -> None:
    cache = engine("cache", {"hit_ratio": 0.5, "entries": 7})
    data = engine("data", Unavailable("the data service at x can't be reached", reason="UNREACHABLE"))
    for each in (cache, data):
        each.read(1.0)
    text = shown(cache, data)
    assert "50.0%" in text
    assert "no answer" in text
    assert "can't be reached" in text


def journal_of(before: dict[str, float], now: dict[str, float]) -> Journal:
    return Journal("http://localhost:9152/metrics", Reading(10.0, 1.0, before), Reading(12.0, 1.0, now))


def test_a_journal_shows_what_it_holds_and_its_rate_even_while_the_engine_refuses() -> None:
    damaged = engine("data", Unavailable("the journal of engine demo is damaged", reason="JOURNAL_DAMAGED"))
    damaged.read(1.0)
    damaged.journal = journal_of(
        {"alphaforge_journal_commits_total": 100},
        {
            "alphaforge_journal_commits_total": 400,
            "alphaforge_journal_held_bytes": 2**20,
            "alphaforge_journal_waiting_records": 17,
            "alphaforge_journal_failures_total": 3,
            "alphaforge_recovery_damaged_engines": 1,
        },
    )
    rows = {label: str(value) for label, value in damaged.journal.rows()}
    assert rows == {
        "journal": "1.0 MiB", "commits": "150/s", "waiting": "17", "failed commits": "3", "damaged engines": "1",
    }  # fmt: skip
    text = shown(damaged)
    assert "150/s" in text
    assert "damaged" in text


def test_only_failures_and_damage_of_a_journal_are_alarming() -> None:
    quiet = {"alphaforge_journal_failures_total": 0.0, "alphaforge_recovery_damaged_engines": 0.0}
    loud = {"alphaforge_journal_failures_total": 2.0, "alphaforge_recovery_damaged_engines": 1.0}
    for values, red in ((quiet, set()), (loud, {"failed commits", "damaged engines"})):
        rows = journal_of({}, {**values, "alphaforge_journal_waiting_records": 5.0}).rows()
        assert {label for label, value in rows if "red" in str(value.style)} == red


def test_metrics_that_do_not_answer_are_named_and_the_engine_is_shown() -> None:
    data = engine("data", {"instruments": 41})
    data.journal = Journal("http://127.0.0.1:1/metrics")
    data.read(1.0)
    text = shown(data)
    assert "41" in text
    assert "http://127.0.0.1:1/metrics" in text


@pytest.mark.parametrize(
    ("target", "variables", "url"),
    [
        ("localhost:50052", {}, "http://localhost:9152/metrics"),
        ("data.example:7", {"ALPHAFORGE_DATA_METRICS_PORT": "8"}, "http://data.example:8/metrics"),
        ("localhost:50052", {"ALPHAFORGE_TLS_CA_FILE": "ca.pem"}, "https://localhost:9152/metrics"),
        ("unix:/run/data.sock", {}, None),
        ("dns:///data:50052", {}, None),
    ],
)
def test_metrics_are_on_the_host_of_the_service(target: str, variables: dict[str, str], url: str | None) -> None:
    assert metrics_url("data", target, variables) == url


@pytest.mark.parametrize("width", [60, 200])
def test_panels_fit_the_terminal(width: int) -> None:
    text = shown(engine("cache"), engine("data"), engine("execution"), width=width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (1_234_567, "rate", "1.23 M/s"),
        (0.0, "rate", "0/s"),
        (0.756, "share", "75.6%"),
        (3 * 2**20, "bytes", "3.0 MiB"),
        (12.3456, "ms", "12.35 ms"),
        (987.6, "ns", "988 ns"),
        (12345, "count", "12,345"),
    ],
)
def test_numbers_are_short(value: float, kind: str, text: str) -> None:
    assert formatted(value, kind) == text


def test_scaled_numbers_have_three_digits() -> None:
    assert [scaled(value) for value in (0.5, 12.34, 999, 1000, 45_600, 7.89e9)] == [
        "0.5", "12.3", "999", "1 k", "45.6 k", "7.89 G",
    ]  # fmt: skip


def test_a_sparkline_is_as_high_as_its_highest() -> None:
    assert sparkline([0, 50, 100]) == "▁▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


@pytest.mark.parametrize(("width", "height"), [(120, 50), (120, 16), (120, 11), (60, 60), (60, 30), (60, 24)])
def test_the_picture_fits_the_window(width: int, height: int) -> None:
    engines = [engine(noun, {line.name: 1.0 for line in LINES[noun]}) for noun in LINES]
    for each in engines:
        each.read(1.0)
    console = Console(width=width, file=io.StringIO())
    assert len(console.render_lines(screen("demo", engines, width, height))) <= height


def test_the_reason_of_a_failure_is_shown_whole() -> None:
    reason = "the data service at localhost:50052 can't be reached: connection refused (attempt 3)"
    down = engine("data", Unavailable(reason, reason="UNAVAILABLE"))
    down.read(1.0)
    text = "".join(line.strip("│ ") for line in shown(down, width=40).splitlines())
    assert reason.replace(" ", "") in text.replace(" ", "")
