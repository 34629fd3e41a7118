"""An input that crashes two starts is not applied at the third, unless the machine rebooted in between."""

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


def test_only_an_input_that_crashed_two_starts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suspects"
    for _ in range(2):
        start_that_ends(path, 7)
    third = Suspects(path)
    third.begin()
    third.about_to_apply("engine", 6)
    third.about_to_apply("another", 7)
    with pytest.raises(EngineError, match="input 7 of 'engine' ended the process 2 times"):
        third.about_to_apply("engine", 7)


def test_a_start_that_crashes_after_applying_its_inputs_accuses_none(tmp_path: Path) -> None:
    path = tmp_path / "suspects"
    start_that_ends(path, 7)
    for recovered in ("engine", ""):
        start = Suspects(path)
        start.begin()
        start.about_to_apply("engine", 7)
        start.rest(recovered)
    # Input 7 was applied after the first crash, so only this crash counts.
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
