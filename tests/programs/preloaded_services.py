"""Starts services for tests that kill hundreds of them: each is forked from this process, which has done the imports.

A line of the input is a JSON object: the module, its arguments, its environment and its log. The output has the ids of
the processes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from typing import Any

from services.cache import __main__ as cache
from services.data import __main__ as data
from services.execution import __main__ as execution

RUN = {"services.cache": cache.run, "services.data": data.run, "services.execution": execution.run}


def become(order: dict[str, Any]) -> int:
    """Runs the service in this process, as if it had been started with `python -m`; returns the exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = [order["module"], *order["arguments"]]
    try:
        return RUN[order["module"]]()
    except BaseException:
        traceback.print_exc()
        return 1


def main() -> None:
    # This process does not wait for its children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(become(json.loads(line)))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
