"""Messages of the data service: what the engine's methods say and hear."""

from __future__ import annotations

from collections.abc import Sequence

from alphaforge.data.v1 import engines_pb2, queries_pb2, subscriptions_pb2, ticks_pb2
from alphaforge_core.data import COUNTERS, DataEngineConfig, DataEngineStatistics, ProcessResponse, decode_bars
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from alphaforge_client._chunk import Chunk
from alphaforge_client._gap import gap_of
from alphaforge_client._pages import PAGE_ITEMS_MAX
from alphaforge_client._request_id import new_request_id
from alphaforge_client._settings import fill_settings, names
from alphaforge_client._summary import EngineSummary, summary_of
from alphaforge_client._ticks import checked_nanos
from alphaforge_client.errors import InvalidArgument

SERVICE = "alphaforge.data.v1.DataService"


def open_request(name: str, config: DataEngineConfig | None, reconfigure: bool) -> bytes:
    request = engines_pb2.OpenEngineRequest(engine=name, reconfigure=reconfigure)
    request.settings.SetInParent()
    fill_settings(request.settings, {} if config is None else config.given())
    return request.SerializeToString()


def open_epoch(answer: bytes) -> int:
    return engines_pb2.OpenEngineResponse.FromString(answer).epoch


def summaries(answer: bytes) -> list[EngineSummary]:
    return [summary_of(one.engine, one) for one in engines_pb2.ListEnginesResponse.FromString(answer).engines]


def header(name: str, epoch: int | None) -> bytes:
    """The first two fields of every request of the service."""
    return queries_pb2.GetStatisticsRequest(engine=name, epoch=epoch).SerializeToString()


class NamedBarTypes:
    """The bar types that a client named: its calls answer only bars of those; of all types if it named none."""

    def __init__(self, config: DataEngineConfig | None) -> None:
        self.names = named = [] if config is None else list(map(str, config.given().get("bar_types", ())))
        self.in_ticks = ticks_pb2.ProcessTradeTicksRequest(bar_types=named).SerializeToString()
        self.in_advance_time = ticks_pb2.AdvanceTimeRequest(bar_types=named).SerializeToString()


def bars(answer: bytes) -> list[Bar]:
    """The bars of any answer that has them, always in field 1."""
    return decode_bars(answer, 1)


def bars_by_tick(answer: bytes, count: int) -> list[list[Bar]]:
    """For each of `count` ticks the bars that it closed or corrected, as far as the service took them."""
    response = ProcessResponse.from_wire(answer)
    found: list[list[Bar]] = [[] for _ in range(count - response.left_count)]
    for place, bar in zip(response.tick_indexes, response.bars, strict=True):
        found[place].append(bar)
    return found


def advance_time(now_ns: int) -> bytes:
    request = ticks_pb2.AdvanceTimeRequest(request_id=new_request_id(), now_ns=checked_nanos(now_ns))
    return request.SerializeToString()


class BarsQuery:
    """A query for bars that may take several pages, the newest first."""

    def __init__(
        self, instrument_id: str, bar_type: BarType | str, limit: int | None, start: int | None, end: int | None
    ) -> None:
        self.bars: list[Bar] = []
        self._limit = limit
        self._is_done = limit == 0
        self._request = queries_pb2.GetBarsRequest(
            instrument_id=instrument_id, bar_type=str(bar_type), start_ns=start, end_ns=end
        )

    def next_page(self) -> bytes | None:
        """The request for the next page; None when there is none left."""
        if self._is_done:
            return None
        if self._limit is not None:
            self._request.limit = min(self._limit - len(self.bars), PAGE_ITEMS_MAX)
        return self._request.SerializeToString()

    def add(self, answer: bytes) -> None:
        """Takes a page in."""
        page = bars(answer)
        self.bars[:0] = page
        has_more = queries_pb2.GetBarsResponse.FromString(answer).has_more
        self._is_done = not has_more or len(self.bars) == self._limit
        if page:
            self._request.before_sequence = page[0].sequence


def statistics(answer: bytes) -> DataEngineStatistics:
    message = queries_pb2.GetStatisticsResponse.FromString(answer).statistics
    return DataEngineStatistics(**{name: getattr(message, name) for name, *_ in COUNTERS})


class BarsRequest:
    """Makes the request of a subscription to bars, anew for each connection."""

    def __init__(
        self,
        instruments: Sequence[str],
        bar_types: Sequence[BarType | str],
        from_sequence: int | None,
        snapshot_bars: int,
    ) -> None:
        if snapshot_bars and from_sequence is not None:
            raise InvalidArgument(
                "give from_sequence or snapshot_bars: after a snapshot the bars go on where it ends",
                reason="SETTING_INVALID",
            )
        self._request = subscriptions_pb2.SubscribeBarsRequest(
            instrument_ids=names(instruments, "instruments"),
            bar_types=map(str, names(bar_types, "bar_types")),
            snapshot_bars=snapshot_bars,
        )

    def __call__(self, from_sequence: int | None) -> bytes:
        if from_sequence is not None:
            self._request.from_sequence = from_sequence
            # It has begun, so the snapshot has been seen.
            self._request.snapshot_bars = 0
        return self._request.SerializeToString()


class TradesRequest:
    """Makes the request of a subscription to trades, anew for each connection."""

    def __init__(self, instruments: Sequence[str]) -> None:
        self._request = subscriptions_pb2.SubscribeTradesRequest(instrument_ids=names(instruments, "instruments"))

    def __call__(self, from_sequence: int | None) -> bytes:
        if from_sequence is not None:
            self._request.from_sequence = from_sequence
        return self._request.SerializeToString()


def bars_chunk(message: bytes) -> Chunk[Bar]:
    response = subscriptions_pb2.SubscribeBarsResponse.FromString(message)
    items = [*decode_bars(message, 4), *decode_bars(message, 8)]
    gap = gap_of(response.gap, response.epoch) if response.HasField("gap") else None
    return Chunk(
        response.epoch,
        response.sequence,
        response.previous_sequence,
        items,
        gap,
        response.is_snapshot,
        response.sequences,
    )


def trades_chunk(message: bytes) -> Chunk[TradeTick]:
    response = subscriptions_pb2.SubscribeTradesResponse.FromString(message)
    gap = gap_of(response.gap, response.epoch) if response.HasField("gap") else None
    batch = TradeTickBatch.from_wire(response.ticks.SerializeToString())
    ticks = [batch[row] for row in range(len(batch))]
    return Chunk(
        response.epoch, response.sequence, response.previous_sequence, ticks, gap, sequences=response.sequences
    )
