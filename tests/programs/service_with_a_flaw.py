"""The execution service with a flaw: an order with the id "fatal" ends the process when it is applied."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

from services.execution.engine import NamedExecutionEngine

_submit = NamedExecutionEngine.submit_orders


def submit(self: NamedExecutionEngine, request: Any) -> Any:
    """Submits as usual, except for the fatal order."""
    outcome = _submit(self, request)
    if self.core.get_order("fatal") is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return outcome


# The table of rows captures the method when it is built.
NamedExecutionEngine.submit_orders = submit  # type: ignore[method-assign]

from services.execution.__main__ import run  # noqa: E402

if __name__ == "__main__":
    sys.exit(run())
