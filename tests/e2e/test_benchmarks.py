"""The benchmarks run, small, and do the work they always did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WORK = "31d9da0b"


def test_the_benchmarks_run_small_and_do_the_same_work() -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    for words in ("documented", "in process, one by one", "remote, one by one", "bare grpcio echo", "asyncio"):
        assert words in done.stdout
    assert done.stdout.splitlines()[-1] == f"work {WORK}"
