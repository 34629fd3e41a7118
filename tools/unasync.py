"""The sync client from the asyncio client.

python tools/unasync.py            # write
python tools/unasync.py --check    # exit 1 and name the files that are not what would be written

The asyncio client in `alphaforge_client/aio` is written by hand; each of its files becomes the file of the same name
one folder up. What really differs between tasks and threads stands in the files of BY_HAND, which are written twice.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "clients/python/alphaforge_client/aio"
TARGET = SOURCE.parent
BY_HAND = {"__init__.py", "_coalescer.py", "_transport.py"}

# Applied in this order; docstrings and comments are converted with the code.
REPLACEMENTS = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\basync (with|for|def)\b", r"\1"),
        (r"\bawait ", ""),
        (r"__a(enter|exit|iter|next)__", r"__\1__"),
        (r"\bAsync(Iterator|Iterable|Generator|ExitStack)\b", r"\1"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r"\bAwaitable, ", ""),
        (r"\b(anext|aiter)\(", lambda match: match[1][1:] + "("),
        (r"\balphaforge_client\.aio\b", "alphaforge_client"),
        (r"\ban asyncio ", "a "),
        (r"\basyncio (client|iterator)\b", r"\1"),
    )
)
LEFT_OVER = re.compile(r"\b(async|await|aio|asyncio|Awaitable)\b")
HEADER = "# Generated from aio/{name} by `make gen`; edit that file.\n"


def convert(source: Path) -> str:
    """The sync text of one asyncio file, sorted and formatted as ruff would have it."""
    text = source.read_text()
    for pattern, new in REPLACEMENTS:
        text = pattern.sub(new, text)
    if left := LEFT_OVER.search(text):
        line = text.count("\n", 0, left.start()) + 1
        sys.exit(
            f'{source}:{line}: "{left[0]}" is left in the sync code; add a replacement, or move it into _transport.py'
        )
    text = HEADER.format(name=source.name) + text
    # Renamed imports sort differently, and shorter lines may join.
    for command in (["check", "--quiet", "--select=I", "--fix"], ["format"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET / source.name), "-"]
        text = subprocess.run(arguments, cwd=ROOT, input=text, capture_output=True, text=True, check=True).stdout
    return text


def stale_files() -> dict[Path, str]:
    """The files that are not what their source says, with the text they should have."""
    wanted = {
        TARGET / source.name: convert(source) for source in sorted(SOURCE.glob("*.py")) if source.name not in BY_HAND
    }
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def main() -> int:
    stale = stale_files()
    if "--check" not in sys.argv:
        for path, text in stale.items():
            path.write_text(text)
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not what `make gen` writes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
