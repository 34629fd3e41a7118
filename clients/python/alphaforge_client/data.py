# Generated from aio/data.py by `make gen`; edit that file.
"""The data engine on a service: trades to bars, and bars and trades as they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from alphaforge.data.v1 import engines_pb2, queries_pb2
from alphaforge_core.data import (
    BarList,
    DataEngineConfig,
    DataEngineStatistics,
    bars_to_arrow,
    bars_to_pandas,
    bars_to_polars,
    encode_tick_request,
)
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from alphaforge_client import _data_messages as messages
from alphaforge_client._coalescer import Coalescer
from alphaforge_client._connection import Connection, Opening
from alphaforge_client._endpoint import Endpoint
from alphaforge_client._engine import RemoteEngine
from alphaforge_client._gap import Gap
from alphaforge_client._pieces import Pieces
from alphaforge_client._producer import Producer
from alphaforge_client._request_id import new_request_id
from alphaforge_client._subscription import Subscription
from alphaforge_client._summary import EngineSummary
from alphaforge_client._ticks import (
    PIECE_TICKS_MAX,
    TickColumns,
    batch_of,
    checked_tick,
    many_ticks,
)
from alphaforge_client._transport import Beside
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
]

# Heartbeats come at least every 5 s.
_SILENCE_SECONDS_MAX = 15.0


class DataEngine(RemoteEngine):
    """Trade ticks to bars on a service: every configured type, side by side, on each instrument.

    Nothing is sent when it is made: the first call connects and opens the engine, with the options that `config` was
    given and defaults for the rest. If the engine exists, only those are compared: bar types that it lacks are added,
    anything else that differs raises EngineError (a RuntimeError, SETTINGS_DIFFER), unless `reconfigure` is set.

    name: of the engine on the service, "default" if None; all clients that use the name share it.
    target: address of the service, "host:port" or "unix:path"; else the environment variable ALPHAFORGE_DATA_TARGET,
        else "localhost:50052".
    timeout: seconds that each call may take, repeats included; each call may be given its own.
    coalesce: calls of one kind that are made at the same time, from several tasks or threads, share a request; a lone
        call is sent at once in any case, and so is one with a timeout of its own.
    producer_id: names this sender of ticks, 1 to 64 bytes, so that a new process goes on where the last one stopped; at
        most one client may use it at a time. Random if None.

    Every call may raise Unavailable (a ConnectionError), DeadlineExceeded (a TimeoutError) and EngineError (a
    RuntimeError). Safe to use from many tasks or threads at once; the ticks of one client are applied in the order in
    which it sends them.

    >>> from alphaforge_client.model import TradeTick
    >>> with DataEngine(DataEngineConfig(bar_types=["1tick"]), name="research") as engine:
    ...     for bar in engine.process_trade_tick(TradeTick("BTCUSD", 45000, 0.1, "BUY", "", ts_event=1)):
    ...         print(bar.instrument_id, bar.bar_type, bar.close, bar.volume)
    BTCUSD 1tick 45000.00 0.1
    """

    def __init__(
        self,
        config: DataEngineConfig | None = None,
        *,
        name: str | None = None,
        target: str | None = None,
        timeout: float = 5.0,
        reconfigure: bool = False,
        coalesce: bool = True,
        producer_id: str | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        wire_name = name or ""
        opening = Opening(
            messages.SERVICE,
            "OpenEngine",
            messages.open_request(wire_name, config, reconfigure),
            messages.open_epoch,
            lambda epoch: messages.header(wire_name, epoch),
        )
        super().__init__(name, Connection(Endpoint.of("data", target, credentials), opening, timeout))
        self._named = messages.NamedBarTypes(config)
        self._producer = Producer(self._connection, producer_id)
        self._ticks = Coalescer(self._process_one, self._process_together, timeout, PIECE_TICKS_MAX)
        self._coalesces = coalesce
        self._is_dropped = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not self._is_dropped:
                self.stop()
        except AlphaForgeError:
            # The error that ends the block tells more than that the engine could not be stopped after it.
            if error is None:
                raise
        finally:
            self.close()

    def start(self, *, timeout: float | None = None) -> None:
        """Starts the engine, in any state; a tick starts it too."""
        self._connection.call("Start", b"", timeout)

    def stop(self, *, timeout: float | None = None) -> None:
        """Stops the engine, in any state.

        With `flush_on_stop` open bars close as partial; otherwise they stay open and the next tick goes on.
        """
        self._connection.call("Stop", b"", timeout)

    def process_trade_tick(self, tick: TradeTick, *, timeout: float | None = None) -> list[Bar]:
        """Applies one tick and returns the bars that it closed or corrected, in order.

        Refused and duplicate ticks change nothing and are counted.
        """
        checked_tick(tick)
        if timeout is None and self._coalesces:
            return self._ticks.call(tick)
        return self._process_one(tick, timeout)

    def process_batch(self, batch: TradeTickBatch, *, timeout: float | None = None) -> BarList:
        """Applies the ticks of a batch in their order; a large one travels in pieces, each within `timeout`.

        When a piece fails, those before it have been applied.
        """
        pieces = Pieces(batch, self._named.names)
        while (piece := pieces.next()) is not None:
            beside = Beside(pieces.prepare) if pieces.are_several else None
            answer = self._producer.send("ProcessTradeTicks", piece, timeout)
            if beside is not None:
                beside.end()
            pieces.answered(answer)
        return pieces.result()

    def process_trade_ticks(
        self,
        ticks: Iterable[TradeTick] | TradeTickBatch | None = None,
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
        """Applies many ticks in their order: a sequence of TradeTick, or columns as TradeTickBatch.from_columns() has.

        Returns the bars that they closed or corrected; its `rejected` has (index, reason) of the refused ticks, its
        `duplicates` the indices of those seen before. Raises ValueError where something is no tick; nothing is applied
        then.

        >>> bars = engine.process_trade_ticks(
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
        return self.process_batch(batch_of(ticks, columns), timeout=timeout)

    def advance_time(self, now_ns: int, *, timeout: float | None = None) -> list[Bar]:
        """Moves the market time of all instruments forward to `now_ns` (nanoseconds since the Unix epoch).

        Returns the time bars that this closed: by end, then first seen, then configured order. Earlier times than
        before change nothing. Raises ValueError (TIME_OUT_OF_RANGE) for a negative time or one in the last day of 64
        bits.
        """
        request = messages.advance_time(now_ns) + self._named.in_advance_time
        return messages.bars(self._connection.call("AdvanceTime", request, timeout))

    def get_bars(
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

        Empty for an instrument that was not traded. Raises ValueError: BAR_TYPE_INVALID, or BAR_TYPE_UNKNOWN for a type
        that the engine doesn't build.

        >>> closed = engine.process_trade_tick(tick)
        >>> [bar.sequence for bar in engine.get_bars("BTCUSD", "1tick", limit=10)]
        [1]
        """
        query = messages.BarsQuery(instrument_id, bar_type, limit, start, end)
        while (request := query.next_page()) is not None:
            query.add(self._connection.call("GetBars", request, timeout))
        return query.bars

    def open_bars(self, instrument_id: str, *, timeout: float | None = None) -> list[Bar]:
        """The unfinished bars, in configured order, each with the sequence that it will get."""
        request = queries_pb2.GetOpenBarsRequest(instrument_id=instrument_id).SerializeToString()
        return messages.bars(self._connection.call("GetOpenBars", request, timeout))

    def instruments(self, *, timeout: float | None = None) -> list[str]:
        """Their ids, in the order of first sight."""
        found: list[str] = []
        request = queries_pb2.ListInstrumentsRequest()
        while True:
            answer = self._connection.call("ListInstruments", request.SerializeToString(), timeout)
            page = queries_pb2.ListInstrumentsResponse.FromString(answer)
            found += (instrument.instrument_id for instrument in page.instruments)
            request.page_token = page.next_page_token
            if not request.page_token:
                return found

    def statistics(self, *, timeout: float | None = None) -> DataEngineStatistics:
        """What has been counted since the engine was created or reset."""
        return messages.statistics(self._connection.call("GetStatistics", b"", timeout))

    def reset(self, instrument_id: str | None = None, *, timeout: float | None = None) -> None:
        """Empties the engine, counts included, or forgets one instrument. Begins a new epoch."""
        request = engines_pb2.ResetEngineRequest(request_id=new_request_id(), instrument_id=instrument_id)
        answer = self._connection.call("ResetEngine", request.SerializeToString(), timeout)
        self._connection.adopt_epoch(engines_pb2.ResetEngineResponse.FromString(answer).epoch)

    def list_engines(self, *, timeout: float | None = None) -> list[EngineSummary]:
        """The engines of the service, by name, with their settings; none is opened for it."""
        return messages.summaries(self._connection.call_by_name("ListEngines", b"", timeout))

    def drop(self, *, timeout: float | None = None) -> bool:
        """Removes the engine with all it holds, on disk too; False when there was none."""
        request = engines_pb2.DropEngineRequest(request_id=new_request_id()).SerializeToString()
        answer = self._connection.call_by_name("DropEngine", request, timeout)
        self._is_dropped = True
        return engines_pb2.DropEngineResponse.FromString(answer).dropped

    def producer_state(self, producer_id: str, *, timeout: float | None = None) -> int:
        """How many calls of that producer were applied: it goes on with the next number. 0 when it is unknown."""
        return self._producer.last_sequence(producer_id, timeout)

    def subscribe_bars(
        self,
        instruments: Sequence[str] = (),
        bar_types: Sequence[BarType | str] = (),
        *,
        from_sequence: int | None = None,
        epoch: int | None = None,
        snapshot_bars: int = 0,
    ) -> Subscription[Bar]:
        """Bars as they close or are corrected, of the instruments and types named, or of all.

        from_sequence: where to begin, from `next_sequence` of an earlier subscription; from now on if None.
        epoch: the `epoch` of that subscription; if the engine has another one now, a Gap says so first.
        snapshot_bars: so many closed bars per instrument and type come first, with the open ones; only without
            from_sequence.

        >>> with engine.subscribe_bars(["BTCUSD"], ["1tick"]) as bars:
        ...     closed = engine.process_trade_tick(tick)
        ...     for bar in bars:
        ...         print("reload the history" if isinstance(bar, Gap) else bar.close)
        ...         break
        45000.00
        """
        return Subscription(
            self._connection,
            "SubscribeBars",
            messages.BarsRequest(instruments, bar_types, from_sequence, snapshot_bars),
            messages.bars_chunk,
            from_sequence=from_sequence,
            epoch=epoch,
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )

    def subscribe_trades(
        self, instruments: Sequence[str] = (), *, from_sequence: int | None = None, epoch: int | None = None
    ) -> Subscription[TradeTick]:
        """Every accepted trade, late ones too, in order of arrival, of the instruments named, or of all.

        from_sequence: where to begin, from `next_sequence` of an earlier subscription; from now on if None.
        epoch: the `epoch` of that subscription; if the engine has another one now, a Gap says so first.
        """
        return Subscription(
            self._connection,
            "SubscribeTrades",
            messages.TradesRequest(instruments),
            messages.trades_chunk,
            from_sequence=from_sequence,
            epoch=epoch,
            silence_seconds_max=_SILENCE_SECONDS_MAX,
        )

    def _process_one(self, tick: TradeTick, timeout: float | None = None) -> list[Bar]:
        request = encode_tick_request(tick) + self._named.in_ticks
        return messages.bars(self._producer.send("ProcessTradeTick", request, timeout))

    def _process_together(self, ticks: Sequence[TradeTick], timeout: float) -> Sequence[list[Bar]]:
        found: list[list[Bar]] = []
        while rest := ticks[len(found) :]:
            request = many_ticks(rest, with_tick_indexes=True) + self._named.in_ticks
            answer = self._producer.send("ProcessTradeTicks", request, timeout)
            found += messages.bars_by_tick(answer, len(rest))
        return found
