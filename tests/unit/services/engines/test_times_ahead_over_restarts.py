"""Rule 1.8 over restarts: a call is judged by the time in its record; older journals have no limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alphaforge.data.v1 import ticks_pb2
from alphaforge.execution.v1 import market_data_pb2
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import TradeTick, TradeTickBatch

from services.engines import inputs
from services.engines.engine import NamedEngine
from tests.support.in_process import Serving, as_killed, serving
from tests.support.tape import SECOND

# Long ago, so the clock at the restart would allow every time below.
RECEIVED = 1_700_000_000 * SECOND
LIMIT = RECEIVED + 300 * SECOND
MESSAGES = {"data": ticks_pb2, "execution": market_data_pb2}


class Ticks:
    """The request of ticks with these times."""

    def __init__(self, *times: int) -> None:
        self._batch = TradeTickBatch.from_ticks([TradeTick("X", 100, 1, "BUY", "", at, at) for at in times])

    def SerializeToString(self) -> bytes:  # noqa: N802
        return ProcessRequest(self._batch).to_wire()


def _counts(service: Serving) -> tuple[int, int, dict[str, int]]:
    engine = service.engine()
    statistics = engine.core.statistics()
    return statistics.ticks_processed, statistics.ticks_rejected, dict(engine.refused)


@pytest.mark.parametrize("noun", ["data", "execution"])
@pytest.mark.parametrize("stop", ["killed", "stopped"])
def test_a_call_is_judged_again_as_it_was(
    noun: str, stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "time", SimpleNamespace(time_ns=lambda: RECEIVED))
    advance = MESSAGES[noun].AdvanceTimeRequest

    async def run() -> None:
        folder = tmp_path / "first"
        async with serving(noun, folder) as service:
            await service.call("ProcessTradeTicks", Ticks(RECEIVED, LIMIT, LIMIT + 1))
            with pytest.raises(InvalidArgument, match="after the call was received"):
                await service.call("AdvanceTime", advance(now_ns=LIMIT + 1))
            expected = _counts(service)
            assert expected == (2, 1, {"TIME_AHEAD": 2})
            state = service.engine().core.state_hash()
            if stop == "killed":
                folder = as_killed(folder, tmp_path / "copy")
        monkeypatch.undo()
        async with serving(noun, folder) as service:
            assert _counts(service) == expected
            assert service.engine().core.state_hash() == state
            # New calls are checked against the current clock.
            await service.call("ProcessTradeTicks", Ticks(LIMIT + 1))
            assert _counts(service)[0] == 3

    asyncio.run(run())


def _without_the_setting(opened: Callable[[NamedEngine], Any], engine: NamedEngine) -> Any:
    message = opened(engine)
    getattr(message, engine.NOUN).ClearField("max_time_jump_ns")
    return message


@pytest.mark.parametrize("noun", ["data", "execution"])
def test_an_engine_whose_journal_does_not_name_the_setting_takes_every_time(
    noun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        opened = NamedEngine.opened
        monkeypatch.setattr(NamedEngine, "opened", lambda engine: _without_the_setting(opened, engine))
        async with serving(noun, tmp_path / "first") as service:
            await service.call("ProcessTradeTicks", Ticks(RECEIVED))
            folder = as_killed(tmp_path / "first", tmp_path / "copy")
        monkeypatch.undo()
        async with serving(noun, folder) as service:
            assert service.engine().settings["max_time_jump_ns"] == 0
            await service.call("ProcessTradeTicks", Ticks(200 * 365 * 86_400 * SECOND))
            assert _counts(service) == (2, 0, {})

    asyncio.run(run())
