"""Retry policy: when a call is repeated, and after which delay. Only decides; the caller sleeps and calls."""

from __future__ import annotations

import random
from math import isfinite
from time import monotonic
from typing import NamedTuple

from alphaforge_client._base.errors import retry_seconds
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, InvalidArgument, Unavailable

__all__ = ["Attempts", "Backoff", "Pause", "checked_timeout"]

_PAUSE_SECONDS_FIRST = 0.02
_PAUSE_SECONDS_MAX = 0.5

# The minimum delay between attempts when a call fails immediately.
_MOMENT_SECONDS = 0.05

# The last attempt gets at least this share of the timeout: a shorter one would only time out, which says less than the
# error before it.
_LAST_ATTEMPT_SHARE = 0.1


def checked_timeout(timeout: float) -> float:
    """The timeout in seconds. Raises InvalidArgument unless it is above 0 and finite."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not (timeout > 0 and isfinite(timeout)):
        raise InvalidArgument(f"timeout is {timeout}; it must be above 0 seconds and finite", reason="SETTING_INVALID")
    return timeout


class Pause(NamedTuple):
    """The wait before the next attempt: `asleep_seconds`, then until the service is connected, for at most
    `connecting_seconds`."""

    asleep_seconds: float
    connecting_seconds: float = 0.0


class Backoff:
    """Exponential backoff with a limit, and jitter that shortens each delay by up to half."""

    def __init__(self, first: float = _PAUSE_SECONDS_FIRST, longest: float = _PAUSE_SECONDS_MAX) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self, problem: AlphaForgeError | None = None, seconds_max: float | None = None) -> Pause:
        """The delay after a failed attempt, at most `seconds_max`."""
        longest, self._next = self._next, min(self._next * 2, self._longest)
        seconds = longest * random.uniform(0.5, 1.0)
        if seconds_max is not None:
            seconds = min(seconds, seconds_max)
        reason = None if problem is None else problem.reason
        if reason == "EPOCH_CHANGED":
            # The service is reachable and will open the engine.
            return Pause(min(seconds, _MOMENT_SECONDS))
        if reason == "UNAVAILABLE":
            # Always pauses: a proxy may accept the connection and refuse each call immediately.
            moment = min(seconds, _MOMENT_SECONDS)
            return Pause(moment, seconds - moment)
        return Pause(seconds)

    def reset(self) -> None:
        """Resets the backoff after a success."""
        self._next = self._first


class Attempts:
    """The attempts of one call, within one deadline."""

    __slots__ = ("_backoff", "_ends", "_last", "_reopened", "_timeout", "count")

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._ends = monotonic() + timeout
        self._backoff: Backoff | None = None
        self._last: AlphaForgeError | None = None
        self._reopened = False
        self.count = 1

    def remaining(self) -> float:
        """Seconds until the deadline, or 0."""
        return max(0.0, self._ends - monotonic())

    def pause_after(self, problem: AlphaForgeError) -> Pause:
        """The delay before the next attempt. Raises the problem if it is permanent or time is up; a call that timed out
        then says why the attempt before it failed.

        Three problems are temporary: an unavailable service; an overloaded one, which says how long to wait; and an
        engine whose epoch has changed. In the last two cases the call did nothing.
        """
        reopen = problem.reason == "EPOCH_CHANGED"
        overloaded = problem.reason == "OVERLOADED"
        if not (reopen or overloaded or isinstance(problem, Unavailable)):
            if self._last is not None and isinstance(problem, DeadlineExceeded):
                raise DeadlineExceeded(f"{problem}; the previous attempt failed: {self._last}", reason=problem.reason)
            raise problem
        self._last = problem
        self.count += 1
        if reopen and not self._reopened:
            self._reopened = True
            return Pause(0.0)
        if self._backoff is None:
            self._backoff = Backoff()
        spare = self.remaining() - self._timeout * _LAST_ATTEMPT_SHARE
        if overloaded and (wanted := retry_seconds(problem)) is not None:
            # Never sooner than the service asks, and with jitter.
            seconds = wanted * random.uniform(1.0, 1.5)
            if seconds > spare:
                raise problem
            return Pause(seconds)
        if spare <= 0:
            raise problem
        return self._backoff.pause(problem, spare)
