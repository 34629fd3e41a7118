"""The page about the command line names every verb, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from alphaforge_cli.main import app
from typer.main import get_command

PAGE = Path(__file__).parents[3] / "docs/reference/command-line.md"


def test_every_verb_is_documented() -> None:
    command = get_command(app)
    verbs = set(command.commands.keys())
    cells = re.findall(r"^\| (`.+?) \|", PAGE.read_text(), re.MULTILINE)
    documented = {word.split()[0] for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    assert documented - {"put", "delete", "keys", "verify", "skip"} == verbs | {"stats"}
