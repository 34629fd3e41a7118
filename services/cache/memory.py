"""The total memory of a service's caches, and its limit (rule 4.10)."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import Literal, Protocol

from alphaforge_core.errors import ResourceExhausted

__all__ = ["Memory", "WhenFull"]

WhenFull = Literal["evict", "refuse"]

# Share of the limit that a round of evictions frees; without it, every put at the limit would start a round.
_FREE_SHARE = 1 / 64

# Minimum time between warnings.
_WARNED_SECONDS = 60.0

_logger = logging.getLogger("services.cache.memory")


class _Core(Protocol):
    """What `Memory` needs of the core's cache."""

    @property
    def memory_bytes(self) -> int: ...
    def shrink(self, memory_bytes: int, /) -> None: ...


class _Cache(Protocol):
    """One of the caches."""

    @property
    def core(self) -> _Core: ...
    def notify(self) -> None: ...


class Memory:
    """The memory used by the caches, and what happens at the limit. Used on the event loop only.

    A call that starts below the limit may exceed the limit by the size of what it stores.
    """

    def __init__(self, limit_bytes: int, when_full: WhenFull) -> None:
        self._limit_bytes = limit_bytes
        self._when_full = when_full
        self._taken: dict[_Cache, int] = {}
        self._total = 0
        self._evicting: asyncio.Task[None] | None = None
        self._warned_until = 0.0

    def enter(self, cache: _Cache) -> None:
        """Adds a cache."""
        self._taken[cache] = 0
        self.settle(cache)

    def leave(self, cache: _Cache) -> None:
        """Removes a cache."""
        self._total -= self._taken.pop(cache, 0)

    def check(self) -> None:
        """Called before a store. Raises ResourceExhausted MEMORY_LIMIT if the service is full and refuses."""
        if self._when_full == "refuse" and self._total >= self._limit_bytes:
            raise ResourceExhausted(
                f"the caches use {self._total:,} bytes of max_memory_bytes {self._limit_bytes:,}: "
                "delete entries, drop caches, or raise max_memory_bytes",
                reason="MEMORY_LIMIT",
            )

    def settle(self, cache: _Cache) -> None:
        """Called after a change: starts evicting, in a thread, if the limit is exceeded."""
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
        """Evicts the least recently used entries of the largest cache."""
        try:
            goal = self._limit_bytes - int(self._limit_bytes * _FREE_SHARE)
            self._warn()
            while self._total > goal:
                total = self._total
                largest = max(self._taken, key=lambda cache: self._taken[cache])
                target = max(0, self._taken[largest] - (total - goal))
                await asyncio.get_running_loop().run_in_executor(None, largest.core.shrink, target)
                # Wakes subscribers and recounts.
                largest.notify()
                if self._total >= total:
                    # Nothing is left to evict, or puts outrun evictions: the next change starts another round.
                    return
        finally:
            self._evicting = None
