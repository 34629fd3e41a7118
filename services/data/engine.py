"""A data engine of the service: the core's engine by name, with its streams and its producers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from alphaforge.data.v1.engines_pb2 import StartRequest, StopRequest
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.ticks_pb2 import (
    AdvanceTimeRequest,
    AdvanceTimeResponse,
)
from alphaforge.journal.v1.checkpoints_pb2 import DataCheckpoint
from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.data import DataEngine, DataEngineConfig, ProcessRequest, decode_bars, encode_bars
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from services.common.engine import (
    BEGIN_EPOCH,
    DAY_NS,
    SETTINGS_CHANGED,
    Input,
    NamedEngine,
    check_durability,
    epoch_changed,
)
from services.common.gate import require
from services.common.messages import fill, with_messages
from services.common.messages import given as plain
from services.common.producers import Producers
from services.common.ring import Ring
from services.common.roles import Role
from services.common.streams import Feed, Subscribers
from services.data.wire import bars_response, columns_of, trades_response

__all__ = ["ADVANCE_TIME", "PROCESS_TICK", "PROCESS_TICKS", "START", "STOP", "NamedDataEngine", "Outcome"]

BARS_MAX = 10_000
TRADES_PER_RESPONSE = 16_384


class Outcome(NamedTuple):
    """What a call did: its answer, and what is to be published of it."""

    answer: bytes
    bars: Sequence[Bar] = ()
    trades: Sequence[TradeTick] = ()
    producer_id: str = ""
    producer_sequence: int = 0


class NamedDataEngine(NamedEngine):
    """One engine of the service."""

    NOUN = "data"

    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any], subscribers: Subscribers) -> None:
        given = _canonical(settings)
        config = DataEngineConfig(**given)
        super().__init__(name, epoch, {**_canonical(config.as_dict()), **given})
        self.core = DataEngine(config)
        self._shortest_ns = _shortest_step(self.core.bar_types)
        self.producers = Producers()
        self._subscribers = subscribers
        self._make_streams()

    def _make_streams(self, bars_sent: int = 0, trades_sent: int = 0) -> None:
        self._bars: Ring[Bar] = Ring(self.settings["max_replay_bars"], bars_sent)
        self._trades: Ring[TradeTick] = Ring(self.settings["max_replay_trades"], trades_sent)
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

    async def add(self, given: Mapping[str, Any]) -> None:
        """Adds the bar types that the engine lacks. Raises InvalidArgument for more than it can have."""
        wanted = _canonical(given).get("bar_types", ())
        if not set(wanted) <= set(self.core.bar_types):
            require(Role.WRITE, f"add bar types to data engine {self.name!r}")
            await self.reconfigure({"bar_types": wanted})

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Takes other settings over and keeps the bars.

        Raises InvalidArgument for another durability, and for another origin_offset_ns where there are bars.
        """
        check_durability(self, given)
        message = fill(DataEngineSettings(), _canonical(given))
        await self.take(CHANGE_SETTINGS, message.SerializeToString(), message)
        return True

    def change_settings(self, message: DataEngineSettings) -> bytes:
        """Other settings from now on: those of the message."""
        settings = {**self.settings, **_canonical(plain(message))}
        self.core.reconfigure(DataEngineConfig(**settings))
        self.settings = {**settings, "bar_types": tuple(self.core.bar_types)}
        self._shortest_ns = _shortest_step(self.core.bar_types)
        self._bars.resize(settings["max_replay_bars"])
        self._trades.resize(settings["max_replay_trades"])
        return b""

    def step_at(self, time_ns: int) -> int:
        """In which step of its shortest time bars a time lies."""
        return (time_ns - int(self.settings["origin_offset_ns"])) // self._shortest_ns

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's streams with `error`."""
        self.bars.end(error)
        self.trades.end(error)

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Begins a new epoch, which ends the streams; forgets an instrument where the message names one."""
        if message.HasField("instrument_id"):
            self.core.reset(message.instrument_id)
        self.epoch = message.epoch
        self.close(epoch_changed("data", self.name))
        self._make_streams()
        return b""

    def state(self) -> tuple[bytes, bytes]:
        """What a checkpoint holds: producers, answers and the last events, and the core's snapshot."""
        kept = DataCheckpoint(
            producers=self.producers.marks(),
            answers=self.answers.saved(),
            bar_sequence=self._bars.last,
            trade_sequence=self._trades.last,
        )
        bars = (encode_bars(bars, DataCheckpoint.BARS_FIELD_NUMBER) for bars in self._bars.pieces(BARS_MAX))
        trades = (columns_of(ticks) for ticks in self._trades.pieces(TRADES_PER_RESPONSE))
        head = with_messages(kept, DataCheckpoint.TRADES_FIELD_NUMBER, trades)
        return b"".join((head, *bars)), self.core.snapshot()

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Takes over the state of a checkpoint."""
        self.core.restore(snapshot)
        message = DataCheckpoint.FromString(kept)
        self.producers.take_over(message.producers)
        self.answers.restore(message.answers)
        bars = decode_bars(kept, DataCheckpoint.BARS_FIELD_NUMBER)
        trades = [TradeTickBatch.from_wire(columns.SerializeToString()) for columns in message.trades]
        self._make_streams(message.bar_sequence - len(bars), message.trade_sequence - sum(map(len, trades)))
        self._bars.append(bars)
        for batch in trades:
            self._trades.append(cast("Sequence[TradeTick]", batch))

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
        outcome = self.core.process_request(request)
        # Batches are sequences in all that a ring asks of one, and make no objects that nobody reads.
        bars = cast("Sequence[Bar]", outcome.bars)
        trades = cast("Sequence[TradeTick]", outcome.accepted if outcome.processed_count else ())
        return Outcome(outcome.to_wire(self.epoch), bars, trades, producer_id, sequence)

    def advance_time(self, message: AdvanceTimeRequest) -> Outcome:
        """Moves market time forward."""
        bars = self.core.advance_time(message.now_ns)
        wanted = encode_bars(_wanted(bars, message.bar_types), AdvanceTimeResponse.BARS_FIELD_NUMBER)
        return Outcome(wanted, bars)

    def start(self, message: StartRequest) -> bytes:
        """Starts the engine."""
        self.core.start()
        return b""

    def stop(self, message: StopRequest) -> Outcome:
        """Stops the engine; with flush_on_stop its open bars close."""
        return Outcome(b"", self.core.flush())


def _wanted(bars: Sequence[Bar], bar_types: Sequence[str]) -> Sequence[Bar]:
    if not bar_types:
        return bars
    names = {str(BarType(name)) for name in bar_types}
    return [bar for bar in bars if str(bar.bar_type) in names]


def _shortest_step(bar_types: Sequence[str]) -> int:
    """Of the time bars, in nanoseconds; a day where there are none."""
    types = map(BarType, bar_types)
    return min((int(bar_type.step) for bar_type in types if bar_type.kind == "time"), default=DAY_NS)


def _canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are compared: bar types by their canonical names, each once."""
    result = dict(settings)
    if "bar_types" in result:
        result["bar_types"] = tuple(dict.fromkeys(str(BarType(name)) for name in result["bar_types"]))
    return result


