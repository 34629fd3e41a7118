"""Docker for tests: the machine's own engine, or one that runs for the duration of the test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER_STACK = ROOT.parent / "shared/tools/docker-stack.sh"
_WORK = Path("/var/tmp/docker-stack")


@contextmanager
def docker_environment() -> Iterator[dict[str, str]]:
    """Yields an environment in which `docker compose` works; skips the test, with the reason, if it can't be made."""
    environment = dict(os.environ)
    if _works(environment):
        yield environment
        return
    if not DOCKER_STACK.is_file():
        pytest.skip("no Docker engine answers here, and ../shared/tools/docker-stack.sh is not there to start one")
    if os.geteuid() != 0:
        pytest.skip("no Docker engine answers here, and starting one by docker-stack.sh needs root")
    was_running = _works({**environment, "DOCKER_HOST": f"unix://{_WORK}/docker.sock"}, "version")
    started = subprocess.run((DOCKER_STACK, "up"), capture_output=True, text=True, check=False)
    if started.returncode != 0:
        pytest.skip(f"docker-stack.sh could not start a Docker engine: {started.stderr[-1000:]}")
    # One line of NAME=VALUE, with the old PATH at the end of its own.
    environment.update(re.findall(r"(\w+)=(\S+)", started.stdout.replace("$PATH", environment["PATH"])))
    try:
        yield environment
    finally:
        if not was_running:
            subprocess.run((DOCKER_STACK, "down"), capture_output=True, check=False)


def _works(environment: dict[str, str], *command: str) -> bool:
    if shutil.which("docker", path=environment["PATH"]) is None:
        return False
    for verb in (command,) if command else (("version",), ("compose", "version")):
        if subprocess.run(("docker", *verb), env=environment, capture_output=True, check=False).returncode != 0:
            return False
    return True
