"""`alphaforge demo`: a market and a small strategy, so that there is something to look at."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer
from alphaforge.type.v1.market_pb2 import TradeTickColumns
from alphaforge_client.aio.cache import GenericCache, NearCache
from alphaforge_client.aio.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.aio.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, EngineError, Unavailable
from alphaforge_core.model import TradeTickBatch
from rich.console import Console

from alphaforge_cli.demo_market import SyntheticMarket
from alphaforge_cli.demo_trader import MAX_ORDER_QUANTITY, Trader
from alphaforge_cli.replay import paced, speed_multiple
from alphaforge_cli.trades import Columns, TradeFile

__all__ = ["demo"]

NAME = "demo"
BAR_TYPES = ("1s", "1min", "100tick", "500volume", "1000000dollar")
TRADED_BARS = "1s"
BATCH_SECONDS = 0.05
# Trades come in batches, and on a busy machine later still: the clock closes bars so long after their end.
CLOSE_GRACE_NS = 500_000_000
REPORT_SECONDS = 10.0
RETRY_SECONDS = 1.0
SETTLE_SECONDS = 3.0

# Small enough that entries must make room for others, and short enough that some expire first.
CACHE_SIZE = 2_000
REMEMBERED_PER_BATCH = 20
REMEMBERED_SECONDS = 60.0
QUOTE_SECONDS = 1.5

CONSOLE = Console(highlight=False, soft_wrap=True)


def demo(
    seed: Annotated[int, typer.Option(help="The same seed draws the same market.")] = 7,
    rate: Annotated[float, typer.Option(help="Synthetic trades per second.", min=1, max=100_000)] = 2_000,
    file: Annotated[
        Path | None,
        typer.Option(help="Trades of your own instead: .csv, .csv.gz or .parquet.", exists=True, dir_okay=False),
    ] = None,
    instrument: Annotated[str | None, typer.Option(help="Names the instrument of a file without that column.")] = None,
    speed: Annotated[str, typer.Option(help="Of a file: max, or a multiple of the market's own pace.")] = "1x",
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.", min=0.1)] = None,
) -> None:
    """Feed a market to the data service and trade on its bars, until Ctrl-C, SIGTERM or the end of the file.

    Uses engines named "demo" on all three services and leaves everybody else's alone. Outages are waited for.
    """
    if file is None:
        batches = _synthetic(SyntheticMarket(seed, rate))
    else:
        batches = _from_file(TradeFile(file, Columns(), instrument, None, False), speed_multiple(speed))
    config = DataEngineConfig(bar_types=BAR_TYPES, close_grace_ns=CLOSE_GRACE_NS)
    asyncio.run(_run(batches, config, seed, duration))


async def _run(
    batches: AsyncIterator[TradeTickBatch], config: DataEngineConfig, seed: int, duration: float | None
) -> None:
    limits = ExecutionEngineConfig(
        max_order_quantity=MAX_ORDER_QUANTITY, maker_commission_rate="0.0001", taker_commission_rate="0.0004"
    )
    async with AsyncExitStack() as stack:
        # The engines may be there already, with the settings of another release or the default ones: whoever looks at
        # an engine makes it.
        cache = await stack.enter_async_context(
            GenericCache(CACHE_SIZE, REMEMBERED_SECONDS, name=NAME, reconfigure=True)
        )
        data = DataEngine(config, name=NAME, reconfigure=True)
        stack.push_async_callback(data.close)
        # The strategy reads its parameters before each quote, and the service tells it when one has changed.
        near = await stack.enter_async_context(
            GenericCache(CACHE_SIZE, REMEMBERED_SECONDS, name=NAME, reconfigure=True, near_cache=NearCache())
        )
        venue = await stack.enter_async_context(ExecutionEngine(limits, name=NAME, reconfigure=True))
        trader = Trader(near, venue, seed)
        sent: Counter[str] = Counter()
        feed = asyncio.ensure_future(_feed(batches, data, _Memory(cache, seed), sent))
        others = [
            asyncio.ensure_future(task) for task in (_trade(data, trader), _follow(venue, sent), _report(sent, trader))
        ]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, feed.cancel)
        done, _ = await asyncio.wait((feed, *others), timeout=duration, return_when=asyncio.FIRST_COMPLETED)
        for task in (feed, *others):
            task.cancel()
        await asyncio.wait((feed, *others))
        with suppress(AlphaForgeError):
            await trader.stop()
        for task in done:
            if not task.cancelled():
                task.result()
    _print(sent, trader.counts)


async def _feed(batches: AsyncIterator[TradeTickBatch], data: DataEngine, memory: _Memory, sent: Counter[str]) -> None:
    async for batch in batches:
        await _patiently(data.process_batch(batch))
        sent["ticks"] += len(batch)
        await _patiently(memory.keep(batch))
    # The file has ended; the strategy is some bars behind.
    await asyncio.sleep(SETTLE_SECONDS)


class _Memory:
    """Keeps trades and last prices in the cache, and looks some up again: old ones have made room for others."""

    def __init__(self, cache: GenericCache, seed: int) -> None:
        self._cache = cache
        self._random = random.Random(seed)
        self._keys: deque[str] = deque(maxlen=CACHE_SIZE * 5 // 4)
        self._count = 0

    async def keep(self, batch: TradeTickBatch) -> None:
        """The last trades of a batch, and their last price, which soon expires."""
        trades = {}
        for row in range(max(0, len(batch) - REMEMBERED_PER_BATCH), len(batch)):
            tick = batch[row]
            self._count += 1
            trades[f"trade:{self._count}"] = tick.price
        self._keys.extend(trades)
        await self._cache.put_many(trades)
        await self._cache.put(f"quote:{tick.instrument_id}:{self._count}", tick.price, ttl=QUOTE_SECONDS)
        await self._cache.get(f"quote:{tick.instrument_id}:{self._count}")
        await self._cache.get_many([self._random.choice(self._keys) for _ in range(REMEMBERED_PER_BATCH)])


async def _trade(data: DataEngine, trader: Trader) -> None:
    while True:
        await _patiently(_trade_until_lost(data, trader))


async def _trade_until_lost(data: DataEngine, trader: Trader) -> None:
    async for bar in data.subscribe_bars(bar_types=[TRADED_BARS]):
        if isinstance(bar, Gap):
            trader.counts["gaps"] += 1
        else:
            await _patiently(trader.on_bar(bar))


async def _follow(venue: ExecutionEngine, sent: Counter[str]) -> None:
    while True:
        await _patiently(_follow_until_lost(venue, sent))


async def _follow_until_lost(venue: ExecutionEngine, sent: Counter[str]) -> None:
    async for event in venue.subscribe_order_events():
        sent["gaps" if isinstance(event, Gap) else "events"] += 1


async def _report(sent: Counter[str], trader: Trader) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        _print(sent, trader.counts)


def _print(*counts: Counter[str]) -> None:
    CONSOLE.print(", ".join(f"{name} {count:,}" for each in counts for name, count in sorted(each.items())))


async def _patiently(call: Awaitable[object]) -> None:
    """Waits for a call; one that a service's absence or fault made fail is given up, and the demo goes on."""
    try:
        await call
    except (Unavailable, DeadlineExceeded, EngineError) as error:
        CONSOLE.print(f"[yellow]{error}[/]")
        await asyncio.sleep(RETRY_SECONDS)


async def _synthetic(market: SyntheticMarket) -> AsyncIterator[TradeTickBatch]:
    start = time.time_ns()
    while True:
        await asyncio.sleep(BATCH_SECONDS)
        now = time.time_ns()
        yield market.trades(start, now)
        start = now


async def _from_file(trades: TradeFile, multiple: float | None) -> AsyncIterator[TradeTickBatch]:
    """The trades as if the first of them happened now: the services go by the wall clock, and so must these.

    Reading and waiting are a thread's, so that the strategy goes on meanwhile.
    """
    blocks = trades.blocks() if multiple is None else paced(trades.blocks(), multiple)
    shift_ns: int | None = None
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        if shift_ns is None:
            shift_ns = time.time_ns() - int(block.ts_event[0])
        columns = TradeTickColumns.FromString(block.batch.to_wire())
        columns.ts_event_ns[:] = [ts_event + shift_ns for ts_event in columns.ts_event_ns]
        columns.ts_init_ns[:] = [ts_init + shift_ns for ts_init in columns.ts_init_ns]
        yield TradeTickBatch.from_wire(columns.SerializeToString())
