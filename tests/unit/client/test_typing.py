"""Type checkers accept valid programs and find errors in invalid ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = PROGRAMS / "typed_program.py"
PYRIGHT = ROOT / ".tools/node_modules/.bin/pyright"

CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(PROGRAM)],
    # With the settings in pyproject.toml, and the examples.
    "pyright": [str(PYRIGHT), "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.slow
def test_users_programs_are_checked_strictly(checker: str) -> None:
    if checker == "pyright" and not PYRIGHT.exists():
        pytest.skip("pyright is installed by make check")
    run = subprocess.run(CHECKERS[checker], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
