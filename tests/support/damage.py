"""Damage to files: flipped bits, lost ends, zeroed pages, and older copies."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

__all__ = ["damage"]


def damage(path: Path, older: Path, operation: str, chance: random.Random) -> bool:
    """Damages a file; returns False if that changes nothing.

    `older` overwrites the file with an older copy, and `moved` puts that copy in its place.
    """
    content = path.read_bytes()
    if operation == "delete":
        path.unlink()
        return True
    if operation in ("older", "moved"):
        if not older.exists():
            return False
        if operation == "moved":
            path.unlink()
        shutil.copy(older, path)
    elif not content:
        return False
    elif operation == "truncate":
        path.write_bytes(content[: chance.randrange(len(content))])
    elif operation == "zero":
        page = chance.randrange(0, len(content), 4096)
        path.write_bytes(content[:page] + bytes(len(content[page : page + 4096])) + content[page + 4096 :])
    else:
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
    return path.read_bytes() != content
