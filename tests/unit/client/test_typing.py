"""mypy accepts what users may write and finds what they may not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("typed_program.py")


def test_users_programs_are_checked_strictly() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(PROGRAM)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
