"""An input that ends two starts is not applied by a third one, unless the machine went down meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from alphaforge_core.errors import EngineError

from services.journal import suspects
from services.journal.suspects import Suspects


def start_that_ends(path: Path, sequence: int) -> None:
    start = Suspects(path)
    start.begin()
    start.about_to_apply("engine", sequence)


def test_an_input_that_ended_two_starts_is_refused_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "suspects"
    for _ in range(2):
        start_that_ends(path, 7)
    third = Suspects(path)
    third.begin()
    third.about_to_apply("engine", 6)
    third.about_to_apply("another", 7)
    with pytest.raises(EngineError, match="input 7 of 'engine' ended the process 2 times"):
        third.about_to_apply("engine", 7)


def test_a_start_that_is_ended_when_its_inputs_are_applied_accuses_none(tmp_path: Path) -> None:
    path = tmp_path / "suspects"
    start_that_ends(path, 7)
    for recovered in ("engine", ""):
        start = Suspects(path)
        start.begin()
        start.about_to_apply("engine", 7)
        start.rest(recovered)
    # It had been applied in between.
    start_that_ends(path, 7)
    fourth = Suspects(path)
    fourth.begin()
    fourth.about_to_apply("engine", 7)


def test_starts_that_a_power_cut_ended_accuse_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "suspects"
    for boot in ("first", "second", "third"):
        monkeypatch.setattr(suspects, "boot_id", lambda boot=boot: boot)
        start_that_ends(path, 7)
    start_that_ends(path, 7)
    with pytest.raises(EngineError):
        start_that_ends(path, 7)


@pytest.mark.parametrize("content", [b"", b"\0" * 80, b"\0" * 73 + b"{}", b"\0" * 73 + b"[1]", b"\xff" * 200])
def test_a_damaged_file_accuses_no_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suspects"
    path.write_bytes(content)
    start_that_ends(path, 7)
    start_that_ends(path, 7)
    with pytest.raises(EngineError):
        start_that_ends(path, 7)
