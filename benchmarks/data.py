"""The data engine: ticks to three bar types."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, NamedTuple

import alphaforge_core.data
import alphaforge_core.data_wire
import numpy as np
import numpy.typing as npt
from alphaforge_client.aio.data import DataEngine as AsyncDataEngine
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_core.model import Bar, Price, Quantity, TradeTick

from benchmarks.bench import Bench, Way

__all__ = ["Columns", "columns", "run", "ticks"]

TICKS_DOCUMENTED = 146_000
BAR_TYPES = ["1min", "100tick", "5volume"]
INSTRUMENTS = 10_000
PRICE_SCALE, QUANTITY_SCALE = 2, 3
_SIDES = ("NONE", "BUY", "SELL")


class Columns(NamedTuple):
    """Trades of one instrument: mantissas with 2 and 3 decimals, nanoseconds, codes of sides."""

    prices: npt.NDArray[np.int64]
    quantities: npt.NDArray[np.int64]
    ts_event: npt.NDArray[np.int64]
    sides: npt.NDArray[np.uint8]

    def keywords(self) -> dict[str, Any]:
        """Returns the columns as arguments of the engines' `process_trade_ticks`."""
        return {
            "instrument_id": "BTCUSDT", "prices": self.prices, "quantities": self.quantities,
            "ts_event": self.ts_event, "sides": self.sides,
            "price_scale": PRICE_SCALE, "quantity_scale": QUANTITY_SCALE,
        }  # fmt: skip


def columns(count: int) -> Columns:
    """A random walk of the price, the same in every run: about 20 trades a second, 0.1 units each."""
    random = np.random.default_rng(7)
    return Columns(
        prices=6_000_000 + np.cumsum(random.integers(-10, 11, count)),
        quantities=random.integers(1, 200, count),
        ts_event=1_723_075_200_000_000_000 + np.cumsum(random.integers(0, 100_000_000, count)),
        sides=random.integers(2, 4, count).astype(np.uint8),
    )


def ticks(trades: Columns, count: int) -> list[TradeTick]:
    """Returns the first `count` trades as objects."""
    return [
        TradeTick(
            "BTCUSDT",
            Price(f"{price}e-{PRICE_SCALE}"),
            Quantity(f"{quantity}e-{QUANTITY_SCALE}"),
            _SIDES[side - 1],
            "",
            ts_event,
            ts_event,
        )
        for price, quantity, ts_event, side in zip(*(column[:count].tolist() for column in trades), strict=True)
    ]


def run(bench: Bench) -> None:
    """Rates of ticks one by one and in columns, many instruments against one, then percentiles of single ticks."""
    trades = columns(bench.sizes.items)
    count = len(trades.prices)
    integers = trades.keywords()
    floats = integers | {
        "prices": trades.prices / 10**PRICE_SCALE, "quantities": trades.quantities / 10**QUANTITY_SCALE,
        "price_scale": 0, "quantity_scale": 0,
    }  # fmt: skip
    with_ids = integers | {"trade_ids": [str(number) for number in range(count)]}
    objects = ticks(trades, count)
    few = objects[: bench.sizes.calls]
    # benchmarks.durability measures the cost of writes.
    config = DataEngineConfig(bar_types=BAR_TYPES, durability="none")
    core = alphaforge_core.data.DataEngine(config)
    target = bench.stack.targets["data"]
    with ExitStack() as exits:
        remote = DataEngine(config, name="benchmark", target=target, timeout=60.0)
        exits.callback(remote.close)
        request_bytes = len(alphaforge_core.data_wire.encode_tick_request(objects[0]))

        def many(engine: Engines, given: dict[str, Any], repeat: int = 1) -> Callable[[], int]:
            def process() -> int:
                for _ in range(repeat):
                    engine.process_trade_ticks(**given)
                return count * repeat

            return process

        bench.rates("ticks to 1min, 100tick and 5volume bars", "ticks", TICKS_DOCUMENTED, [
            Way("in process, one by one", lambda: _each(core, objects), core.reset),
            Way("in process, columns of int64", many(core, integers), core.reset),
            Way("in process, columns with ids", many(core, with_ids), core.reset),
            Way("remote, one by one", lambda: _each(remote, few), remote.reset),
            Way("remote, columns of int64", many(remote, integers), remote.reset),
            Way("remote, columns of float64", many(remote, floats), remote.reset),
            Way("remote, columns with ids", many(remote, with_ids), remote.reset),
            Way("remote, TradeTick objects", many(remote, {"ticks": objects}), remote.reset),
            bench.echo_way(exits, request_bytes),
        ])  # fmt: skip
        core.reset()
        remote.reset()
        made = [list(map(_values, engine.process_trade_ticks(**integers))) for engine in (core, remote)]
        bench.check("bars", *made)
        _many_instruments(bench, integers)
        _lone_ticks(bench, objects[-1], request_bytes)


