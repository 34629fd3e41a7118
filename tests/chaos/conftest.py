"""The fixtures of the chaos tests, and a table of their results; `tests.support.chaos` has the settings."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.chaos import TIMEOUT_SECONDS, Chaos, seeds


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chaos" in metafunc.fixturenames:
        metafunc.parametrize("chaos_seed", seeds(), ids=lambda seed: f"seed {seed}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "chaos" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.fixture
def chaos(chaos_seed: int, record_property: Callable[[str, object], None]) -> Chaos:
    """The random numbers and rounds of one run; its counts are shown in the table."""
    return Chaos(chaos_seed, record_property)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory if possible: tests of damage are about the files' content, not about how long a disk syncs."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call" and "/chaos/" in report.nodeid
    ]
    if not reports:
        return
    rows: dict[str, Row] = {}
    for report in sorted(reports, key=lambda report: report.nodeid):
        rows.setdefault(label(report), Row()).add(report)
    widest = max(map(len, rows))
    terminalreporter.section("chaos")
    for what, row in rows.items():
        terminalreporter.line(f"{what:{widest}}  {row}")
    failed = sum(row.failed for row in rows.values())
    if not failed:
        terminalreporter.line("nothing acknowledged was lost, done twice or undone in silence, and every start served")


def label(report: pytest.TestReport) -> str:
    """Returns a row's label: a test with all its seeds and cases, or one of the faults of `test_troubles`."""
    test, _, parameters = report.nodeid.rpartition("::")[2].partition("[")
    trouble = re.sub(r"seed \d+-?", "", parameters.rstrip("]"))
    return (
        trouble
        if test == "test_nothing_is_lost_doubled_or_miscounted"
        else test.removeprefix("test_").replace("_", " ")
    )


@dataclass
class Row:
    """Runs of one kind, and what they did."""

    runs: int = 0
    failed: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        self.runs += 1
        self.failed += report.outcome == "failed"
        self.seconds += report.duration
        for what, number in report.user_properties:
            if what.endswith(" s"):
                self.times.setdefault(what, []).append(float(str(number)))
            else:
                self.counts[what] += int(str(number))

    def __str__(self) -> str:
        counted = ", ".join(f"{number:,} {what}" for what, number in self.counts.items())
        for what, found in self.times.items():
            found.sort()
            p50, p95 = found[len(found) // 2], found[len(found) * 95 // 100]
            counted += f", {what}: p50 {p50:.2f} p95 {p95:.2f} max {found[-1]:.2f}"
        return f"{self.runs:>5} runs  {self.failed:>3} failed  {self.seconds:>5.0f} s  {counted}"
