"""After a restart, engines know which instruments have negative prices, and have their bars and orders."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alphaforge.data.v1 import engines_pb2 as data_engines
from alphaforge.execution.v1 import instruments_pb2
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders

from tests.support.in_process import Serving, as_killed, serving
from tests.unit.services.engines.test_recovery import Bytes, events_of, open_data, tick, ticks_request

SELL, GTC = OrderSide.Sell, TimeInForce.GTC


async def feed(service: Serving, *prices: int, name: str = "BTC", first: int = 0) -> None:
    ticks = [tick(first + number, name, price) for number, price in enumerate(prices)]
    await service.call("ProcessTradeTicks", ticks_request(ticks))


def test_bars_and_names_survive(tmp_path: Path) -> None:
    async def run() -> None:
        first = tmp_path / "first"
        async with serving("data", first) as service:
            await open_data(service, bar_types=["2tick", "100dollar", "1min"], negative_price_instruments=["BTC"])
            await open_data(service, negative_price_instruments=["POWER"])
            await feed(service, 1, -3, 0, -40)
            await feed(service, -5, name="POWER")
            await feed(service, -5, name="OTHER")
            state = service.engine().core.state_hash()
            killed = as_killed(first, tmp_path / "killed")
        for folder in (killed, first):
            async with serving("data", folder) as service:
                engine = service.engine()
                assert set(engine.settings["negative_price_instruments"]) == {"BTC", "POWER"}
                assert engine.core.state_hash() == state
                assert engine.core.statistics().ticks_rejected == 1
                await engine.checkpoint()
                await feed(service, -7, -8, first=10)
                await feed(service, -5, name="OTHER", first=10)
                assert engine.core.statistics().ticks_processed == 7
                bars = engine.core.get_bars("BTC", "2tick")
                assert [(float(bar.low), float(bar.high)) for bar in bars] == [(-3, 1), (-40, 0), (-8, -7)]
            async with serving("data", folder) as service:
                assert service.engine().core.get_bars("BTC", "2tick") == bars

    asyncio.run(run())


def test_orders_and_instruments_survive(tmp_path: Path) -> None:
    def orders(number: int) -> Bytes:
        head, options = ("BTC", SELL, 1), {"created_at": 1, "negative_prices": True}
        names = (f"{kind}{number}" for kind in ("limit", "stop", "trail", "later"))
        return Bytes(
            encode_submit_orders(
                [
                    Order.limit(*head, 0, GTC, "s", order_id=next(names), **options),
                    Order.stop(*head, -50, GTC, "s", order_id=next(names), **options),
                    Order.trailing_stop(*head, 3, GTC, "s", order_id=next(names), **options),
                    Order.trailing_stop_limit(
                        *head, 2, 5, GTC, "s", activation_price=0, order_id=next(names), **options
                    ),
                ]
            )
        )

    async def run() -> None:
        first = tmp_path / "first"
        async with serving("execution", first) as service:
            registration = instruments_pb2.RegisterInstrumentsRequest()
            registration.instruments.add(instrument_id="BTC", negative_prices=True)
            await service.call("RegisterInstruments", registration)
            await feed(service, -3)
            await service.call("SubmitOrders", orders(1))
            await feed(service, -5, -6, 1, first=1)
            killed = as_killed(first, tmp_path / "killed")
            events = await events_of(service)
        for folder in (killed, first):
            async with serving("execution", folder) as service:
                core = service.engine().core
                assert await events_of(service) == events
                assert [core.get_order(f"{kind}1").status.name for kind in ("limit", "stop", "trail", "later")] == [
                    "Filled", "Submitted", "Filled", "Submitted",
                ]  # fmt: skip
                assert core.get_order("later1").stop_price == -1.0
                await service.engine().checkpoint()
                await service.call("SubmitOrders", orders(2))
                await feed(service, -2, -50, first=10)
                assert core.validate() == []
                assert core.get_order("later1").status.name == "Filled"
                assert core.get_order("stop1").status.name == "Filled"

    asyncio.run(run())


def test_an_engine_from_before_the_setting_has_no_names(tmp_path: Path) -> None:
    async def run() -> None:
        async with serving("data", tmp_path / "first") as service:
            await service.call("OpenEngine", data_engines.OpenEngineRequest())
            await feed(service, -5, 5)
            assert service.engine().settings["negative_price_instruments"] == ()
            assert service.engine().core.statistics().ticks_rejected == 1

    asyncio.run(run())
