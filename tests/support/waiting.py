"""Waiting in tests. This is the only module of the tests that sleeps.

A test waits for a condition, never for a time that it hopes is enough. Time alone passes only where nothing may happen
in it, or where a worker paces itself: a slow machine then weakens the test and never fails it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["let_pass", "let_pass_async", "turns", "until", "until_async"]

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    what: str | Callable[[], object] = "the condition",
    seconds: float = 30.0,
    every: float = 0.02,
) -> T:
    """The first true answer of `condition`; AssertionError with `what` if there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what() if callable(what) else what}: not within {seconds:g} s"
        time.sleep(every)
    return answer


async def until_async(condition: Callable[[], T], what: str = "the condition", seconds: float = 30.0) -> T:
    """`until` on an event loop, which other tasks have in the meantime."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        await asyncio.sleep(0.002)
    return answer


def let_pass(seconds: float) -> None:
    """Lets time pass: to see that nothing happens, or to pace a worker. No test may need it to be enough."""
    time.sleep(seconds)


async def let_pass_async(seconds: float) -> None:
    """`let_pass` on an event loop."""
    await asyncio.sleep(seconds)


async def turns(count: int = 1) -> None:
    """Gives the event loop's other tasks `count` turns."""
    for _ in range(count):
        await asyncio.sleep(0)
