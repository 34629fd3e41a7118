"""`alphaforge token`: create a token and add its hash to the services' tokens file."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

__all__ = ["token"]

_HEAD = "# name  role  SHA-256 of the token  calls per second, where they are limited\n"


class _Role(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


def token(
    name: Annotated[str, typer.Argument(help="Name of the caller, as shown in the audit log.")],
    file: Annotated[Path, typer.Option(help="Tokens file of the services; created if missing.")],
    role: Annotated[_Role, typer.Option(help="Role of the caller. Each role includes the previous ones.")],
    calls_per_second: Annotated[
        float | None, typer.Option(help="Maximum calls per second. Default: no limit.", min=0.001)
    ] = None,
) -> None:
    """Create a token, add its hash to the tokens file, and print the token. It can't be shown again.

    Running services accept it within a second. To revoke it, delete its line from the file.
    """
    if not name or not name.isprintable() or any(character.isspace() or character == "#" for character in name):
        raise typer.BadParameter(f"a name can't be empty or contain spaces or '#'; got {name!r}")
    with _opened(file) as opened:
        lines = opened.read().splitlines(keepends=True)
        if name in (line.split()[0] for line in lines if line.strip() and not line.startswith("#")):
            raise typer.BadParameter(f"{file} already has a token for {name}; delete that line first, which revokes it")
        made = secrets.token_urlsafe(32)
        rate = "" if calls_per_second is None else f"  {calls_per_second:g}"
        head = _HEAD if not lines else "" if lines[-1].endswith("\n") else "\n"
        opened.write(f"{head}{name}  {role}  {hashlib.sha256(made.encode()).hexdigest()}{rate}\n")
    print(made)


def _opened(file: Path) -> TextIO:
    """Opens the tokens file, locked, and created for its owner only. Refuses symbolic links."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise typer.BadParameter(f"{file} is a symbolic link; give the file itself") from None
        raise typer.BadParameter(f"{file} can't be opened: {error.strerror}") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.fdopen(descriptor, "r+")
