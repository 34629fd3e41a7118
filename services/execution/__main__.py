"""`python -m services.execution`."""

import os
import sys

# Read by grpc when it is first imported.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.common.server import main
from services.execution.servicer import ExecutionServicer
from services.execution.settings import ExecutionServiceSettings

if __name__ == "__main__":
    sys.exit(main(ExecutionServiceSettings, ExecutionServicer))
