"""Sessions of strategies: renewed in the background while the process lives (rule 3.19)."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from alphaforge.execution.v1 import sessions_pb2

from alphaforge_client._wire.answer import parsed
from alphaforge_client._wire.request_id import new_request_id
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._grpc.transport import Background, scope, sleep
from alphaforge_client.errors import AlphaForgeError

__all__ = ["StrategySession"]

# Renewals per grace period; and how long a closed session may take to notice.
_SIGNS = 4
_NAP_SECONDS_MAX = 0.5


class StrategySession:
    """A strategy's session: its orders are cancelled if the client does not renew it within the grace period.

    Closing it, or leaving its block, keeps the orders; if the process dies, they are cancelled. Works only in the
    process and event loop that opened it.
    """

    def __init__(self, connection: Connection, strategy_id: str, grace_seconds: float, session_id: str) -> None:
        self.strategy_id = strategy_id
        self.grace = grace_seconds
        self._connection = connection
        self._session_id = session_id
        self._lapsed = False
        self._closed = False
        self._scope = scope()
        self._background = Background(self._keep, "alphaforge-session")

    @property
    def has_lapsed(self) -> bool:
        """True once the session has lapsed: the strategy's active orders were cancelled."""
        return self._lapsed

    async def close(self) -> bool:
        """Ends the session and keeps the strategy's orders; False if the session had already ended."""
        self._closed = True
        request = sessions_pb2.CloseSessionRequest(session_id=self._session_id, request_id=new_request_id())
        answer = await self._connection.call("CloseSession", request.SerializeToString())
        return parsed(sessions_pb2.CloseSessionResponse, answer).closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _keep(self) -> None:
        request = sessions_pb2.KeepSessionRequest(session_id=self._session_id).SerializeToString()
        pause = self.grace / _SIGNS
        rested = 0.0
        while not self._closed and not self._connection.is_closed and self._scope is scope():
            nap = min(pause - rested, _NAP_SECONDS_MAX)
            await sleep(nap)
            rested += nap
            if rested < pause or self._closed:
                continue
            rested = 0.0
            try:
                await self._connection.call("KeepSession", request, pause)
            except AlphaForgeError as problem:
                # Any other error: the next renewal may succeed.
                if problem.reason in ("SESSION_LAPSED", "CLIENT_CLOSED"):
                    self._lapsed = problem.reason == "SESSION_LAPSED" and not self._closed
                    return

    def __repr__(self) -> str:
        return f"StrategySession({self.strategy_id!r}, grace={self.grace})"
