"""Values read from files are reloaded when the files change; invalid files leave the previous values."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.base.files import Reloaded


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "number"
    path.write_text("1")
    return path


def test_a_changed_file_is_read_again_after_the_pause(path: Path) -> None:
    clock = Clock()
    number = Reloaded([path], lambda: int(path.read_text()), pause_seconds=1.0, clock=clock)
    path.write_text("22")
    assert number.current() == 1
    clock.now = 1.0
    assert number.current() == 22


def test_a_file_that_did_not_change_is_not_read_again(path: Path) -> None:
    values = Reloaded([path], lambda: object(), pause_seconds=0.0)
    assert values.current() is values.current()


@pytest.mark.parametrize("bad", ["nonsense", None])
def test_a_file_that_makes_no_sense_or_is_gone_leaves_the_last_good_value(path: Path, bad: str | None) -> None:
    number = Reloaded([path], lambda: int(path.read_text()), pause_seconds=0.0)
    if bad is None:
        path.unlink()
    else:
        path.write_text(bad)
    assert number.current() == 1
    path.write_text("333")
    assert number.current() == 333


def test_the_first_value_must_be_good(path: Path) -> None:
    path.write_text("nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        Reloaded([path], lambda: int(path.read_text()))


def test_it_says_for_how_long_the_files_could_not_be_used_and_tries_again(path: Path) -> None:
    clock = Clock()
    is_readable = False

    def load() -> int:
        if clock.now and not is_readable:
            raise OSError("no")
        return int(path.read_text())

    number = Reloaded([path], load, pause_seconds=1.0, clock=clock)
    path.write_text("22")
    clock.now = 1.0
    assert (number.current(), number.failing_seconds()) == (1, 0.0)
    clock.now = 4.0
    assert (number.current(), number.failing_seconds()) == (1, 3.0)
    # The file has not changed since, but is readable again.
    is_readable = True
    clock.now = 5.0
    assert (number.current(), number.failing_seconds()) == (22, 0.0)
