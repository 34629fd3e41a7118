# Generated from aio/_parts/session.py by `make gen`; edit that file.
"""A strategy's sessions with the partitions of an engine, as one."""

from __future__ import annotations

from collections.abc import Sequence

from alphaforge_client._calls.strategy_session import StrategySession
from alphaforge_client._grpc.transport import together

__all__ = ["StrategySessions"]


class StrategySessions(StrategySession):
    """A strategy's session with every partition, each renewed for itself.

    If one lapses, the orders of that partition's symbols are cancelled, and `has_lapsed` is True.
    """

    def __init__(self, sessions: Sequence[StrategySession]) -> None:
        self.strategy_id = sessions[0].strategy_id
        self.grace = sessions[0].grace
        self._sessions = sessions

    @property
    def has_lapsed(self) -> bool:
        """True once a partition's session has lapsed: the strategy's active orders there were cancelled."""
        return any(session.has_lapsed for session in self._sessions)

    def close(self) -> bool:
        """Ends the sessions and keeps the strategy's orders; False if one of them had already ended."""
        return all(together([session.close for session in self._sessions]))
