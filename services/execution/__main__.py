"""`alphaforge-execution`, also as `python -m services.execution`."""

import os
import sys

# grpc reads it when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.execution.rpcs import ExecutionService
from services.execution.settings import ExecutionServiceSettings
from services.runtime.server import main

__all__ = ["run"]


def run() -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    return main(ExecutionServiceSettings, ExecutionService)


if __name__ == "__main__":
    sys.exit(run())
