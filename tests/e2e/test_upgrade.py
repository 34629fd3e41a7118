"""Folders that earlier releases left after a clean stop: this release starts with them and has the same state.

`release-0.1.tar.gz` has the data directories of its three services and `state.json`, what `state_of_services.py fill`
printed with its client. It was made with commit f235ac1, the last of that release.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import NOUNS, Stack, running_stack

SAMPLES = Path(__file__).parent / "samples"
PROGRAM = Path(__file__).parents[1] / "programs/state_of_services.py"


@pytest.fixture(params=sorted(SAMPLES.glob("*.tar.gz")), ids=lambda path: path.name.removesuffix(".tar.gz"))
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with tarfile.open(request.param) as kept:
        # Before 3.11.4, Python knows no filters.
        kept.extraction_filter = getattr(tarfile, "data_filter", None)
        kept.extractall(tmp_path)
    with running_stack(tmp_path) as running:
        yield running


def state_of(stack: Stack) -> object:
    environment = {"PATH": "/usr/bin:/bin", **stack.environment()}
    result = subprocess.run(
        (sys.executable, PROGRAM), env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_folder_of_an_earlier_release_gives_the_same_state(stack: Stack) -> None:
    kept = json.loads((stack.data_dir / "state.json").read_text())
    assert len(kept["fills"]) > 3
    # The first start converts the files; the second reads what it wrote.
    for _ in range(2):
        stack.serve(*NOUNS)
        assert state_of(stack) == kept
        for noun in NOUNS:
            assert stack.stop(noun) == 0
