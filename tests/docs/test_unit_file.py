"""systemd accepts the documented unit file, which starts an existing command."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import NOUNS

PAGE = Path(__file__).parents[2] / "docs/how-to/deploy.md"


@pytest.fixture
def unit() -> str:
    found = re.search(r"alphaforge@\.service <<'UNIT'\n(.*?)^UNIT$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_unit_file_starts_every_service(unit: str) -> None:
    assert "ExecStart=/opt/alphaforge/bin/python -m services.%i\n" in unit
    for noun in NOUNS:
        assert f"alphaforge@{noun}" in PAGE.read_text()
        assert importlib.util.find_spec(f"services.{noun}.__main__") is not None


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit_file(unit: str, tmp_path: Path) -> None:
    file = tmp_path / "alphaforge@data.service"
    # systemd also looks for the program, which is not installed where the page installs it.
    file.write_text(unit.replace("/opt/alphaforge/bin/python", sys.executable))
    command = ("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file))
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    # Its messages about the machine that it runs on don't matter.
    assert [line for line in result.stderr.splitlines() if file.stem in line] == []
