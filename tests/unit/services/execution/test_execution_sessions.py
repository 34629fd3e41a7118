"""Sessions lapse by the clock, also if another one ended meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from alphaforge.execution.v1.sessions_pb2 import KeepSessionRequest
from alphaforge.journal.v1.inputs_pb2 import SessionBegun, SessionEnded
from alphaforge_core.errors import EngineError

from services.execution.sessions import Sessions, SessionWatch, Watched
from tests.support.waiting import turns


def test_an_overdue_session_can_not_be_renewed_until_its_end_is_defer() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    for name in ("a", "b"):
        sessions.begin(SessionBegun(session_id=name, strategy_id=name, grace_ns=10**9))
    now = 0.9
    sessions.keep(KeepSessionRequest(session_id="b"))
    now = 1.0
    assert sessions.overdue() == ["a"]
    assert sessions.overdue() == []
    with pytest.raises(EngineError, match="has ended"):
        sessions.keep(KeepSessionRequest(session_id="a"))
    sessions.defer("a")
    sessions.keep(KeepSessionRequest(session_id="a"))
    now = 2.0
    assert sorted(sessions.overdue()) == ["a", "b"]


def test_deferring_the_end_of_an_ended_session_does_nothing() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    sessions.begin(SessionBegun(session_id="a", strategy_id="a", grace_ns=10**9))
    sessions.end("a")
    sessions.defer("a")
    now = 5.0
    assert sessions.overdue() == []


class Watching:
    """A watch over two sessions of 1 s and 10 s, with a simulated clock; it checks when `at` is called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ended: list[str] = []
        self.refuses = False
        self.sessions = Sessions(lambda: self.now)
        for name, seconds in (("short", 1), ("long", 10)):
            self.sessions.begin(SessionBegun(session_id=name, strategy_id=name, grace_ns=seconds * 10**9))
        self.watch = SessionWatch(lambda: [Watched(self.sessions, self._end)], lambda: self.now)

    async def _end(self, message: SessionEnded) -> None:
        assert message.lapsed
        if self.refuses:
            raise EngineError("the disk is full", reason="JOURNAL_FAILED")
        self.ended.append(message.session_id)
        self.sessions.end(message.session_id)

    async def at(self, *times: float) -> None:
        for self.now in times:
            await self.watch.look()
            # Tasks started by a check run in the loop's next turns.
            for _ in range(3):
                await turns()


def tenths(first: float, last: float) -> list[float]:
    return [tenth / 10 for tenth in range(round(first * 10), round(last * 10) + 1)]


@pytest.mark.parametrize(
    ("looks", "ended"),
    [
        pytest.param(tenths(0.0, 0.9), [], id="a grace that has not passed"),
        pytest.param(tenths(0.0, 1.0), ["short"], id="a grace that has passed"),
        pytest.param(tenths(0.0, 10.0), ["short", "long"], id="both"),
        pytest.param([*tenths(0.0, 0.5), *tenths(8.5, 9.4)], [], id="a pause of 8 s restarts the grace period"),
        pytest.param([*tenths(0.0, 0.5), *tenths(8.5, 9.5)], ["short"], id="and passes"),
        pytest.param([0.0, 0.5, 1.0], ["short"], id="a busy loop is no pause"),
    ],
)
def test_a_grace_counts_only_while_the_service_listens(looks: list[float], ended: list[str]) -> None:
    watching = Watching()
    asyncio.run(watching.at(*looks))
    assert watching.ended == ended


def test_a_session_whose_end_the_journal_refuses_lives_on() -> None:
    watching = Watching()
    watching.refuses = True
    asyncio.run(watching.at(*tenths(0.0, 1.0)))
    watching.refuses = False
    asyncio.run(watching.at(*tenths(1.1, 1.9)))
    assert watching.ended == []
    asyncio.run(watching.at(2.0))
    assert watching.ended == ["short"]
