"""A program written for the engines in process runs unchanged against the services, and on asyncio with `await`."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import re
import sys
import warnings
from typing import Any

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine

from tests.support.stack import NOUNS, Stack

MODULES = ("cache", "data", "errors", "execution", "model", "time")

# What a user writes against the documented names, for asyncio. Without the words `async` and `await` it is the program
# for threads and for engines in process, character by character.
PROGRAM = """
from alphaforge_pyo3.cache import GenericCache
from alphaforge_pyo3.data import DataEngine, DataEngineConfig
from alphaforge_pyo3.errors import AlphaForgeError
from alphaforge_pyo3.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_pyo3.model import TradeTick

SECOND = 10**9
told = []
limits = GenericCache(max_size=100)
bars = DataEngine(DataEngineConfig(bar_types=["1min", "3tick"]))
venue = ExecutionEngine(ExecutionEngineConfig(taker_commission_rate="0.0005", max_order_quantity=5))

await limits.put("most", {"BTCUSD": 2})
await bars.start()
for number in range(40):
    price = 45000 + (number * 37) % 11
    tick = TradeTick("BTCUSD", price, "0.7", "BUY" if number % 2 else "SELL", f"t{number}", number * 20 * SECOND)
    await venue.process_trade_tick(tick)
    for bar in await bars.process_trade_tick(tick):
        told.append(f"{bar.bar_type} {bar.sequence} {bar.open} {bar.high} {bar.low} {bar.close} {bar.volume}")
        if str(bar.bar_type) == "3tick":
            most = (await limits.get("most"))["BTCUSD"]
            side = OrderSide.Buy if bar.close > bar.open else OrderSide.Sell
            limit = float(bar.close)
            order = Order.limit("BTCUSD", side, most, limit, TimeInForce.ImmediateOrCancel, "s", order_id=f"o{number}")
            told.append(await venue.submit_order(order))
            now = await venue.get_order(order.order_id)
            told.append(f"{now.status.name} {now.filled_quantity} {now.avg_fill_price} {now.commission}")
for flawed in (
    lambda: venue.submit_order(Order.limit("BTCUSD", OrderSide.Buy, 0, 1, TimeInForce.Day, "s")),
    lambda: venue.modify_order("o2", price=-1),
    lambda: bars.get_bars("BTCUSD", "7min"),
    lambda: limits.put("", 1),
    lambda: limits.put("key", object()),
    lambda: bars.advance_time(-1),
):
    try:
        await flawed()
        told.append("no error")
    except AlphaForgeError as error:
        told.append(f"{type(error).__name__} {isinstance(error, ValueError)} {error.reason}")
too_much = Order.market("BTCUSD", OrderSide.Buy, 9, "s", order_id="much")
await venue.submit_order(too_much)
told.append((await venue.get_order("much")).reject_reason)
told.append(await venue.cancel_order("o2"))
for position in await venue.get_positions("s"):
    told.append(f"{position.net_quantity} {position.average_price} {position.realized_pnl} {position.commission}")
told.append([bar.close for bar in await bars.get_bars("BTCUSD", "1min", limit=5)])
told.append([bar.trade_count for bar in await bars.open_bars("BTCUSD")])
counted = await bars.statistics()
told.append((counted.ticks_processed, counted.bars_generated, counted.duplicate_ticks))
counted = await venue.statistics()
told.append((counted.orders_submitted, counted.orders_rejected, counted.total_volume))
told.append([event.type.name for event in await venue.events()][:4])
await bars.stop()
"""
SYNC_PROGRAM = re.sub(r"\bawait ", "", PROGRAM)


CLIENTS = ("limits", "bars", "venue")


def namespace_of(program: str, package: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Runs the program with the documented names leading to that package; its names afterwards."""
    monkeypatch.setitem(sys.modules, "alphaforge_pyo3", importlib.import_module(package))
    for name in MODULES:
        home = "alphaforge_core" if name in ("errors", "model", "time") else package
        monkeypatch.setitem(sys.modules, f"alphaforge_pyo3.{name}", importlib.import_module(f"{home}.{name}"))
    namespace: dict[str, Any] = {}
    code = compile(program, "<program>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a second remote GenericCache without a name", UserWarning)
        done = eval(code, namespace)
        if inspect.iscoroutine(done):
            asyncio.run(finish(done, namespace))
    return namespace


async def finish(done: Any, namespace: dict[str, Any]) -> None:
    await done
    for client in CLIENTS:
        await namespace[client].drop()
        await namespace[client].close()


def test_in_process_on_services_and_awaited_it_tells_the_same(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    in_process = namespace_of(SYNC_PROGRAM, "alphaforge_core", monkeypatch)["told"]
    assert "no error" not in in_process
    assert sum(str(line).startswith("Cancelled 0.7 ") for line in in_process) >= 3

    stack.serve(*NOUNS)
    for name, target in stack.environment().items():
        monkeypatch.setenv(name, target)
    with GenericCache(name="default") as cache, DataEngine() as data, ExecutionEngine() as execution:
        for engine in (cache, data, execution):
            # State left by other tests that use the unnamed engines.
            engine.drop()
    on_services = namespace_of(SYNC_PROGRAM, "alphaforge_client", monkeypatch)
    for client in CLIENTS:
        on_services[client].drop()
        on_services[client].close()
    assert on_services["told"] == in_process
    assert namespace_of(PROGRAM, "alphaforge_client.aio", monkeypatch)["told"] == in_process
