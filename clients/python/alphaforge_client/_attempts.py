"""When a call is tried again: decided here, without I/O; the caller sleeps and calls."""

from __future__ import annotations

import random
from math import isfinite
from time import monotonic

from alphaforge_client.errors import AlphaForgeError, InvalidArgument, Unavailable

__all__ = ["Attempts", "Backoff", "checked_timeout"]

_PAUSE_SECONDS_FIRST = 0.02
_PAUSE_SECONDS_MAX = 0.5

# The last attempt gets at least this part of the whole time: a shorter one would end as a timeout, which tells less
# than the refusal before it.
_LAST_ATTEMPT_SHARE = 0.1


def checked_timeout(timeout: float) -> float:
    """The timeout in seconds, if it is one. Raises InvalidArgument for what is not above 0, or infinite."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout is a number of seconds, not {type(timeout).__name__}")
    if not (timeout > 0 and isfinite(timeout)):
        raise InvalidArgument(f"timeout is {timeout}; it must be above 0 seconds, and finite", reason="SETTING_INVALID")
    return timeout


class Backoff:
    """Pauses that double up to a limit, each cut at random by up to a half: clients must not come back in step."""

    def __init__(self, first: float = _PAUSE_SECONDS_FIRST, longest: float = _PAUSE_SECONDS_MAX) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """To be called after a success."""
        self._next = self._first


class Attempts:
    """The attempts of one call, all inside one deadline."""

    __slots__ = ("_backoff", "_ends", "_reopened", "_timeout", "count")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._ends = monotonic() + timeout
        self._backoff: Backoff | None = None
        self._reopened = False
        self.count = 1

    def remaining(self) -> float:
        """Seconds until the deadline; never below 0."""
        return max(0.0, self._ends - monotonic())

    def pause_after(self, problem: AlphaForgeError) -> float:
        """Seconds to wait before the call is tried again; raises the problem when it is final or the time is up.

        Only two problems pass by themselves: a service that is not there, since nothing says that it stays away, and an
        engine whose state is newer than the client's knowledge of it, since it refused the call without doing anything.
        """
        reopen = problem.reason == "EPOCH_CHANGED"
        if not reopen and not isinstance(problem, Unavailable):
            raise problem
        self.count += 1
        if reopen and not self._reopened:
            self._reopened = True
            return 0.0
        if self._backoff is None:
            self._backoff = Backoff()
        spare = self.remaining() - self._timeout * _LAST_ATTEMPT_SHARE
        if spare <= 0:
            raise problem
        return min(self._backoff.pause(), spare)
