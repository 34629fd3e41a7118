"""The asyncio flavour of strategies: equal fills in lock-step, and a live run that stops itself."""

from __future__ import annotations

import asyncio
from typing import Any

import alphaforge_client.strategy
import alphaforge_core.data
import alphaforge_core.execution
import pytest
from alphaforge_client.aio.data import DataEngine, DataEngineConfig
from alphaforge_client.aio.execution import ExecutionEngine, ExecutionEngineConfig, Fill
from alphaforge_client.aio.strategy import Live, LockStep, Strategy
from alphaforge_client.model import Bar

from tests.support.stack import Stack
from tests.support.tape import SECOND, ZIGZAG_START, zigzag


@pytest.fixture
def services(own_stack: Stack) -> Stack:
    own_stack.serve("execution")
    return own_stack


class Rising(Strategy):
    """Buys each rising bar."""

    strategy_id = "rising"
    symbols = ("BTCUSD",)
    bar_types = ("3s",)

    def __init__(self, venue: Any) -> None:
        super().__init__(venue)
        self.fills: list[str] = []

    async def on_bar(self, bar: Bar) -> None:
        if bar.close > bar.open:
            await self.buy(bar.symbol, 1)

    async def on_fill(self, fill: Fill) -> None:
        self.fills.append(f"{fill.quantity} @ {fill.price} of {fill.trade_id}")


class RisingInProcess(alphaforge_client.strategy.Strategy):
    """The same without asyncio."""

    strategy_id = "rising"

    def __init__(self, venue: Any) -> None:
        super().__init__(venue)
        self.fills: list[str] = []

    def on_bar(self, bar: Bar) -> None:
        if bar.close > bar.open:
            self.buy(bar.symbol, 1)

    def on_fill(self, fill: Fill) -> None:
        self.fills.append(f"{fill.quantity} @ {fill.price} of {fill.trade_id}")


def test_fills_equal_those_of_the_same_strategy_in_process(services: Stack) -> None:
    venue = alphaforge_core.execution.ExecutionEngine(ExecutionEngineConfig(fill_on="next"))
    here = RisingInProcess(venue)
    data = alphaforge_core.data.DataEngine(DataEngineConfig(bar_types=["3s"]))
    alphaforge_client.strategy.LockStep(here, data, venue).run(zigzag(60))

    async def run() -> list[str]:
        settings = ExecutionEngineConfig(fill_on="next", subscribe_market_data=False)
        async with (
            DataEngine(DataEngineConfig(bar_types=["3s"]), name="tape", target=services.target("data")) as data,
            ExecutionEngine(settings, name="tape", target=services.target("execution")) as venue,
        ):
            strategy = Rising(venue)
            await LockStep(strategy, data, venue).run(zigzag(60))
            return strategy.fills

    assert asyncio.run(run()) == here.fills
    assert len(here.fills) > 5


def test_a_live_run_gets_fills_and_timers_and_stops_itself(services: Stack) -> None:
    class Once(Strategy):
        strategy_id = "once"
        symbols = ("BTCUSD",)
        bar_types = ("3s",)
        live: Live
        timer = 0

        async def on_start(self) -> None:
            self.at((ZIGZAG_START + 2) * SECOND, self.on_time)

        async def on_time(self, time_ns: int) -> None:
            self.timer = time_ns
            await self.buy("BTCUSD", 1)

        async def on_fill(self, fill: Fill) -> None:
            self.filled = fill
            self.live.stop()

    async def run() -> Once:
        async with (
            DataEngine(DataEngineConfig(bar_types=["3s"]), name="live", target=services.target("data")) as data,
            ExecutionEngine(name="live", target=services.target("execution")) as venue,
        ):
            strategy = Once(venue)
            strategy.live = Live(strategy, data, venue)
            feeding = iter(zigzag(100_000))

            async def feed() -> None:
                # The order fills against a trade that comes after it; they come until it has filled.
                while True:
                    await data.process_trade_tick(next(feeding))

            begun = asyncio.Event()
            running = asyncio.create_task(strategy.live.run(begun.set))
            await begun.wait()
            feeder = asyncio.create_task(feed())
            await running
            feeder.cancel()
            return strategy

    strategy = asyncio.run(run())
    assert strategy.timer == (ZIGZAG_START + 2) * SECOND
    assert strategy.filled.quantity == 1
