"""The benchmarks run in a small size and do the same work each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.page import HEADINGS, charts, page
from benchmarks.report.aims import judged
from benchmarks.report.figures import figures, with_a_million
from benchmarks.results import Run

WORK = "35ba9f38"


@pytest.mark.timeout(1200)
def test_the_benchmarks_run_small_do_the_same_work_and_give_a_page(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(results)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=1100, check=False)
    assert done.returncode == 0, done.stderr
    for words in ("documented", "in process, one by one", "remote, one by one", "bare grpcio echo", "asyncio"):
        assert words in done.stdout
    assert done.stdout.splitlines()[-1] == f"work {WORK}"
    run = Run.model_validate_json(results.read_text())
    assert [part.name for part in run.parts] == list(HEADINGS)
    assert len(list(figures(run))) == 5
    written = page(run)
    for part in run.parts:
        assert f"## {HEADINGS[part.name]}\n" in written
        assert all(f"**{found.title}**" in written for found in part.tables)
    assert [drawn.count("<polyline") for drawn in charts(run).values()] == [2, 6]
    # Every bound has its figure, except those of programs that this machine may not have, and of more subscribers than
    # a short run has.
    absent = {each.aim.what for each in judged(run) if each.measured is None}
    known = ("Redis", "PostgreSQL", "the same, ", "subscribers")
    assert all(any(each in what for each in known) for what in absent), absent
    assert len(list(with_a_million(run))) > 15
