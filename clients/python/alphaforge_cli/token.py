"""`alphaforge token`: a new token, whose hash the services know it by."""

from __future__ import annotations

import hashlib
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["token"]

_HEAD = "# name  role  SHA-256 of the token  calls per second, where they are limited\n"


class _Role(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


def token(
    name: Annotated[str, typer.Argument(help="Whose it is: a strategy, a feed, a person; the audit log has it.")],
    file: Annotated[Path, typer.Option(help="The services' tokens file; made where it is missing.")],
    role: Annotated[_Role, typer.Option(help="What it is good for; each role includes the ones before it.")],
    calls_per_second: Annotated[
        float | None, typer.Option(help="How many calls a second it is good for; no limit unless given.", min=0.001)
    ] = None,
) -> None:
    """Add a token to the tokens file of the services and print it, which is the only time that it can be seen.

    Running services know it within a second. To revoke it, delete its line.
    """
    if not name or not name.isprintable() or any(character.isspace() or character == "#" for character in name):
        raise typer.BadParameter(f"a name has no spaces and no '#'; {name!r} has, or is empty")
    lines = file.read_text().splitlines() if file.exists() else []
    if name in (line.split()[0] for line in lines if line.strip() and not line.startswith("#")):
        raise typer.BadParameter(f"{file} has a token of {name}; delete that line first, which revokes it")
    made = secrets.token_urlsafe(32)
    rate = "" if calls_per_second is None else f"  {calls_per_second:g}"
    text = "" if lines else _HEAD
    text += f"{name}  {role}  {hashlib.sha256(made.encode()).hexdigest()}{rate}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a") as opened:
        opened.write(text)
    print(made)
