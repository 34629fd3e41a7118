"""`python -m services.cache`."""

import os
import sys

# Read by grpc when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.cache.servicer import CacheServicer
from services.cache.settings import CacheServiceSettings
from services.common.server import main

if __name__ == "__main__":
    sys.exit(main(CacheServiceSettings, CacheServicer))
