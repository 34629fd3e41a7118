"""A data engine has the calendars of its bars after a restart at any moment, also those that were given later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alphaforge.data.v1 import engines_pb2
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import TradeTick, TradeTickBatch

from tests.support.in_process import Serving, as_killed, serving

HOUR = 3_600 * 10**9
START = 1_719_792_000 * 10**9  # 2024-07-01 00:00 UTC, a Monday
SHORT = "X 2024-07-01w2 13:30-17:00,18:00-20:00"
LONG = "X 2024-07-01 13:30-17:00,18:00-20:00 2024-07-02w4 13:30-17:00,18:00-20:00"
OTHER = "X 2024-07-01w3 13:30-20:00"
TYPES = ["1day@X", "1hour@X"]


class Request:
    """Trades that are encoded already."""

    def __init__(self, ticks: list[TradeTick]) -> None:
        self._ticks = ticks

    def SerializeToString(self) -> bytes:  # noqa: N802
        return ProcessRequest(TradeTickBatch.from_ticks(self._ticks)).to_wire()


async def open_engine(service: Serving, bar_types: list[str], calendar: str) -> None:
    settings = DataEngineSettings(bar_types=bar_types, calendars=[calendar])
    await service.call("OpenEngine", engines_pb2.OpenEngineRequest(settings=settings), engines_pb2.OpenEngineResponse)


@pytest.mark.parametrize("checkpoint_bytes", [2**16, 2**30])
def test_they_survive_with_their_later_sessions(tmp_path: Path, checkpoint_bytes: int) -> None:
    ticks = [TradeTick("A", 100 + hour % 7, 1, "BUY", "", START + hour * HOUR // 2) for hour in range(2 * 24 * 5)]
    uninterrupted = DataEngine(DataEngineConfig(bar_types=TYPES, calendars=[SHORT]))

    async def run() -> None:
        folder = tmp_path / "0"
        for day in range(5):
            batch = ticks[48 * day : 48 * (day + 1)]
            async with serving("data", folder, journal_checkpoint_bytes=checkpoint_bytes) as service:
                await open_engine(service, TYPES[:1] if day == 0 else TYPES, SHORT if day < 3 else LONG)
                with pytest.raises(InvalidArgument, match="other sessions"):
                    await open_engine(service, TYPES, OTHER)
                if day == 0:
                    await open_engine(service, TYPES, SHORT)
                await service.call("ProcessTradeTicks", Request(batch))
                # Killed after every second day, else stopped with a checkpoint.
                if day % 2 == 0:
                    folder = as_killed(folder, tmp_path / f"{day + 1}")
            if day == 3:
                uninterrupted.reconfigure(DataEngineConfig(bar_types=TYPES, calendars=[LONG]))
            uninterrupted.process_trade_ticks(batch)
            async with serving("data", folder) as service:
                engine = service.engine()
                assert engine.core.state_hash() == uninterrupted.state_hash()
                assert list(engine.settings["calendars"]) == [SHORT if day < 3 else LONG]
                # Its first sessions change nothing, and nothing is journalled.
                sequence = engine.sequence
                await open_engine(service, TYPES[:1], SHORT)
                assert engine.sequence == sequence
        days = uninterrupted.get_bars("A", "1day@X")
        assert len(days) == 5 - 1

    asyncio.run(run())
