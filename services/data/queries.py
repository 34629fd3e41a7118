"""What can be asked of a data engine: decode, ask the core, encode."""

from __future__ import annotations

from alphaforge.data.v1.queries_pb2 import (
    GetBarsRequest,
    GetBarsResponse,
    GetOpenBarsRequest,
    GetOpenBarsResponse,
    GetStatisticsRequest,
    GetStatisticsResponse,
    Instrument,
    ListInstrumentsRequest,
    ListInstrumentsResponse,
)
from alphaforge.data.v1.statistics_pb2 import DataEngineStatistics
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest
from alphaforge.data.v1.ticks_pb2 import (
    GetProducerStateRequest,
    GetProducerStateResponse,
)
from alphaforge_core.data import encode_bars
from alphaforge_core.model import Bar, BarType

from services.common.messages import fill
from services.common.pages import page
from services.data.engine import BARS_MAX, NamedDataEngine
from services.data.wire import snapshot_responses


def producer_state(engine: NamedDataEngine, message: GetProducerStateRequest) -> bytes:
    """How far a producer has got."""
    last = engine.producers.last_sequence(message.producer_id)
    return GetProducerStateResponse(last_sequence=last, epoch=engine.epoch).SerializeToString()


def statistics(engine: NamedDataEngine, message: GetStatisticsRequest) -> bytes:
    """The engine's counters."""
    statistics = fill(DataEngineStatistics(), engine.core.statistics().as_dict())
    return GetStatisticsResponse(statistics=statistics).SerializeToString()


def get_bars(engine: NamedDataEngine, message: GetBarsRequest) -> bytes:
    """Closed bars of one instrument and type, the newest that match."""
    limit = min(message.limit or BARS_MAX, BARS_MAX)
    bars = engine.core.get_bars(
        message.instrument_id,
        message.bar_type,
        None if message.HasField("before_sequence") else limit + 1,
        message.start_ns if message.HasField("start_ns") else None,
        message.end_ns if message.HasField("end_ns") else None,
    )
    if message.HasField("before_sequence"):
        bars = [bar for bar in bars if bar.sequence < message.before_sequence]
    response = GetBarsResponse(has_more=len(bars) > limit).SerializeToString()
    return response + encode_bars(bars[-limit:], GetBarsResponse.BARS_FIELD_NUMBER)


def open_bars(engine: NamedDataEngine, message: GetOpenBarsRequest) -> bytes:
    """The unfinished bars of one instrument."""
    bars = engine.core.open_bars(message.instrument_id)
    return encode_bars(bars, GetOpenBarsResponse.BARS_FIELD_NUMBER)


def list_instruments(engine: NamedDataEngine, message: ListInstrumentsRequest) -> bytes:
    """A page of the instruments."""
    names, token = page(engine.core.instruments(), message.limit, message.page_token)
    instruments = [Instrument(instrument_id=name, market_time_ns=engine.core.market_time(name) or 0) for name in names]
    return ListInstrumentsResponse(instruments=instruments, next_page_token=token).SerializeToString()


def snapshot(engine: NamedDataEngine, message: SubscribeBarsRequest) -> list[bytes]:
    """The responses that show a new subscriber what there is: closed bars, then the open ones."""
    closed: list[Bar] = []
    unfinished: list[Bar] = []
    types = [str(BarType(name)) for name in message.bar_types] or engine.core.bar_types
    for instrument_id in message.instrument_ids or engine.core.instruments():
        for bar_type in types:
            closed += engine.core.get_bars(instrument_id, bar_type, message.snapshot_bars)
        unfinished += [bar for bar in engine.core.open_bars(instrument_id) if str(bar.bar_type) in types]
    return snapshot_responses(engine.epoch, engine.bars.last, closed, unfinished)
