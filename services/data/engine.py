"""A data engine of the service: the core's engine by name, with its streams and its producers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from alphaforge.data.v1.engines_pb2 import ResetEngineRequest, StartRequest, StopRequest
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
    AdvanceTimeRequest,
    AdvanceTimeResponse,
    GetProducerStateRequest,
    GetProducerStateResponse,
)
from alphaforge_core.data import DataEngine, DataEngineConfig, ProcessRequest, encode_bars
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.model import Bar, BarType, TradeTick

from services.common.messages import fill
from services.common.pages import page
from services.common.producers import Producers
from services.common.registry import NamedEngine, check_durability, epoch_changed, new_epoch
from services.common.ring import Ring
from services.common.streams import Feed, Subscribers
from services.data.wire import bars_response, snapshot_responses, trades_response

__all__ = ["NamedDataEngine", "Outcome"]

BARS_MAX = 10_000
TRADES_PER_RESPONSE = 16_384

# Where the service's default is not that of DataEngineConfig.
_DEFAULTS: Mapping[str, Any] = {"durability": "none"}


class Outcome(NamedTuple):
    """What a call did: its answer, and what is to be published of it."""

    answer: bytes
    bars: Sequence[Bar] = ()
    trades: Sequence[TradeTick] = ()
    producer_id: str = ""
    producer_sequence: int = 0


class NamedDataEngine(NamedEngine):
    """One engine of the service."""

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any], subscribers: Subscribers) -> None:
        check_durability(settings)
        given = _canonical(settings)
        config = DataEngineConfig(**given)
        super().__init__(name, epoch, {**_canonical(config.as_dict()), **_DEFAULTS, **given})
        self.engine = DataEngine(config)
        self.producers = Producers()
        self._subscribers = subscribers
        self._make_streams()

    def _make_streams(self) -> None:
        self._bars: Ring[Bar] = Ring(self.settings["max_replay_bars"])
        self._trades: Ring[TradeTick] = Ring(self.settings["max_replay_trades"])
        self.bars = Feed(self._bars, epoch=self.epoch, subscribers=self._subscribers, encode=bars_response)
        self.trades = Feed(
            self._trades,
            epoch=self.epoch,
            subscribers=self._subscribers,
            encode=trades_response,
            events_per_response=TRADES_PER_RESPONSE,
        )

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Bar types never differ: those that the engine lacks are added, the others are nobody's harm."""
        return super().differing({key: value for key, value in given.items() if key != "bar_types"})

    def add(self, given: Mapping[str, Any]) -> None:
        """Adds the bar types that the engine lacks. Raises InvalidArgument for more than it can have."""
        if "bar_types" in given:
            self.engine.add_bar_types(list(given["bar_types"]))
            self.settings["bar_types"] = tuple(self.engine.bar_types)

    def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Takes other settings over. Raises InvalidArgument for another origin_offset_ns where there are bars."""
        check_durability(given)
        settings = {**self.settings, **_canonical(given)}
        self.engine.reconfigure(DataEngineConfig(**settings))
        self.settings = {**settings, "bar_types": tuple(self.engine.bar_types)}
        self._bars.resize(settings["max_replay_bars"])
        self._trades.resize(settings["max_replay_trades"])
        return True

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's streams with `error`."""
        self.bars.end(error)
        self.trades.end(error)

    def forget(self, message: ResetEngineRequest) -> bytes:
        """Empties one instrument and begins a new epoch, which ends the streams."""
        self.engine.reset(message.instrument_id)
        self.epoch = new_epoch()
        self.close(epoch_changed("data", self.name))
        self._make_streams()
        return b""

    def publish(self, outcome: Outcome) -> bytes:
        """Hands what a call did to the subscribers, and returns its answer."""
        self.producers.applied(outcome.producer_id, outcome.producer_sequence, outcome.answer)
        if outcome.bars:
            self._bars.append(outcome.bars)
            self.bars.notify()
        if outcome.trades:
            self._trades.append(outcome.trades)
            self.trades.notify()
        return outcome.answer

    # --- Calls: what changes something returns what is to be published of it.

    def process(self, request: ProcessRequest) -> Outcome:
        """Applies one tick, or many."""
        producer_id, sequence = request.producer_id, request.producer_sequence
        if (answer := self.producers.first_answer(producer_id, sequence)) is not None:
            return Outcome(answer)
        outcome = self.engine.process_request(request)
        bars = outcome.bars if outcome.has_bars else ()
        # A batch is a sequence of ticks in all that a ring asks of one, and stays columns.
        trades = cast("Sequence[TradeTick]", outcome.accepted if outcome.processed_count else ())
        return Outcome(outcome.to_wire(self.epoch), bars, trades, producer_id, sequence)

    def advance_time(self, message: AdvanceTimeRequest) -> Outcome:
        """Moves market time forward."""
        bars = self.engine.advance_time(message.now_ns)
        wanted = encode_bars(_wanted(bars, message.bar_types), AdvanceTimeResponse.BARS_FIELD_NUMBER)
        return Outcome(wanted, bars)

    def start(self, message: StartRequest) -> bytes:
        """Starts the engine."""
        self.engine.start()
        return b""

    def producer_state(self, message: GetProducerStateRequest) -> bytes:
        """How far a producer has got."""
        last = self.producers.last_sequence(message.producer_id)
        return GetProducerStateResponse(last_sequence=last, epoch=self.epoch).SerializeToString()

    def statistics(self, message: GetStatisticsRequest) -> bytes:
        """The engine's counters."""
        statistics = fill(DataEngineStatistics(), self.engine.statistics().as_dict())
        return GetStatisticsResponse(statistics=statistics).SerializeToString()

    def stop(self, message: StopRequest) -> Outcome:
        """Stops the engine; with flush_on_stop its open bars close."""
        return Outcome(b"", self.engine.flush())

    def get_bars(self, message: GetBarsRequest) -> bytes:
        """Closed bars of one instrument and type, the newest that match."""
        limit = min(message.limit or BARS_MAX, BARS_MAX)
        bars = self.engine.get_bars(
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

    def open_bars(self, message: GetOpenBarsRequest) -> bytes:
        """The unfinished bars of one instrument."""
        bars = self.engine.open_bars(message.instrument_id)
        return encode_bars(bars, GetOpenBarsResponse.BARS_FIELD_NUMBER)

    def list_instruments(self, message: ListInstrumentsRequest) -> bytes:
        """A page of the instruments."""
        names, token = page(self.engine.instruments(), message.limit, message.page_token)
        instruments = [
            Instrument(instrument_id=name, market_time_ns=self.engine.market_time(name) or 0) for name in names
        ]
        return ListInstrumentsResponse(instruments=instruments, next_page_token=token).SerializeToString()

    def snapshot(self, message: SubscribeBarsRequest) -> list[bytes]:
        """The responses that show a new subscriber what there is: closed bars, then the open ones."""
        closed: list[Bar] = []
        unfinished: list[Bar] = []
        types = [str(BarType(name)) for name in message.bar_types] or self.engine.bar_types
        for instrument_id in message.instrument_ids or self.engine.instruments():
            for bar_type in types:
                closed += self.engine.get_bars(instrument_id, bar_type, message.snapshot_bars)
            unfinished += [bar for bar in self.engine.open_bars(instrument_id) if str(bar.bar_type) in types]
        return snapshot_responses(self.epoch, self._bars.last, closed, unfinished)


def _wanted(bars: Sequence[Bar], bar_types: Sequence[str]) -> Sequence[Bar]:
    if not bar_types:
        return bars
    names = {str(BarType(name)) for name in bar_types}
    return [bar for bar in bars if str(bar.bar_type) in names]


def _canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are compared: bar types by their canonical names, each once."""
    result = dict(settings)
    if "bar_types" in result:
        result["bar_types"] = tuple(dict.fromkeys(str(BarType(name)) for name in result["bar_types"]))
    return result
