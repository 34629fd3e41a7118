"""Waiting for what comes by and by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["until"]

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    what: str | Callable[[], object] = "what is waited for",
    seconds: float = 30.0,
    every: float = 0.02,
) -> T:
    """The first true answer of `condition`; AssertionError with `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what() if callable(what) else what}: not within {seconds:g} s"
        time.sleep(every)
    return answer
