"""Sessions of strategies, a dead-man switch: when one shows no sign of life for its grace, its orders are cancelled.

That a session begins and ends is journalled, that it lives is not: a restart of the service gives each its grace anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from alphaforge.execution.v1.sessions_pb2 import (
    CloseSessionRequest,
    KeepSessionRequest,
    KeepSessionResponse,
    OpenSessionRequest,
)
from alphaforge.journal.v1.inputs_pb2 import SessionBegun, SessionEnded
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

from services.common.periodic import Periodic

if TYPE_CHECKING:
    from services.execution.engine import NamedExecutionEngine

__all__ = ["SessionWatch", "Sessions", "begun", "closed"]

GRACE_NS_MIN = 10**9
GRACE_NS_MAX = 3_600 * 10**9
SESSIONS_MAX = 10_000

_LOOK_SECONDS = 0.1


def begun(message: OpenSessionRequest) -> SessionBegun:
    """What is journalled of a request. Raises InvalidArgument: NAME_INVALID, NUMBER_OUT_OF_RANGE."""
    if not 1 <= len(message.strategy_id.encode()) <= 64:
        raise InvalidArgument(f"strategy id {message.strategy_id!r} must have 1 to 64 bytes", reason="NAME_INVALID")
    if not GRACE_NS_MIN <= message.grace_ns <= GRACE_NS_MAX:
        raise InvalidArgument(
            f"a session's grace is 1 s to 1 h, not {message.grace_ns / 1e9:g} s", reason="NUMBER_OUT_OF_RANGE"
        )
    return SessionBegun(session_id=secrets.token_hex(16), strategy_id=message.strategy_id, grace_ns=message.grace_ns)


def closed(message: CloseSessionRequest) -> SessionEnded:
    """What is journalled of a request."""
    return SessionEnded(session_id=message.session_id)


class Sessions:
    """The sessions of one engine, at most one for a strategy."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, SessionBegun] = {}
        self._of_strategy: dict[str, str] = {}
        self._deadlines: dict[str, float] = {}

    def begin(self, message: SessionBegun) -> None:
        """A session takes the place of its strategy's, if there is one. Raises ResourceExhausted for one too many."""
        if message.strategy_id not in self._of_strategy and len(self._sessions) >= SESSIONS_MAX:
            raise ResourceExhausted(f"this engine has {SESSIONS_MAX:,} sessions, its limit", reason="LIMIT_EXCEEDED")
        self.end(self._of_strategy.get(message.strategy_id, ""))
        self._sessions[message.session_id] = message
        self._of_strategy[message.strategy_id] = message.session_id
        self.put_off(message.session_id)

    def keep(self, message: KeepSessionRequest) -> bytes:
        """A sign of life. Raises EngineError SESSION_LAPSED for a session that is over, or is being ended."""
        if message.session_id not in self._deadlines:
            raise EngineError(
                "the session is over; look at what became of the orders, then open another", reason="SESSION_LAPSED"
            )
        self.put_off(message.session_id)
        return KeepSessionResponse().SerializeToString()

    def end(self, session_id: str) -> SessionBegun | None:
        """The session that has ended; None where it was over already."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            del self._of_strategy[session.strategy_id]
            self._deadlines.pop(session_id, None)
        return session

    def put_off(self, session_id: str) -> None:
        """Its grace begins anew, if it is not over."""
        session = self._sessions.get(session_id)
        if session is not None:
            self._deadlines[session_id] = self._clock() + session.grace_ns / 1e9

    def overdue(self) -> list[str]:
        """Sessions whose grace has passed: no sign of life will be taken from them any more."""
        now = self._clock()
        found = [session_id for session_id, deadline in self._deadlines.items() if deadline <= now]
        for session_id in found:
            del self._deadlines[session_id]
        return found

    def all(self) -> list[SessionBegun]:
        """What a checkpoint keeps."""
        return list(self._sessions.values())


class SessionWatch(Periodic):
    """Ends the sessions that are overdue."""

    def __init__(self, engines: Callable[[], Sequence[NamedExecutionEngine]]) -> None:
        super().__init__(_LOOK_SECONDS, self._end_overdue)
        self._engines = engines

    async def _end_overdue(self) -> None:
        for engine in self._engines():
            for session_id in engine.sessions.overdue():
                try:
                    await engine.end_session(SessionEnded(session_id=session_id, lapsed=True))
                except AlphaForgeError:
                    # Refused while the disk is: it may be kept alive, or else lapses after another grace.
                    engine.sessions.put_off(session_id)
