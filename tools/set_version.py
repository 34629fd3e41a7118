"""`python -m tools.set_version 0.2.0`: the version of the workspace and of its packages, which release together.

With `--check`, writes nothing and exits with 1 if a file has another version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

__all__ = ["FILES", "version_of"]

ROOT = Path(__file__).resolve().parents[1]
FILES = tuple(
    ROOT / folder / "pyproject.toml" for folder in (".", "core", "protos/python", "services", "clients/python")
)
_VERSION = re.compile(r'^version = "(.*)"$', re.MULTILINE)


def version_of(file: Path) -> str:
    """The version in a pyproject.toml."""
    found = _VERSION.search(file.read_text())
    assert found is not None, file
    return found[1]


def main(arguments: list[str]) -> None:
    """Writes the version into every file that has one, or checks it."""
    check = "--check" in arguments
    versions = [argument for argument in arguments if argument != "--check"]
    if len(versions) != 1 or re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", versions[0]) is None:
        sys.exit("usage: python -m tools.set_version [--check] VERSION, such as 0.2.0 or 0.2.0rc1")
    for file in FILES:
        if not check:
            file.write_text(_VERSION.sub(f'version = "{versions[0]}"', file.read_text(), count=1))
        elif version_of(file) != versions[0]:
            sys.exit(f"{file.relative_to(ROOT)} has version {version_of(file)}, not {versions[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
