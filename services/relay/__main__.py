"""`alphaforge-relay`, also as `python -m services.relay`."""

import os
import sys

# grpc reads it when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.relay.rpcs import RelayService
from services.relay.settings import RelaySettings
from services.runtime.server import main

__all__ = ["run"]


def run() -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    return main(RelaySettings, RelayService)


if __name__ == "__main__":
    sys.exit(run())
