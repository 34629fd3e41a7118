"""The execution service of a release with other rules: the same one, with the next version of SEMANTICS."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

import alphaforge_core.journal

if __name__ == "__main__":
    alphaforge_core.journal.SEMANTICS += 1
    from services.execution.__main__ import run

    sys.exit(run())
