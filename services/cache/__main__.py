"""`alphaforge-cache`, also as `python -m services.cache`."""

import os
import sys

# grpc reads it when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.cache.rpcs import CacheService
from services.cache.settings import CacheServiceSettings
from services.runtime.server import main

__all__ = ["run"]


def run() -> int:
    """Serves until SIGTERM or SIGINT; returns the exit status."""
    return main(CacheServiceSettings, CacheService)


if __name__ == "__main__":
    sys.exit(run())
