"""`python -m services.data`."""

import os
import sys

# Read by grpc when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.common.server import main
from services.data.servicer import DataServicer
from services.data.settings import DataServiceSettings

if __name__ == "__main__":
    sys.exit(main(DataServiceSettings, DataServicer))