def _lone_ticks(bench: Bench, tick: TradeTick, request_bytes: int) -> None:
    """Measures single ticks: without a follower, with an execution engine that follows, and written to the journal."""
    target = bench.stack.targets["data"]
    durability: Literal["none", "os"]
    for title, name, durability, is_followed in (
        ("process_trade_tick", "lone", "none", False),
        ("process_trade_tick, an execution engine follows", "followed", "none", True),
        ("process_trade_tick, durability os", "written", "os", False),
    ):
        config = DataEngineConfig(bar_types=BAR_TYPES, durability=durability)
        with ExitStack() as exits:
            engine = exits.enter_context(DataEngine(config, name=name, target=target, timeout=60.0))
            if is_followed:
                venue = ExecutionEngine(
                    ExecutionEngineConfig(durability="none"), name=name, target=bench.stack.targets["execution"]
                )
                exits.enter_context(venue)
                exits.callback(venue.drop)
                _await_trades(engine, venue, tick)
            bench.single_calls(
                title, request_bytes, partial(engine.process_trade_tick, tick), partial(_async_tick, target, name, tick)
            )


def _await_trades(engine: DataEngine, venue: ExecutionEngine, tick: TradeTick) -> None:
    """Waits until the venue follows the trades."""
    until = time.monotonic() + 30
    while venue.statistics().ticks_processed == 0:
        if time.monotonic() > until:
            raise AssertionError("the venue follows no trades")
        engine.process_trade_tick(tick)


Engines = alphaforge_core.data.DataEngine | DataEngine


def _each(engine: Engines, objects: list[TradeTick]) -> int:
    process = engine.process_trade_tick
    for tick in objects:
        process(tick)
    return len(objects)


def _many_instruments(bench: Bench, one: dict[str, Any]) -> None:
    """Gives each of many instruments as many trades a minute as the one, so that as many bars close.

    The first, untimed repetition creates the instruments; market time continues from one repetition to the next.
    """
    count = len(one["prices"])
    names = [f"INSTRUMENT-{number}" for number in range(INSTRUMENTS)]
    spread = one | {
        "instrument_id": names, "instrument_index": np.arange(count, dtype=np.uint32) % INSTRUMENTS,
        "ts_event": one["ts_event"][0] + (one["ts_event"] - one["ts_event"][0]) // INSTRUMENTS,
    }  # fmt: skip

    def way(name: str, given: dict[str, Any]) -> Way:
        engine = alphaforge_core.data.DataEngine(DataEngineConfig(bar_types=BAR_TYPES))
        passed = iter(range(1_000))
        span = given["ts_event"][-1] - given["ts_event"][0]

        def process() -> int:
            engine.process_trade_ticks(**given | {"ts_event": given["ts_event"] + next(passed) * span})
            return count

        return Way(name, process)

    ways = [way("one instrument", one), way(f"{INSTRUMENTS:,} instruments in turn", spread)]
    bench.rates("ticks in columns, in process, by instruments", "ticks", None, ways)


def _values(bar: Bar) -> tuple[object, ...]:
    prices = (str(price) for price in (bar.open, bar.high, bar.low, bar.close, bar.volume))
    return (str(bar.bar_type), bar.sequence, bar.trade_count, bar.ts_open, bar.ts_event, *prices)


def _async_tick(
    target: str, name: str, tick: TradeTick
) -> tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[None]]]:
    engine = AsyncDataEngine(name=name, target=target)
    return lambda: engine.process_trade_tick(tick), engine.close
