"""Rules that the tests themselves follow."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]

# A call of a sleep, or the length of something measured by a clock.
SLEEPS = re.compile(r"\bsleep\(")
LENGTHS = re.compile(r"assert .*(?:monotonic|perf_counter)(?:_ns)?\(\)")


def test_every_test_file_has_a_name_of_its_own() -> None:
    """A failure shows only the last part of its file's path, which must be unique."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_only_the_module_for_waiting_sleeps_and_no_test_asserts_how_long_something_took() -> None:
    waiting = TESTS / "support/waiting.py"
    found = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if path not in (waiting, Path(__file__))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if SLEEPS.search(line) or LENGTHS.search(line)
    ]
    assert found == []
