"""Sessions of strategies, a dead-man switch: without renewal, a strategy's orders are cancelled (rule 3.19).

The journal has the start and the end of each session, but not its renewals. So a restart or a pause of the process
restarts each session's grace period.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import NamedTuple

from alphaforge.execution.v1.sessions_pb2 import (
    CloseSessionRequest,
    KeepSessionRequest,
    KeepSessionResponse,
    OpenSessionRequest,
    OpenSessionResponse,
)
from alphaforge.journal.v1.inputs_pb2 import SessionBegun, SessionEnded
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

from services.base.periodic import Periodic
from services.engines.answers import first_answer

__all__ = ["SessionWatch", "Sessions", "Watched", "session_begun", "session_ended"]

GRACE_NS_MIN = 10**9
GRACE_NS_MAX = 3_600 * 10**9
SESSIONS_MAX = 10_000

_LOOK_SECONDS = 0.1
# Half of the shortest grace period. After a shorter delay, a live client still has time to renew.
_LATE_SECONDS_MAX = 0.5

_logger = logging.getLogger("services.sessions")


def session_begun(message: OpenSessionRequest) -> SessionBegun:
    """Returns the internal input for a request. Raises InvalidArgument: NAME_INVALID, NUMBER_OUT_OF_RANGE."""
    if not 1 <= len(message.strategy_id.encode()) <= 64:
        raise InvalidArgument(f"strategy id {message.strategy_id!r} must have 1 to 64 bytes", reason="NAME_INVALID")
    if not GRACE_NS_MIN <= message.grace_ns <= GRACE_NS_MAX:
        raise InvalidArgument(
            f"a session's grace period must be 1 s to 1 h, not {message.grace_ns / 1e9:g} s",
            reason="NUMBER_OUT_OF_RANGE",
        )
    begun = SessionBegun(session_id=secrets.token_hex(16), strategy_id=message.strategy_id, grace_ns=message.grace_ns)
    if message.request_id:
        answer = OpenSessionResponse(session_id=begun.session_id).SerializeToString()
        first = first_answer(message, message.SerializeToString(), answer, time.time_ns())
        begun.first_answer = first.SerializeToString()
    return begun


def session_ended(message: CloseSessionRequest) -> SessionEnded:
    """Returns the internal input for a request."""
    ended = SessionEnded(session_id=message.session_id)
    if message.request_id:
        first = first_answer(message, message.SerializeToString(), b"", time.time_ns())
        ended.first_answer = first.SerializeToString()
    return ended


class Sessions:
    """The sessions of one engine, at most one per strategy."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, SessionBegun] = {}
        self._of_strategy: dict[str, str] = {}
        self._deadlines: dict[str, float] = {}

    def begin(self, message: SessionBegun) -> None:
        """Adds a session, replacing the strategy's previous one. Raises ResourceExhausted beyond the limit."""
        if message.strategy_id not in self._of_strategy and len(self._sessions) >= SESSIONS_MAX:
            raise ResourceExhausted(f"this engine has {SESSIONS_MAX:,} sessions, the limit", reason="LIMIT_EXCEEDED")
        self.end(self._of_strategy.get(message.strategy_id, ""))
        self._sessions[message.session_id] = message
        self._of_strategy[message.strategy_id] = message.session_id
        self.defer(message.session_id)

    def keep(self, message: KeepSessionRequest) -> bytes:
        """Renews a session. Raises EngineError SESSION_LAPSED if it has ended or is being ended."""
        if message.session_id not in self._deadlines:
            raise EngineError("the session has ended; check its orders, then open a new one", reason="SESSION_LAPSED")
        self.defer(message.session_id)
        return KeepSessionResponse().SerializeToString()

    def end(self, session_id: str) -> SessionBegun | None:
        """Removes and returns the session; None if it had already ended."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            del self._of_strategy[session.strategy_id]
            self._deadlines.pop(session_id, None)
        return session

    def defer(self, session_id: str) -> None:
        """Restarts the session's grace period if the session has not ended."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._deadlines[session_id] = self._clock() + session.grace_ns / 1e9

    def defer_all(self) -> None:
        """Restarts the grace periods of all sessions except those being ended."""
        for session_id in list(self._deadlines):
            self.defer(session_id)

    def overdue(self) -> list[str]:
        """Returns the sessions whose grace period has passed, which can no longer be renewed."""
        now = self._clock()
        found = [session_id for session_id, deadline in self._deadlines.items() if deadline <= now]
        for session_id in found:
            del self._deadlines[session_id]
        return found

    def all(self) -> list[SessionBegun]:
        """The sessions, for a checkpoint."""
        return list(self._sessions.values())


class Watched(NamedTuple):
    """The sessions of one engine, and a function that ends one; it raises AlphaForgeError if it can't be written."""

    sessions: Sessions
    end: Callable[[SessionEnded], Awaitable[object]]


class SessionWatch(Periodic):
    """Ends overdue sessions.

    Checks every tenth of a second and never waits for the disk, so a late check means that the process was paused or
    its event loop blocked. The process could not receive renewals meanwhile, so every grace period restarts. The same
    happens after a period in which `is_serving` was false.
    """

    def __init__(
        self,
        watched: Callable[[], Iterable[Watched]],
        clock: Callable[[], float] = monotonic,
        is_serving: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(_LOOK_SECONDS, self.look)
        self._is_serving = is_serving
        self._was_serving = True
        self._watched = watched
        self._clock = clock
        self._last_look: float | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        """Starts ending the sessions whose grace period has passed."""
        now = self._clock()
        was_serving, self._was_serving = self._was_serving, self._is_serving()
        if not self._was_serving:
            return
        if not was_serving:
            self._last_look = now
            for watched in self._watched():
                watched.sessions.defer_all()
        if self._last_look is not None and now - self._last_look > _LOOK_SECONDS + _LATE_SECONDS_MAX:
            _logger.warning(
                "the service was paused; every session's grace period restarts",
                extra={"seconds": round(now - self._last_look, 3)},
            )
            for watched in self._watched():
                watched.sessions.defer_all()
        self._last_look = now
        for watched in self._watched():
            for session_id in watched.sessions.overdue():
                task = asyncio.ensure_future(_end(watched, session_id))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """Stops watching. Sessions whose end is not written yet are still open after the next start."""
        await super().stop()
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)


async def _end(watched: Watched, session_id: str) -> None:
    try:
        await watched.end(SessionEnded(session_id=session_id, lapsed=True))
    except AlphaForgeError:
        # The journal refused the input. The session stays open and is overdue again after another grace period.
        watched.sessions.defer(session_id)
