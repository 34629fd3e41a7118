"""A call that is repeated because its answer was lost gets the first answer, after a restart too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alphaforge.cache.v1 import caches_pb2
from alphaforge.data.v1 import engines_pb2 as data_engines
from alphaforge.execution.v1 import engines_pb2, sessions_pb2

from services.engines import drops
from services.engines.answers import ANSWER_SECONDS, Answers
from tests.support.in_process import Serving, as_killed, serving
from tests.support.waiting import until_async

ENDS = pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "stopped"])


async def restarted(noun: str, tmp_path: Path, is_killed: bool, before: Any, after: Any) -> None:
    """Makes the calls of `before`, stops the service, and makes the calls of `after` on the next one."""
    folder = tmp_path / "first"
    async with serving(noun, folder) as service:
        await before(service)
        killed = as_killed(folder, tmp_path / "killed")
    async with serving(noun, killed if is_killed else folder) as service:
        await after(service)


@ENDS
@pytest.mark.parametrize(("noun", "messages"), [("data", data_engines), ("execution", engines_pb2)])
def test_a_repeated_reset_does_not_wipe_what_came_after_it(
    tmp_path: Path, noun: str, messages: Any, is_killed: bool
) -> None:
    reset = messages.ResetEngineRequest(request_id="once")
    epochs = []

    async def before(service: Serving) -> None:
        await service.call("OpenEngine", messages.OpenEngineRequest())
        epochs.append((await service.call("ResetEngine", reset, messages.ResetEngineResponse)).epoch)

    async def after(service: Serving) -> None:
        assert (await service.call("ResetEngine", reset, messages.ResetEngineResponse)).epoch == epochs[0]
        assert service.engine().epoch == epochs[0]
        another = messages.ResetEngineRequest(request_id="another")
        assert (await service.call("ResetEngine", another, messages.ResetEngineResponse)).epoch != epochs[0]

    asyncio.run(restarted(noun, tmp_path, is_killed, before, after))


@ENDS
@pytest.mark.parametrize("is_made_again", [True, False], ids=["made again", "gone"])
@pytest.mark.parametrize(("noun", "messages"), [("data", data_engines), ("execution", engines_pb2)])
def test_a_repeated_drop_does_not_drop_the_next_engine_of_that_name(
    tmp_path: Path, noun: str, messages: Any, is_made_again: bool, is_killed: bool
) -> None:
    drop = messages.DropEngineRequest(request_id="once")
    epochs = []

    async def before(service: Serving) -> None:
        await service.call("OpenEngine", messages.OpenEngineRequest())
        assert (await service.call("DropEngine", drop, messages.DropEngineResponse)).dropped
        if is_made_again:
            epochs.append(
                (await service.call("OpenEngine", messages.OpenEngineRequest(), messages.OpenEngineResponse)).epoch
            )

    async def after(service: Serving) -> None:
        assert [each.epoch for each in service.service.engines.engines()] == epochs
        assert not service.service.engines.damaged
        assert (await service.call("DropEngine", drop, messages.DropEngineResponse)).dropped
        assert [each.epoch for each in service.service.engines.engines()] == epochs
        another = messages.DropEngineRequest(request_id="another")
        assert (await service.call("DropEngine", another, messages.DropEngineResponse)).dropped == is_made_again
        assert service.service.engines.engines() == []

    asyncio.run(restarted(noun, tmp_path, is_killed, before, after))


def test_what_a_journal_keeps_of_a_drop_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drops, "ANSWER_SECONDS", 0.0)

    async def run() -> None:
        async with serving("data", tmp_path) as service:
            await service.call("OpenEngine", data_engines.OpenEngineRequest())
            journal = service.engine().journal
            await service.call("DropEngine", data_engines.DropEngineRequest(request_id="once"))
            await until_async(lambda: journal.streams() == [])

    asyncio.run(run())


@ENDS
def test_a_repeated_reset_of_a_cache_does_not_wipe_what_came_after_it(tmp_path: Path, is_killed: bool) -> None:
    reset = caches_pb2.ResetCacheRequest(request_id="once")
    epochs = []

    async def before(service: Serving) -> None:
        await service.call("OpenCache", caches_pb2.OpenCacheRequest())
        epochs.append((await service.call("ResetCache", reset, caches_pb2.ResetCacheResponse)).epoch)

    async def after(service: Serving) -> None:
        assert (await service.call("ResetCache", reset, caches_pb2.ResetCacheResponse)).epoch == epochs[0]
        assert service.engine().epoch == epochs[0]
        another = caches_pb2.ResetCacheRequest(request_id="another")
        assert (await service.call("ResetCache", another, caches_pb2.ResetCacheResponse)).epoch != epochs[0]

    asyncio.run(restarted("cache", tmp_path, is_killed, before, after))


@ENDS
def test_a_repeated_reset_of_an_instrument_gets_its_first_epoch(tmp_path: Path, is_killed: bool) -> None:
    reset = data_engines.ResetEngineRequest(request_id="once", instrument_id="BTC")
    epochs = []

    async def before(service: Serving) -> None:
        await service.call("OpenEngine", data_engines.OpenEngineRequest())
        epochs.append((await service.call("ResetEngine", reset, data_engines.ResetEngineResponse)).epoch)

    async def after(service: Serving) -> None:
        assert (await service.call("ResetEngine", reset, data_engines.ResetEngineResponse)).epoch == epochs[0]

    asyncio.run(restarted("data", tmp_path, is_killed, before, after))


@ENDS
def test_a_repeated_resume_does_not_undo_a_halt(tmp_path: Path, is_killed: bool) -> None:
    resume = engines_pb2.ResumeRequest(request_id="once")

    async def before(service: Serving) -> None:
        await service.call("Halt", engines_pb2.HaltRequest(request_id="first"))
        await service.call("Resume", resume)
        await service.call("Halt", engines_pb2.HaltRequest(request_id="second"))

    async def after(service: Serving) -> None:
        await service.call("Resume", resume)
        assert service.engine().core.is_halted
        await service.call("Resume", engines_pb2.ResumeRequest(request_id="another"))
        assert not service.engine().core.is_halted

    asyncio.run(restarted("execution", tmp_path, is_killed, before, after))


@ENDS
def test_a_session_that_is_opened_again_is_the_first_one(tmp_path: Path, is_killed: bool) -> None:
    request = sessions_pb2.OpenSessionRequest(request_id="once", strategy_id="s", grace_ns=60 * 10**9)
    sessions = []

    async def before(service: Serving) -> None:
        sessions.append((await service.call("OpenSession", request, sessions_pb2.OpenSessionResponse)).session_id)

    async def after(service: Serving) -> None:
        again = await service.call("OpenSession", request, sessions_pb2.OpenSessionResponse)
        assert again.session_id == sessions[0]

    asyncio.run(restarted("execution", tmp_path, is_killed, before, after))


@ENDS
def test_a_session_that_is_closed_again_was_closed(tmp_path: Path, is_killed: bool) -> None:
    request = sessions_pb2.OpenSessionRequest(strategy_id="s", grace_ns=60 * 10**9)
    closes = []

    async def before(service: Serving) -> None:
        session = (await service.call("OpenSession", request, sessions_pb2.OpenSessionResponse)).session_id
        closes.append(sessions_pb2.CloseSessionRequest(request_id="once", session_id=session))
        closes.append(sessions_pb2.CloseSessionRequest(request_id="another", session_id=session))
        for _ in range(2):
            answer = await service.call("CloseSession", closes[0], sessions_pb2.CloseSessionResponse)
            assert answer.closed

    async def after(service: Serving) -> None:
        assert (await service.call("CloseSession", closes[0], sessions_pb2.CloseSessionResponse)).closed
        assert not (await service.call("CloseSession", closes[1], sessions_pb2.CloseSessionResponse)).closed

    asyncio.run(restarted("execution", tmp_path, is_killed, before, after))


@ENDS
def test_a_repeated_stop_does_not_undo_a_start(tmp_path: Path, is_killed: bool) -> None:
    stop = data_engines.StopRequest(request_id="once")

    async def before(service: Serving) -> None:
        await service.call("OpenEngine", data_engines.OpenEngineRequest())
        await service.call("Start", data_engines.StartRequest(request_id="first"))
        await service.call("Stop", stop)
        await service.call("Start", data_engines.StartRequest(request_id="second"))

    async def after(service: Serving) -> None:
        await service.call("Stop", stop)
        assert service.engine().core.is_running
        await service.call("Stop", data_engines.StopRequest(request_id="another"))
        assert not service.engine().core.is_running

    asyncio.run(restarted("data", tmp_path, is_killed, before, after))


def test_setting_the_time_of_day_makes_no_repeat_a_new_call() -> None:
    async def run() -> None:
        clock, day = [0.0], [1_000_000.0]
        answers = Answers(clock=lambda: clock[0], time_of_day=lambda: day[0])
        answers.answered(engines_pb2.HaltRequest(request_id="once"), b"request", b"answer", round(day[0] * 1e9))
        for step in (3_600.0, -7_200.0):
            day[0] += step
            assert [each.answer for each in answers.saved()] == [b"answer"]
            next_start = Answers(clock=lambda: 0.0, time_of_day=lambda: day[0])
            next_start.restore(answers.saved())
            assert [each.answer for each in next_start.saved()] == [b"answer"]
        clock[0] += ANSWER_SECONDS + 1
        assert list(answers.saved()) == []

    asyncio.run(run())


def test_a_first_answer_is_kept_for_a_minute_after_its_call_whatever_restarts_come_between() -> None:
    async def run() -> None:
        now = [1_000_000.0]
        first = Answers(clock=lambda: now[0], time_of_day=lambda: now[0])
        first.answered(engines_pb2.HaltRequest(request_id="once"), b"request", b"answer", round(now[0] * 1e9))
        now[0] += 0.6 * ANSWER_SECONDS
        second = Answers(clock=lambda: now[0], time_of_day=lambda: now[0])
        second.restore(first.saved())
        assert [each.answer for each in second.saved()] == [b"answer"]
        now[0] += 0.6 * ANSWER_SECONDS
        assert list(second.saved()) == []
        third = Answers(clock=lambda: now[0], time_of_day=lambda: now[0])
        third.restore(first.saved())
        assert list(third.saved()) == []

    asyncio.run(run())
