"""The memory that all caches of a service take together, and its bound."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import Literal, Protocol

from alphaforge_core.errors import ResourceExhausted

__all__ = ["Memory", "WhenFull"]

WhenFull = Literal["evict", "refuse"]

# Evictions go on until so much of the bound is free, so that puts at the bound do not each begin a round.
_FREE_SHARE = 1 / 64

# One warning says it for so long.
_WARNED_SECONDS = 60.0

_logger = logging.getLogger("services.cache.memory")


class _Core(Protocol):
    """What is asked of the core's cache."""

    @property
    def memory_bytes(self) -> int: ...
    def shrink(self, memory_bytes: int, /) -> None: ...


class _Cache(Protocol):
    """One of the caches."""

    @property
    def core(self) -> _Core: ...
    def tell(self) -> None: ...


class Memory:
    """What the caches take, and what happens at the bound. Lives in the event loop.

    A call that begins below the bound may pass it by what it stores.
    """

    def __init__(self, limit_bytes: int, when_full: WhenFull) -> None:
        self._limit_bytes = limit_bytes
        self._when_full = when_full
        self._taken: dict[_Cache, int] = {}
        self._total = 0
        self._evicting: asyncio.Task[None] | None = None
        self._warned_until = 0.0

    def enter(self, cache: _Cache) -> None:
        """Counts a cache from now on."""
        self._taken[cache] = 0
        self.settle(cache)

    def leave(self, cache: _Cache) -> None:
        """The cache is gone."""
        self._total -= self._taken.pop(cache, 0)

    def check(self) -> None:
        """Before something is stored. Raises ResourceExhausted MEMORY_LIMIT where a full service refuses."""
        if self._when_full == "refuse" and self._total >= self._limit_bytes:
            raise ResourceExhausted(
                f"the caches take {self._total:,} bytes, and max_memory_bytes is {self._limit_bytes:,}; "
                "delete entries, drop caches, or start the service with a larger one",
                reason="MEMORY_LIMIT",
            )

    def settle(self, cache: _Cache) -> None:
        """After a cache may have changed: entries that are too much leave, in a thread beside other calls."""
        before = self._taken.get(cache)
        if before is None:
            return
        taken = self._taken[cache] = cache.core.memory_bytes
        self._total += taken - before
        if self._total > self._limit_bytes and self._when_full == "evict" and self._evicting is None:
            self._evicting = asyncio.ensure_future(self._evict())

    def _warn(self) -> None:
        if monotonic() >= self._warned_until:
            self._warned_until = monotonic() + _WARNED_SECONDS
            _logger.warning("max_memory_bytes is reached", extra={"taken": self._total, "limit": self._limit_bytes})

    async def _evict(self) -> None:
        """The cache that takes most gives first: its entries that were used longest ago."""
        try:
            goal = self._limit_bytes - int(self._limit_bytes * _FREE_SHARE)
            self._warn()
            while self._total > goal:
                total = self._total
                largest = max(self._taken, key=lambda cache: self._taken[cache])
                target = max(0, self._taken[largest] - (total - goal))
                await asyncio.get_running_loop().run_in_executor(None, largest.core.shrink, target)
                # Tells who follows the changes, and counts anew.
                largest.tell()
                if self._total >= total:
                    # Nothing is left to give, or it comes faster than it goes: the next change begins another round.
                    return
        finally:
            self._evicting = None