PROCESS_TICK: Input[NamedDataEngine, ProcessRequest, Outcome] = Input(
    16, partial(ProcessRequest.from_wire, single=True), NamedDataEngine.process, NamedDataEngine.publish
)
PROCESS_TICKS: Input[NamedDataEngine, ProcessRequest, Outcome] = Input(
    17, ProcessRequest.from_wire, NamedDataEngine.process, NamedDataEngine.publish
)
ADVANCE_TIME: Input[NamedDataEngine, AdvanceTimeRequest, Outcome] = Input(
    18, AdvanceTimeRequest.FromString, NamedDataEngine.advance_time, NamedDataEngine.publish, is_once=True
)
START: Input[NamedDataEngine, StartRequest, bytes] = Input(19, StartRequest.FromString, NamedDataEngine.start)
STOP: Input[NamedDataEngine, StopRequest, Outcome] = Input(
    20, StopRequest.FromString, NamedDataEngine.stop, NamedDataEngine.publish
)
CHANGE_SETTINGS: Input[NamedDataEngine, DataEngineSettings, bytes] = Input(
    SETTINGS_CHANGED, DataEngineSettings.FromString, NamedDataEngine.change_settings
)
NamedDataEngine.INPUTS = {
    each.kind: each for each in (BEGIN_EPOCH, CHANGE_SETTINGS, PROCESS_TICK, PROCESS_TICKS, ADVANCE_TIME, START, STOP)
}
