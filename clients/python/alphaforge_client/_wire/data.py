"""Requests and responses of the data service."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from alphaforge.data.v1 import engines_pb2, queries_pb2, subscriptions_pb2, ticks_pb2
from alphaforge_core.data import COUNTERS, DataEngineConfig, DataEngineStatistics
from alphaforge_core.data_wire import BarsResponse, ProcessResponse, TradesResponse, decode_bars, decode_bars_page
from alphaforge_core.model import Bar, BarType, TradeTick

from alphaforge_client._wire.answer import malformed, parsed, reads_answer
from alphaforge_client._wire.gap import gap_of
from alphaforge_client._wire.opening import Opening, Service
from alphaforge_client._wire.pages import Pages
from alphaforge_client._wire.request_id import new_request_id
from alphaforge_client._wire.settings import fill_settings, given_options, names
from alphaforge_client._wire.stream_message import StreamMessage
from alphaforge_client._wire.ticks import checked_nanos
from alphaforge_client.errors import InvalidArgument

SERVICE = Service(
    "alphaforge.data.v1.DataService",
    "engine",
    "OpenEngine",
    engines_pb2.OpenEngineResponse,
    engines_pb2.ListEnginesResponse,
    queries_pb2.GetStatisticsRequest,
)


def opening(name: str, partitions: int, *, config: DataEngineConfig | None, reconfigure: bool) -> Opening:
    request = engines_pb2.OpenEngineRequest(engine=name, reconfigure=reconfigure)
    request.settings.SetInParent()
    if partitions > 1:
        request.settings.partitions = partitions
    fill_settings(request.settings, given_options(config, DataEngineConfig))
    return SERVICE.opening(name, request, partitions)


class NamedBarTypes:
    """The bar types that a client configured: its calls return only bars of these types; if empty, all bars."""

    def __init__(self, config: DataEngineConfig | None) -> None:
        self.names = named = list(map(str, given_options(config, DataEngineConfig).get("bar_types", ())))
        self.in_ticks = ticks_pb2.ProcessTradeTicksRequest(bar_types=named).SerializeToString()
        self.in_advance_time = ticks_pb2.AdvanceTimeRequest(bar_types=named).SerializeToString()


@reads_answer
def bars(answer: bytes) -> list[Bar]:
    """The bars of any response that has them, always in field 1."""
    return decode_bars(answer, 1)


@reads_answer
def bars_by_tick(answer: bytes, count: int) -> list[list[Bar]]:
    """The bars closed or corrected by each of `count` ticks."""
    response = ProcessResponse.from_wire(answer)
    if not 0 <= response.left_count < count:
        raise malformed(f"leaves {response.left_count:,} of {count:,} ticks unprocessed")
    found: list[list[Bar]] = [[] for _ in range(count - response.left_count)]
    for place, bar in zip(response.tick_indexes, response.bars, strict=True):
        found[place].append(bar)
    return found


def advance_time(now_ns: int) -> bytes:
    request = ticks_pb2.AdvanceTimeRequest(request_id=new_request_id(), now_ns=checked_nanos(now_ns))
    return request.SerializeToString()


@reads_answer
def has_more_bars(answer: bytes) -> bool:
    """Whether AdvanceTime must be called again for the remaining bars."""
    return ticks_pb2.AdvanceTimeResponse.FromString(answer).has_more


def bar_pages(
    instrument_id: str, bar_type: BarType | str, limit: int | None, start: int | None, end: int | None
) -> Pages[Bar]:
    """A query for bars that may take several pages, the newest first."""

    def page(answer: bytes) -> tuple[Sequence[Bar], int]:
        items, has_more = decode_bars_page(answer)
        return items, items[0].sequence if has_more else 0

    request = queries_pb2.GetBarsRequest(
        instrument_id=instrument_id, bar_type=str(bar_type), start_ns=start, end_ns=end
    )
    return Pages(request, "before_sequence", page, limit=limit, moves_on=operator.lt, newest_first=True)


def instrument_pages() -> Pages[str]:
    def instruments(answer: bytes) -> tuple[Sequence[str], str]:
        page = queries_pb2.ListInstrumentsResponse.FromString(answer)
        return [one.instrument_id for one in page.instruments], page.next_page_token

    return Pages(queries_pb2.ListInstrumentsRequest(), "page_token", instruments)


def statistics(answer: bytes) -> DataEngineStatistics:
    message = parsed(queries_pb2.GetStatisticsResponse, answer).statistics
    return DataEngineStatistics(**{name: getattr(message, name) for name, *_ in COUNTERS})


class BarsRequest:
    """Creates the request of a subscription to bars, for each connection."""

    def __init__(
        self,
        instruments: Sequence[str],
        bar_types: Sequence[BarType | str],
        from_sequence: int | None,
        snapshot_bars: int,
    ) -> None:
        if snapshot_bars and from_sequence is not None:
            raise InvalidArgument(
                "give either from_sequence or snapshot_bars: bars after a snapshot continue where it ends",
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
            # The subscription resumes, so the snapshot has been delivered.
            self._request.snapshot_bars = 0
        return self._request.SerializeToString()


class TradesRequest:
    """Creates the request of a subscription to trades, for each connection."""

    def __init__(self, instruments: Sequence[str]) -> None:
        self._request = subscriptions_pb2.SubscribeTradesRequest(instrument_ids=names(instruments, "instruments"))

    def __call__(self, from_sequence: int | None) -> bytes:
        if from_sequence is not None:
            self._request.from_sequence = from_sequence
        return self._request.SerializeToString()


@reads_answer
def decode_bars_message(message: bytes) -> StreamMessage[Bar]:
    response = BarsResponse.from_wire(message)
    return StreamMessage(
        response.epoch,
        response.sequence,
        response.previous_sequence,
        response.bars,
        gap_of(response.gap, response.epoch),
        response.is_snapshot,
        response.sequences,
        # Only heartbeats have waits_for, so messages with bars are decoded once.
        () if response.bars else tuple(parsed(subscriptions_pb2.SubscribeBarsResponse, message).waits_for),
    )


@reads_answer
def decode_trades_message(message: bytes) -> StreamMessage[TradeTick]:
    response = TradesResponse.from_wire(message)
    ticks = response.ticks
    return StreamMessage(
        response.epoch,
        response.sequence,
        response.previous_sequence,
        [ticks[row] for row in range(len(ticks))],
        gap_of(response.gap, response.epoch),
        sequences=response.sequences,
        waits_for=() if len(ticks) else tuple(parsed(subscriptions_pb2.SubscribeTradesResponse, message).waits_for),
    )
