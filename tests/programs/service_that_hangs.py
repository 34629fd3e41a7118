"""The execution service, whose event loop hangs for some seconds at SIGUSR1, while its other threads run."""

from __future__ import annotations

import os
import signal
import sys

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.execution.__main__ import run
from tests.support.waiting import let_pass

HANG_SECONDS = 8.0

if __name__ == "__main__":
    # Python runs it in the main thread, which has the event loop.
    signal.signal(signal.SIGUSR1, lambda *_: let_pass(HANG_SECONDS))
    sys.exit(run())
