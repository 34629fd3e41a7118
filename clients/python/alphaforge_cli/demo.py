"""`alphaforge demo`: a synthetic market and a small strategy, to see the services at work."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from alphaforge.type.v1.market_pb2 import TradeTickColumns
from alphaforge_client.aio.cache import GenericCache, NearCache
from alphaforge_client.aio.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.aio.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_client.errors import AlphaForgeError, DeadlineExceeded, EngineError, Unavailable
from alphaforge_core.model import TradeTickBatch
from rich.console import Console

from alphaforge_cli._demo.market import SyntheticMarket
from alphaforge_cli._demo.trader import MAX_ORDER_QUANTITY, Trader
from alphaforge_cli._files.losses import print_reading
from alphaforge_cli.parameters import speed_multiple

if TYPE_CHECKING:
    from alphaforge_core.files import TradeReader

__all__ = ["demo"]

NAME = "demo"
BAR_TYPES = ("1s", "1min", "100tick", "500volume", "1000000dollar")
TRADED_BARS = "1s"
BATCH_SECONDS = 0.05
# Trades come in batches, and late on a busy machine, so the clock waits this long before it closes bars.
CLOSE_GRACE_NS = 500_000_000
REPORT_SECONDS = 10.0
RETRY_SECONDS = 1.0
SETTLE_SECONDS = 3.0

STARTING_CASH = 100_000
# Small enough that entries must make room for others, and short enough that some expire first.
CACHE_SIZE = 2_000
REMEMBERED_PER_BATCH = 20
REMEMBERED_SECONDS = 60.0
QUOTE_SECONDS = 1.5

CONSOLE = Console(highlight=False, soft_wrap=True)


def demo(
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same market.")] = 7,
    rate: Annotated[float, typer.Option(help="Synthetic trades per second.", min=1, max=100_000)] = 2_000,
    file: Annotated[
        list[str] | None,
        typer.Option(
            help="Replay recorded trades instead, in any format of `alphaforge replay`: a path, glob or directory. "
            "Repeatable."
        ),
    ] = None,
    instrument: Annotated[str | None, typer.Option(help="Instrument of a file without that column.")] = None,
    speed: Annotated[
        str, typer.Option(help="Speed of replayed files: max, or a multiple of real time such as 10x.")
    ] = "1x",
    partitions: Annotated[
        int, typer.Option(help="Number of partitions of each engine; fixed when the engines are created.", min=1)
    ] = 1,
    duration: Annotated[float | None, typer.Option(help="Stop after this many seconds.", min=0.1)] = None,
) -> None:
    """Feed a market to the data service and trade on its bars, until Ctrl-C, SIGTERM or the end of the file.

    Uses engines named "demo" on all three services and touches no others. Waits while a service is down.
    """
    if file is None:
        batches = _synthetic(SyntheticMarket(seed, rate))
    else:
        # Imported here: a synthetic market needs no pyarrow.
        from alphaforge_core.files import ReadOptions, TradeReader

        batches = _from_files(TradeReader(file, ReadOptions(instrument=instrument)), speed_multiple(speed))
    config = DataEngineConfig(bar_types=BAR_TYPES, close_grace_ns=CLOSE_GRACE_NS)
    asyncio.run(_run(batches, config, seed, partitions, duration))


async def _run(
    batches: AsyncIterator[TradeTickBatch], config: DataEngineConfig, seed: int, partitions: int, duration: float | None
) -> None:
    limits = ExecutionEngineConfig(
        max_order_quantity=MAX_ORDER_QUANTITY,
        maker_commission_rate="0.0001",
        taker_commission_rate="0.0004",
        # Accounts are over all symbols, so an engine with partitions has none.
        starting_cash=STARTING_CASH if partitions == 1 else None,
    )
    async with AsyncExitStack() as stack:
        # The engines may already exist, with the settings of another release or the defaults.
        cache = await stack.enter_async_context(
            GenericCache(CACHE_SIZE, REMEMBERED_SECONDS, name=NAME, reconfigure=True, partitions=partitions)
        )
        data = DataEngine(config, name=NAME, reconfigure=True, partitions=partitions)
        stack.push_async_callback(data.close)
        # The strategy reads its parameters before each quote, and the service tells it when one has changed.
        near = await stack.enter_async_context(
            GenericCache(
                CACHE_SIZE,
                REMEMBERED_SECONDS,
                name=NAME,
                reconfigure=True,
                near_cache=NearCache(),
                partitions=partitions,
            )
        )
        venue = await stack.enter_async_context(
            ExecutionEngine(limits, name=NAME, reconfigure=True, partitions=partitions)
        )
        trader = Trader(near, venue, seed)
        sent: Counter[str] = Counter()
        await _ignoring_failures(data.wait_ready())
        await _ignoring_failures(venue.wait_ready())
        CONSOLE.print(f"alphaforge demo: trading on engines named {NAME!r}; watch: alphaforge top --engine {NAME}")
        memory = _Memory(cache, seed)
        feed = asyncio.ensure_future(_feed(batches, data, memory, sent))
        tasks = (
            _trade(data, trader),
            _follow(venue, sent),
            _report(sent, trader),
            _repeat(memory.keep),
            _repeat(trader.parameters.share),
        )
        others = [asyncio.ensure_future(task) for task in tasks]
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
        await _ignoring_failures(data.process_batch(batch))
        sent["ticks"] += len(batch)
        memory.offer(batch)
    # The file has ended, but the strategy is a few bars behind.
    await asyncio.sleep(SETTLE_SECONDS)


class _Memory:
    """Puts trades and last prices into the cache, and looks some up again; the oldest have been evicted by then.

    Runs concurrently with the feed, which never waits for the cache: while the cache is slow or down, batches are
    skipped.
    """

    def __init__(self, cache: GenericCache, seed: int) -> None:
        self._cache = cache
        self._random = random.Random(seed)
        self._keys: deque[str] = deque(maxlen=CACHE_SIZE * 5 // 4)
        self._count = 0
        self._next: asyncio.Queue[TradeTickBatch] = asyncio.Queue(maxsize=1)

    def offer(self, batch: TradeTickBatch) -> None:
        """Hands a batch to `keep`, unless it is busy."""
        with suppress(asyncio.QueueFull):
            self._next.put_nowait(batch)

    async def keep(self) -> None:
        """Waits for a batch and caches its last trades, and their last price, with a short TTL."""
        batch = await self._next.get()
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
        await _ignoring_failures(_trade_until_lost(data, trader))


async def _trade_until_lost(data: DataEngine, trader: Trader) -> None:
    async for bar in data.subscribe_bars(bar_types=[TRADED_BARS]):
        if isinstance(bar, Gap):
            trader.counts["gaps"] += 1
        else:
            await _ignoring_failures(trader.on_bar(bar))


async def _follow(venue: ExecutionEngine, sent: Counter[str]) -> None:
    while True:
        await _ignoring_failures(_follow_until_lost(venue, sent))


async def _follow_until_lost(venue: ExecutionEngine, sent: Counter[str]) -> None:
    async for event in venue.subscribe_order_events():
        sent["gaps" if isinstance(event, Gap) else "events"] += 1


async def _repeat(call: Callable[[], Awaitable[object]]) -> None:
    while True:
        await _ignoring_failures(call())


async def _report(sent: Counter[str], trader: Trader) -> None:
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        _print(sent, trader.counts)


def _print(*counts: Counter[str]) -> None:
    CONSOLE.print(", ".join(f"{name} {count:,}" for each in counts for name, count in sorted(each.items())))


async def _ignoring_failures(call: Awaitable[object]) -> None:
    """Waits for a call. A failure of the service is ignored, so the demo continues."""
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


async def _from_files(reader: TradeReader, multiple: float | None) -> AsyncIterator[TradeTickBatch]:
    """The trades, shifted so that the first happens now: the services use the wall clock.

    Reads and waits in a thread, so the strategy is not blocked.
    """
    from alphaforge_cli.replay import paced

    blocks = reader.blocks() if multiple is None else paced(reader.blocks(), multiple)
    shift_ns: int | None = None
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        if shift_ns is None:
            shift_ns = time.time_ns() - int(block.ts_event[0])
        columns = TradeTickColumns.FromString(block.batch.to_wire())
        columns.ts_event_ns[:] = [ts_event + shift_ns for ts_event in columns.ts_event_ns]
        columns.ts_init_ns[:] = [ts_init + shift_ns for ts_init in columns.ts_init_ns]
        yield TradeTickBatch.from_wire(columns.SerializeToString())
    print_reading(reader.report)
