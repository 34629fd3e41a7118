"""Queries and subscriptions of a data engine: query the core and encode the result."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from itertools import islice

from alphaforge.data.v1.queries_pb2 import (
    GetBarsRequest,
    GetOpenBarsRequest,
    GetOpenBarsResponse,
    GetStatisticsRequest,
    GetStatisticsResponse,
    ListInstrumentsRequest,
)
from alphaforge.data.v1.statistics_pb2 import DataEngineStatistics
from alphaforge.data.v1.subscriptions_pb2 import (
    SubscribeBarsRequest,
    SubscribeBarsResponse,
    SubscribeTradesRequest,
    SubscribeTradesResponse,
)
from alphaforge.data.v1.ticks_pb2 import (
    GetProducerStateRequest,
    GetProducerStateResponse,
)
from alphaforge_core.data_wire import encode_bars
from alphaforge_core.errors import InvalidArgument, ResourceExhausted
from alphaforge_core.model import Bar, BarType

from services.base.messages import fill
from services.base.pages import limit_of, start_of
from services.data.engine import BARS_MAX, NamedDataEngine
from services.data.wire import bar_filter, snapshot_responses, trade_filter

# Maximum number of bars in the snapshot of a subscription.
SNAPSHOT_BARS_MAX = 100_000

# Reading and encoding this many bars takes about as long as a hand-over to a thread.
SHORT_PAGE_BARS = 256

# Of its first WAITS_LOOKED_UP instruments, a subscription names up to WAITS_FOR_MAX that have no trade yet.
WAITS_LOOKED_UP = 1_000
WAITS_FOR_MAX = 100


def producer_state(engine: NamedDataEngine, message: GetProducerStateRequest) -> bytes:
    """The last sequence of a producer."""
    last = engine.producers.last_sequence(message.producer_id)
    return GetProducerStateResponse(last_sequence=last, epoch=engine.epoch).SerializeToString()


def statistics(engine: NamedDataEngine, message: GetStatisticsRequest) -> bytes:
    """The engine's counters."""
    statistics = fill(DataEngineStatistics(), engine.core.statistics().as_dict())
    return GetStatisticsResponse(statistics=statistics).SerializeToString()


def is_long_page(message: GetBarsRequest) -> bool:
    """Whether encoding the bars asked for may take longer than handing over to a thread."""
    return not 0 < message.limit <= SHORT_PAGE_BARS


def get_bars(engine: NamedDataEngine, message: GetBarsRequest) -> bytes:
    """The newest matching closed bars of one instrument and type."""
    return engine.core.get_bars_wire(
        message.instrument_id,
        message.bar_type,
        min(message.limit or BARS_MAX, BARS_MAX),
        message.start_ns if message.HasField("start_ns") else None,
        message.end_ns if message.HasField("end_ns") else None,
        message.before_sequence if message.HasField("before_sequence") else None,
    )


def open_bars(engine: NamedDataEngine, message: GetOpenBarsRequest) -> bytes:
    """The open bars of one instrument."""
    bars = engine.core.open_bars(message.instrument_id)
    return encode_bars(bars, GetOpenBarsResponse.BARS_FIELD_NUMBER)


def list_instruments(engine: NamedDataEngine, message: ListInstrumentsRequest) -> bytes:
    """A page of the instruments."""
    return engine.core.list_instruments_wire(start_of(message.page_token), limit_of(message.limit))


def snapshot(engine: NamedDataEngine, message: SubscribeBarsRequest) -> Iterator[bytes]:
    """Returns the snapshot for a new subscriber: responses with closed bars, then with open bars.

    The bars are read now; the responses are encoded one by one. Raises ResourceExhausted LIMIT_EXCEEDED for more bars
    than a snapshot may have.
    """
    closed: list[Bar] = []
    unfinished: list[Bar] = []
    types = list(dict.fromkeys(str(BarType(name)) for name in message.bar_types)) or engine.core.bar_types
    for instrument_id in dict.fromkeys(message.instrument_ids) or engine.core.instruments():
        for bar_type in types:
            room = SNAPSHOT_BARS_MAX - len(closed) - len(unfinished)
            closed += engine.core.get_bars(instrument_id, bar_type, min(message.snapshot_bars, room + 1))
        unfinished += [bar for bar in engine.core.open_bars(instrument_id) if str(bar.bar_type) in types]
        if len(closed) + len(unfinished) > SNAPSHOT_BARS_MAX:
            raise ResourceExhausted(
                f"the snapshot has more than {SNAPSHOT_BARS_MAX} bars; ask for fewer snapshot_bars, instruments or "
                "types, or read them with GetBars",
                reason="LIMIT_EXCEEDED",
            )
    return snapshot_responses(engine.epoch, engine.bars.last, closed, unfinished)


async def subscribe_bars(engine: NamedDataEngine, message: SubscribeBarsRequest) -> AsyncGenerator[bytes]:
    """Streams closed bars, after a snapshot if one is asked for.

    Raises InvalidArgument BAR_TYPE_UNKNOWN for a type that the engine does not build, whose stream would stay silent.
    """
    known = engine.core.bar_types
    for bar_type in map(BarType, message.bar_types):
        if str(bar_type) not in known:
            raise InvalidArgument(
                f"bar type {bar_type} is not among those of this engine ({', '.join(known)}); add it by opening the "
                f"engine with DataEngineConfig(bar_types=['{bar_type}'])",
                reason="BAR_TYPE_UNKNOWN",
            )
    from_sequence = message.from_sequence if message.HasField("from_sequence") else None
    if message.snapshot_bars:
        # Taken atomically, so that the stream continues exactly where the snapshot ends.
        shown, from_sequence = snapshot(engine, message), engine.bars.last + 1
        for response in shown:
            yield response
    waits_for = SubscribeBarsResponse(waits_for=_unseen(engine, message.instrument_ids))
    async with aclosing(engine.bars.subscribe(from_sequence, bar_filter(message))) as responses:
        yield await anext(responses) + waits_for.SerializeToString()
        async for response in responses:
            yield response


async def subscribe_trades(engine: NamedDataEngine, message: SubscribeTradesRequest) -> AsyncGenerator[bytes]:
    """Streams accepted trades."""
    from_sequence = message.from_sequence if message.HasField("from_sequence") else None
    waits_for = SubscribeTradesResponse(waits_for=_unseen(engine, message.instrument_ids))
    async with aclosing(engine.trades.subscribe(from_sequence, trade_filter(message))) as responses:
        yield await anext(responses) + waits_for.SerializeToString()
        async for response in responses:
            yield response


def _unseen(engine: NamedDataEngine, instrument_ids: Iterable[str]) -> Iterator[str]:
    """Yields those of the first WAITS_LOOKED_UP instruments that have no trade yet, at most WAITS_FOR_MAX."""
    looked_up = islice(dict.fromkeys(instrument_ids), WAITS_LOOKED_UP)
    return islice((name for name in looked_up if engine.core.market_time(name) is None), WAITS_FOR_MAX)
