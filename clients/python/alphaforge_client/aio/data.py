"""The data client: bars from trades, and streams of bars and trades."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from heapq import merge
from itertools import chain
from types import TracebackType
from typing import Any, Self

from alphaforge.data.v1 import engines_pb2, queries_pb2
from alphaforge_core._tables import TickTable
from alphaforge_core.data import (
    BarList,
    DataEngineConfig,
    DataEngineStatistics,
    bars_to_arrow,
    bars_to_pandas,
    bars_to_polars,
    combine_bars,
)
from alphaforge_core.data_wire import encode_tick_request
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from alphaforge_client._grpc.placement import Placement
from alphaforge_client._parts.merge import data_statistics, merged_bars
from alphaforge_client._parts.place import begin_of
from alphaforge_client._parts.ticks import split_ticks
from alphaforge_client._wire import data as messages
from alphaforge_client._wire.answer import parsed
from alphaforge_client._wire.chunks import TickChunks
from alphaforge_client._wire.gap import Gap
from alphaforge_client._wire.request_id import with_id
from alphaforge_client._wire.settings import names
from alphaforge_client._wire.summary import EngineSummary
from alphaforge_client._wire.ticks import (
    CHUNK_TICKS_MAX,
    TickColumns,
    batch_of,
    checked_tick,
    many_ticks,
)
from alphaforge_client.aio._calls.coalescer import Coalescer
from alphaforge_client.aio._calls.connection import Connection
from alphaforge_client.aio._calls.producer import Producer
from alphaforge_client.aio._calls.subscription import Subscription
from alphaforge_client.aio._grpc.transport import Beside, together
from alphaforge_client.aio._parts.engine import RemoteEngine
from alphaforge_client.aio._parts.parts import Parts, producers_of, read_pages
from alphaforge_client.aio._parts.subscription import subscription
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import AlphaForgeError

__all__ = [
    "BarList",
    "DataEngine",
    "DataEngineConfig",
    "DataEngineStatistics",
    "EngineSummary",
    "Gap",
    "Subscription",
    "bars_to_arrow",
    "bars_to_pandas",
    "bars_to_polars",
    "combine_bars",
]

# Heartbeats come at least every 5 s.
_SILENCE_SECONDS_MAX = 15.0


class DataEngine(RemoteEngine):
    """Builds bars from trade ticks on a service, of every configured type, for each instrument.

    Creating it sends nothing: the first call connects and opens the engine, with the options set in `config` and
    defaults for the rest. If the engine exists, only those options are compared: missing bar types are added, any other
    difference raises EngineError (a RuntimeError, SETTINGS_DIFFER), unless `reconfigure` is set.

    name: name of the engine on the service, "default" if None; all clients that use the name share it.
    target: address of the service, "host:port" or "unix:path"; else the environment variable ALPHAFORGE_DATA_TARGET,
        else "localhost:50052".
    targets: addresses of several services, each as "host:port" or "name=host:port"; the name of the engine decides
        which of them has it (rule 5.8). Else the environment variable ALPHAFORGE_DATA_TARGETS, comma-separated.
    partitions: number of partitions of the engine, each with a part of its instruments; fixed when the engine is
        created (rule 5.9).
    timeout: timeout of each call in seconds, retries included; can be set per call.
    coalesce: concurrent calls of one kind, from several tasks or threads, share a request. A lone call, and one with
        its own timeout, is always sent immediately.
    producer_id: id of this sender of ticks, 1 to 64 bytes, so that a new process continues where the last one stopped;
        used by one client at a time. Random if None.
    read_from: with several candidates as the target, which of them answer queries and subscriptions: the "primary", or
        "any". A follower's answers are somewhat old (`lag_seconds`), and may lack this client's last calls.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError). May be used by many tasks or threads at once; a client's ticks are applied in the order in which it
    sends them.

    >>> from alphaforge_client.model import TradeTick
    >>> async with DataEngine(DataEngineConfig(bar_types=["1tick"]), name="research") as engine:
    ...     for bar in await engine.process_trade_tick(TradeTick("BTCUSD", 45000, 0.1, "BUY", "", ts_event=1)):
    ...         print(bar.instrument_id, bar.bar_type, bar.close, bar.volume)
    BTCUSD 1tick 45000.00 0.1
    """

    def __init__(
        self,
        config: DataEngineConfig | None = None,
        *,
        name: str | None = None,
        target: str | None = None,
        targets: Sequence[str] | None = None,
        partitions: int = 1,
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        producer_id: str | None = None,
        credentials: Credentials | None = None,
        read_from: str = "primary",
    ) -> None:
        placement = Placement.of("data", target, targets, credentials, read_from)
        opening = partial(messages.opening, config=config, reconfigure=reconfigure)
        super().__init__(name, Parts(placement, name, opening, partitions, timeout))
        self._named = named = messages.NamedBarTypes(config)
        self._producers = producers_of(self._parts, producer_id)
        self._ticks = [
            Coalescer(
                partial(_process_one, each, named), partial(_process_together, each, named), timeout, CHUNK_TICKS_MAX
            )
            for each in self._producers
        ]
        self._coalesces = coalesce
        self._is_dropped = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not self._is_dropped:
                await self.stop()
        except AlphaForgeError:
            # The error that ended the block takes precedence over a failed stop.
            if error is None:
                raise
        finally:
            await self.close()

    async def start(self, *, timeout: float | None = None) -> None:
        """Starts the engine, in any state; a tick also starts it."""
        await self._parts.all("Start", with_id(engines_pb2.StartRequest), timeout)

    async def stop(self, *, timeout: float | None = None) -> None:
        """Stops the engine, in any state.

        With `flush_on_stop`, open bars close as partial; otherwise they stay open and continue with the next tick.
        """
        await self._parts.all("Stop", with_id(engines_pb2.StopRequest), timeout)

    async def process_trade_tick(self, tick: TradeTick, *, timeout: float | None = None) -> list[Bar]:
        """Applies one tick and returns the bars it closed or corrected, in order.

        Refused and duplicate ticks change nothing and are counted.
        """
        checked_tick(tick)
        part = self._parts.index_of(tick.instrument_id)
        if timeout is None and self._coalesces:
            return await self._ticks[part].call(tick)
        return await _process_one(self._producers[part], self._named, tick, timeout)

    async def process_batch(self, batch: TradeTickBatch, *, timeout: float | None = None) -> BarList:
        """Applies the ticks of a batch in order; a large batch is sent in chunks, each within `timeout`.

        If a chunk fails, the earlier ones have been applied, and those of other partitions may have been.
        """
        if self._parts.count == 1:
            chunks = TickChunks(batch, self._named.names)
            await _process_chunks(self._producers[0], chunks, timeout)
            return chunks.result()
        shares = split_ticks(batch, self._parts.count)
        split = [TickChunks(share.batch, self._named.names, with_places=True) for share in shares]
        await together(
            [
                partial(_process_chunks, self._producers[share.part], chunks, timeout)
                for share, chunks in zip(shares, split, strict=True)
            ]
        )
        return merged_bars(shares, split)

    async def process_trade_ticks(
        self,
        ticks: Iterable[TradeTick] | TradeTickBatch | TickTable | None = None,
        *,
        instrument_id: Any = None,
        prices: Any = None,
        quantities: Any = None,
        ts_event: Any = None,
        ts_init: Any = None,
        sides: Any = None,
        trade_ids: Any = None,
        price_scale: int = 0,
        quantity_scale: int = 0,
        instrument_index: Any = None,
        timeout: float | None = None,
    ) -> BarList:
        """Applies many ticks in order: a sequence of TradeTick, a table as
        accepted by TradeTickBatch.from_ticks(), or columns as accepted by from_columns().

        Returns the bars they closed or corrected; its `rejected` has (index, reason) of refused ticks, its `duplicates`
        the indices of duplicates. Raises ValueError if something is not a tick; then nothing is applied.

        >>> bars = await engine.process_trade_ticks(
        ...     instrument_id="BTCUSD", prices=[45000, 0], quantities=[0.1, 0.2], ts_event=[1, 2], sides="SELL"
        ... )
        >>> len(bars), bars.rejected
        (1, [(1, 'PRICE_NOT_POSITIVE')])
        """
        columns = TickColumns(
            instrument_id=instrument_id,
            prices=prices,
            quantities=quantities,
            ts_event=ts_event,
            ts_init=ts_init,
            sides=sides,
            trade_ids=trade_ids,
            price_scale=price_scale,
            quantity_scale=quantity_scale,
            instrument_index=instrument_index,
        )
        return await self.process_batch(batch_of(ticks, columns), timeout=timeout)

    async def advance_time(self, now_ns: int, *, timeout: float | None = None) -> list[Bar]:
        """Advances the market time of all instruments to `now_ns` (nanoseconds since the Unix epoch).

        Returns the time bars that this closed, ordered by end, then by partition, then by when their instrument was
        first seen, then by configured order. Very many bars take several calls, each within `timeout`. Market time
        never goes back. Raises ValueError (TIME_OUT_OF_RANGE) for a negative time or one within a day of 2^63.
        """
        closed = await self._parts.each(
            lambda connection: _advance_time(connection, now_ns, self._named.in_advance_time, timeout)
        )
        return list(merge(*closed, key=lambda bar: bar.ts_event)) if len(closed) > 1 else closed[0]

    async def get_bars(
        self,
        instrument_id: str,
        bar_type: BarType | str,
        limit: int | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        timeout: float | None = None,
    ) -> list[Bar]:
        """The newest `limit` closed bars with `start <= ts_open < end` (nanoseconds), ascending, latest revisions.

        Empty for an instrument without trades. Raises ValueError: BAR_TYPE_INVALID, or BAR_TYPE_UNKNOWN for a type
        that the engine doesn't build.

        >>> closed = await engine.process_trade_tick(tick)
        >>> [bar.sequence for bar in await engine.get_bars("BTCUSD", "1tick", limit=10)]
        [1]
        """
        pages = messages.bar_pages(instrument_id, bar_type, limit, start, end)
        return await read_pages(self._parts.of(instrument_id), "GetBars", pages, timeout)

    async def open_bars(self, instrument_id: str, *, timeout: float | None = None) -> list[Bar]:
        """The open bars, in configured order, each with the sequence that it will get."""
        request = queries_pb2.GetOpenBarsRequest(instrument_id=instrument_id).SerializeToString()
        return messages.bars(await self._parts.of(instrument_id).call("GetOpenBars", request, timeout))

    async def instruments(self, *, timeout: float | None = None) -> list[str]:
        """The ids of all instruments, by partition, in the order first seen."""
        found = await self._parts.each(
            lambda connection: read_pages(connection, "ListInstruments", messages.instrument_pages(), timeout)
        )
        return list(chain.from_iterable(found))

    async def statistics(self, *, timeout: float | None = None) -> DataEngineStatistics:
        """The counters since the engine was created or reset, of all partitions together."""
        answers = await self._parts.all("GetStatistics", bytes, timeout)
        return data_statistics([messages.statistics(answer) for answer in answers])

    async def reset(self, instrument_id: str | None = None, *, timeout: float | None = None) -> None:
        """Resets the engine and its counters, or one instrument. Starts a new epoch."""
        request = with_id(engines_pb2.ResetEngineRequest, instrument_id=instrument_id)
        if instrument_id is None:
            await self._parts.each(lambda connection: _reset(connection, request(), timeout))
        else:
            await _reset(self._parts.of(instrument_id), request(), timeout)

    async def list_engines(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """Lists the engines of the service, or of all services in `targets`, with their settings, by name. Opens
        none."""
        return await self._parts.summaries("ListEngines", messages.SERVICE.summaries, timeout)

    async def drop(self, *, timeout: float | None = None) -> bool:
        """Drops the engine with all its state, on disk too; False if there was none."""
        answers = await self._parts.drop("DropEngine", with_id(engines_pb2.DropEngineRequest), timeout)
        self._is_dropped = True
        return any(parsed(engines_pb2.DropEngineResponse, answer).dropped for answer in answers)

    async def producer_state(self, producer_id: str, *, timeout: float | None = None) -> int:
        """The number of the producer's last applied call; its next call has the next number. 0 if it is unknown.

        Raises InvalidArgument (a ValueError, SETTING_INVALID) for an engine with partitions, because each partition
        numbers the calls itself.
        """
        self._parts.check_one("each partition numbers its own calls, so a producer_id does not have one sequence")
        return await self._producers[0].last_sequence(producer_id, timeout)

    def subscribe_bars(
        self,
        instruments: Sequence[str] = (),
        bar_types: Sequence[BarType | str] = (),
        *,
        from_sequence: int | None = None,
        epoch: int | None = None,
        snapshot_bars: int = 0,
        token: str | None = None,
    ) -> Subscription[Bar]:
        """Streams bars as they close or are corrected, of the given instruments and types (None: all).

        from_sequence: where to begin: `next_sequence` of an earlier subscription; None: with the next event.
        epoch: the `epoch` of that subscription; if the engine's epoch has changed, a Gap comes first.
        snapshot_bars: begins with up to this many closed bars per instrument and type, and the open bars; not together
            with from_sequence.
        token: instead of from_sequence and epoch: the `token` of that subscription. Each partition has its own
            sequences, so for an engine with partitions give only a token, or from_sequence=1; each instrument's bars
            are in order.

        >>> async with engine.subscribe_bars(["BTCUSD"], ["1tick"]) as bars:
        ...     closed = await engine.process_trade_tick(tick)
        ...     async for bar in bars:
        ...         print("reload the history" if isinstance(bar, Gap) else bar.close)
        ...         break
        45000.00
        """
        return subscription(
            self._parts,
            "SubscribeBars",
            lambda names, place: messages.BarsRequest(names, bar_types, place.next_sequence, snapshot_bars),
            messages.decode_bars_message,
            names(instruments, "instruments"),
            begin_of(self._parts.count, from_sequence, epoch, token),
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )

    def subscribe_trades(
        self,
        instruments: Sequence[str] = (),
        *,
        from_sequence: int | None = None,
        epoch: int | None = None,
        token: str | None = None,
    ) -> Subscription[TradeTick]:
        """Streams accepted trades, including late ones, in order of arrival, of the given instruments (None: all).

        from_sequence: where to begin: `next_sequence` of an earlier subscription; None: with the next event.
        epoch: the `epoch` of that subscription; if the engine's epoch has changed, a Gap comes first.
        token: as in subscribe_bars.
        """
        return subscription(
            self._parts,
            "SubscribeTrades",
            lambda names, _: messages.TradesRequest(names),
            messages.decode_trades_message,
            names(instruments, "instruments"),
            begin_of(self._parts.count, from_sequence, epoch, token),
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )


# Called by the coalescer, without a reference to the client, so that the client can be freed.


async def _process_one(
    producer: Producer, named: messages.NamedBarTypes, tick: TradeTick, timeout: float | None = None
) -> list[Bar]:
    request = encode_tick_request(tick) + named.in_ticks
    return messages.bars(await producer.send("ProcessTradeTick", request, timeout))


async def _process_chunks(producer: Producer, chunks: TickChunks, timeout: float | None) -> None:
    while (chunk := chunks.next()) is not None:
        beside = Beside(chunks.prepare) if chunks.are_several else None
        answer = await producer.send("ProcessTradeTicks", chunk, timeout)
        if beside is not None:
            await beside.end()
        chunks.answered(answer)


async def _advance_time(connection: Connection, now_ns: int, bar_types: bytes, timeout: float | None) -> list[Bar]:
    closed: list[Bar] = []
    while True:
        answer = await connection.call("AdvanceTime", messages.advance_time(now_ns) + bar_types, timeout)
        closed += messages.bars(answer)
        if not messages.has_more_bars(answer):
            return closed


async def _reset(connection: Connection, request: bytes, timeout: float | None) -> None:
    answer = await connection.call("ResetEngine", request, timeout)
    connection.adopt_epoch(parsed(engines_pb2.ResetEngineResponse, answer).epoch)


async def _process_together(
    producer: Producer, named: messages.NamedBarTypes, ticks: Sequence[TradeTick], timeout: float
) -> Sequence[list[Bar]]:
    found: list[list[Bar]] = []
    while rest := ticks[len(found) :]:
        request = many_ticks(rest, with_tick_indexes=True) + named.in_ticks
        answer = await producer.send("ProcessTradeTicks", request, timeout)
        found += messages.bars_by_tick(answer, len(rest))
    return found
