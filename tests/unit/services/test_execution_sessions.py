"""Sessions lapse by the clock, and one that ended meanwhile does not keep the others from it."""

from __future__ import annotations

import pytest
from alphaforge.execution.v1.sessions_pb2 import KeepSessionRequest
from alphaforge.journal.v1.inputs_pb2 import SessionBegun
from alphaforge_core.errors import EngineError

from services.execution.sessions import Sessions


def test_an_overdue_session_takes_no_sign_of_life_until_its_end_is_put_off() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    for name in ("a", "b"):
        sessions.begin(SessionBegun(session_id=name, strategy_id=name, grace_ns=10**9))
    now = 0.9
    sessions.keep(KeepSessionRequest(session_id="b"))
    now = 1.0
    assert sessions.overdue() == ["a"]
    assert sessions.overdue() == []
    with pytest.raises(EngineError, match="is over"):
        sessions.keep(KeepSessionRequest(session_id="a"))
    sessions.put_off("a")
    sessions.keep(KeepSessionRequest(session_id="a"))
    now = 2.0
    assert sorted(sessions.overdue()) == ["a", "b"]


def test_to_put_off_the_end_of_a_session_that_is_over_is_nothing() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    sessions.begin(SessionBegun(session_id="a", strategy_id="a", grace_ns=10**9))
    sessions.end("a")
    sessions.put_off("a")
    now = 5.0
    assert sessions.overdue() == []
