"""`alphaforge-data`, also as `python -m services.data`."""

import os
import sys

# grpc reads it when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.data.rpcs import DataService
from services.data.settings import DataServiceSettings
from services.runtime.server import main

__all__ = ["run"]


def run() -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    return main(DataServiceSettings, DataService)


if __name__ == "__main__":
    sys.exit(run())
