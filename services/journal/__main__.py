"""python -m services.journal backup | verify | skip; what `alphaforge journal` runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alphaforge_core.errors import EngineError

from services.journal.backup import backup, verify
from services.journal.skip import skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 on success, 1 if something is damaged or fails."""
    parser = argparse.ArgumentParser(prog="python -m services.journal")
    verbs = parser.add_subparsers(dest="verb", required=True)
    copying = verbs.add_parser("backup", help="copy the journals of a service, which may be running")
    copying.add_argument("data_dir", type=Path)
    copying.add_argument("to", type=Path)
    looking = verbs.add_parser("verify", help="check the journals of a stopped service, or a backup")
    looking.add_argument("data_dir", type=Path)
    skipping = verbs.add_parser("skip", help="skip an input that can't be applied; the service must be stopped")
    skipping.add_argument("data_dir", type=Path)
    skipping.add_argument("engine")
    skipping.add_argument("sequence", type=int)
    skipping.add_argument("--because", required=True)
    skipping.add_argument("--to", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        if given.verb == "backup":
            for path in backup(given.data_dir, given.to):
                print(path)
            return 0
        if given.verb == "skip":
            path = skip(given.data_dir, given.engine, given.sequence, given.because, given.to)
            print(f"skipped input {given.sequence} of {given.engine} in {path}; saved it to {given.to}")
            return 0
        status = 0
        for what, problem in verify(given.data_dir):
            print(f"{what}: {problem or 'good'}")
            status |= problem is not None
        return status
    except (OSError, EngineError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
