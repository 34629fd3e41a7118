"""Checks the services, one line each: what `alphaforge ping` does, without Typer."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from alphaforge_core.errors import AlphaForgeError

from alphaforge_cli.problems import said
from alphaforge_cli.targets import services, serving

__all__ = ["SECONDS", "check_services", "main"]

SECONDS = 5.0
"""The time for each service, unless another is given."""

_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


def check_services(timeout: float) -> int:
    """Prints whether each service is serving; the exit status."""
    is_terminal, failures = sys.stdout.isatty(), 0
    listed = services()
    with ThreadPoolExecutor(len(listed)) as pool:
        problems = list(pool.map(lambda each: serving(each.noun, each.target, timeout), listed))
    for (noun, target), problem in zip(listed, problems, strict=True):
        failures += problem is not None
        found = problem or "serving"
        color = _GREEN if problem is None else _RED
        print(f"{noun:9} {target:24} {color + found + _PLAIN if is_terminal else found}", flush=True)
    if failures == len(listed):
        print("none of the services answers; `alphaforge up` starts all three on this machine", file=sys.stderr)
    return 1 if failures else 0


def main() -> None:
    """Checks them and exits."""
    try:
        status = check_services(SECONDS)
    except AlphaForgeError as error:
        sys.exit(f"alphaforge: {said(error)}")
    sys.exit(status)
