"""Leases: one caller computes the value of a key while the others wait for it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from time import monotonic_ns

from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument

__all__ = ["Lease", "Leases"]

LEASE_NS_DEFAULT = 10_000_000_000
LEASE_NS_MIN = 1_000_000
LEASE_NS_MAX = 3_600_000_000_000

# Delay between a change and waking waiters. One pass then handles all changes made meanwhile.
_LOOK_SECONDS = 0.001


@dataclass
class Lease:
    """One caller's lease; it ends when it expires or is fulfilled or released."""

    lease_id: int
    expires_at_ns: int
    waiters: dict[asyncio.Future[None], None] = field(default_factory=dict)
    """Waiters, first come first served."""

    def wake(self) -> None:
        """Wakes the waiters."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


class Leases:
    """The leases of one cache. Used on the event loop only.

    `is_there` says whether a key has a value, which another caller may have put meanwhile.
    """

    def __init__(self, is_there: Callable[[str], bool], clock_ns: Callable[[], int] = monotonic_ns) -> None:
        self._is_there = is_there
        self._clock_ns = clock_ns
        self._leases: dict[str, Lease] = {}
        self._waiting = 0
        self._look: asyncio.TimerHandle | None = None
        self._ended: AlphaForgeError | None = None
        # Starts at a random number, because a lease from before a restart must not match a new one.
        self._ids = count(secrets.randbits(62) + 1)

    def grant(self, key: str, lease_ns: int) -> Lease | None:
        """Grants a lease of the key; returns None while another caller holds one."""
        now_ns = self._clock_ns()
        holder = self._leases.get(key)
        if holder is not None and holder.expires_at_ns > now_ns:
            return None
        lease = Lease(next(self._ids), now_ns + _checked(lease_ns))
        if holder is not None:
            lease.waiters = holder.waiters
        self._leases[key] = lease
        return lease

    async def wait(self, key: str, wait_ns: int) -> None:
        """Waits until the key's lease ends or it has a value, or for `wait_ns`. Raises the error given to `close`."""
        lease = self._leases.get(key)
        if lease is None:
            return
        if self._ended is not None:
            raise self._ended
        waiter = asyncio.get_running_loop().create_future()
        lease.waiters[waiter] = None
        left_ns = max(0, lease.expires_at_ns - self._clock_ns())
        self._waiting += 1
        try:
            await asyncio.wait((waiter,), timeout=min(wait_ns, left_ns) / 1e9)
        finally:
            self._waiting -= 1
            lease.waiters.pop(waiter, None)
        if self._ended is not None:
            raise self._ended

    def notify(self) -> None:
        """Called after a change: shortly afterwards, wakes the waiters of keys that have a value."""
        if self._waiting and self._look is None:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._wake_found)

    def close(self, error: AlphaForgeError) -> None:
        """Ends every wait with `error`."""
        self._ended = error
        for lease in self._leases.values():
            lease.wake()

    def _wake_found(self) -> None:
        self._look = None
        for key, lease in self._leases.items():
            if lease.waiters and self._is_there(key):
                lease.wake()

    def renew(self, key: str, lease_id: int, lease_ns: int) -> None:
        """Extends a lease. Raises EngineError LEASE_LOST if it has ended."""
        self._held(key, lease_id).expires_at_ns = self._clock_ns() + _checked(lease_ns)

    def check(self, key: str, lease_id: int) -> None:
        """Raises EngineError LEASE_LOST if the lease has ended."""
        self._held(key, lease_id)

    def end(self, key: str, lease_id: int) -> bool:
        """Ends a lease and wakes its waiters; False if it had ended."""
        try:
            lease = self._held(key, lease_id)
        except EngineError:
            return False
        del self._leases[key]
        lease.wake()
        return True

    def forget_expired(self) -> None:
        """Drops expired leases."""
        now_ns = self._clock_ns()
        for key in [key for key, lease in self._leases.items() if lease.expires_at_ns <= now_ns]:
            self._leases.pop(key).wake()

    def _held(self, key: str, lease_id: int) -> Lease:
        lease = self._leases.get(key)
        if lease is None or lease.lease_id != lease_id or lease.expires_at_ns <= self._clock_ns():
            raise EngineError(f"the lease {lease_id} of key {key!r} has ended", reason="LEASE_LOST")
        return lease


def _checked(lease_ns: int) -> int:
    if lease_ns == 0:
        return LEASE_NS_DEFAULT
    if not LEASE_NS_MIN <= lease_ns <= LEASE_NS_MAX:
        raise InvalidArgument(f"lease_ns is {lease_ns}; expected 1 ms to 1 h", reason="LIMIT_EXCEEDED")
    return lease_ns
