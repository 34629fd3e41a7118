"""A tokens file is private to its owner, is never a link, and has each name once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alphaforge_cli.main import app
from typer.testing import CliRunner, Result


def new(file: Path, name: str) -> Result:
    return CliRunner().invoke(app, ["token", name, "--role", "read", "--file", str(file)])


def lines(file: Path) -> list[str]:
    return [line.split()[0] for line in file.read_text().splitlines() if not line.startswith("#")]


def test_a_new_file_is_its_owners_and_has_a_line_for_each_token(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    made = [new(file, name) for name in ("a", "b")]
    assert [result.exit_code for result in made] == [0, 0]
    assert file.stat().st_mode & 0o777 == 0o600
    assert lines(file) == ["a", "b"]
    assert all(result.stdout.strip() not in file.read_text() for result in made)


def test_a_name_that_is_there_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    new(file, "a")
    before = file.read_bytes()
    assert new(file, "a").exit_code == 2
    assert file.read_bytes() == before


def test_a_last_line_without_an_end_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"a  read  {'0' * 64}")
    assert new(file, "b").exit_code == 0
    assert lines(file) == ["a", "b"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "tokens"
    if exists:
        target.write_text("what is here stays\n")
    link.symlink_to(target)
    result = new(link, "a")
    assert result.exit_code == 2
    assert "is a symbolic link" in re.sub(r"[\s│]+", " ", result.output + (result.stderr or ""))
    assert (target.read_text() if exists else target.exists()) == ("what is here stays\n" if exists else False)
