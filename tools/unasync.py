"""Generates the sync client from the asyncio client.

python tools/unasync.py            # write
python tools/unasync.py --check    # exit 1 and name the files that differ from what would be written

The asyncio client in `alphaforge_client/aio` is written by hand. Each of its files is converted to the file with the
same path outside `aio`, except the files of BY_HAND, which differ between tasks and threads and are written twice.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "clients/python/alphaforge_client/aio"
TARGET = SOURCE.parent
BY_HAND = {"__init__.py", "_calls/coalescer.py", "_calls/merged.py", "_grpc/transport.py"}

# Applied in this order; docstrings and comments are converted with the code.
REPLACEMENTS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\basync (with|for|def)\b", r"\1"),
        (r"\bawait ", ""),
        (r"__a(enter|exit|iter|next)__", r"__\1__"),
        (r"\bAsync(Iterator|Iterable|Generator|ExitStack)\b", r"\1"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\bAwaitable\[(\w+(?:\[\w+\])?)\]", r"\1"),
        (r"\bAwaitable, ", ""),
        (r"\b(anext|aiter)\(", lambda match: match[1][1:] + "("),
        (r"\balphaforge_client\.aio\b", "alphaforge_client"),
        (r"\ban asyncio ", "a "),
        (r"\basyncio (client|iterator)\b", r"\1"),
    )
)
LEFT_OVER = re.compile(r"\b(async|await|aio|asyncio|Awaitable)\b")
HEADER = "# Generated from aio/{path} by `make gen`; edit that file.\n"


def convert(path: Path) -> str:
    """Returns the sync text of one asyncio file, sorted and formatted by ruff. `path` is relative to SOURCE."""
    text = (SOURCE / path).read_text()
    for pattern, new in REPLACEMENTS:
        text = pattern.sub(new, text)
    if left := LEFT_OVER.search(text):
        line = text.count("\n", 0, left.start()) + 1
        sys.exit(
            f'{SOURCE / path}:{line}: "{left[0]}" is left in the sync code; add a replacement to tools/unasync.py, '
            "or move it to _grpc/transport.py"
        )
    text = HEADER.format(path=path) + text
    # Renamed imports sort differently, and shorter lines may join.
    for command in (["check", "--quiet", "--select=I", "--fix"], ["format"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET / path), "-"]
        text = subprocess.run(arguments, cwd=ROOT, input=text, capture_output=True, text=True, check=True).stdout
    return text


def sources() -> list[Path]:
    """The asyncio files that are converted, relative to SOURCE."""
    paths = (path.relative_to(SOURCE) for path in sorted(SOURCE.rglob("*.py")))
    return [path for path in paths if path.as_posix() not in BY_HAND]


def orphans() -> list[Path]:
    """Generated files whose source is gone."""
    wanted = {TARGET / path for path in sources()}
    mark = HEADER.split("{", 1)[0]
    files = (path for path in sorted(TARGET.rglob("*.py")) if not path.is_relative_to(SOURCE))
    return [path for path in files if path not in wanted and path.read_text().startswith(mark)]


def stale_files() -> dict[Path, str]:
    """The files that differ from their source's conversion, with the expected text."""
    wanted = {TARGET / path: convert(path) for path in sources()}
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def main() -> int:
    stale = stale_files()
    if "--check" not in sys.argv:
        for path, text in stale.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        for path in orphans():
            path.unlink()
        return 0
    wrong = [*stale, *orphans()]
    for path in wrong:
        print(f"{path.relative_to(ROOT)} is out of date; run `make gen`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
