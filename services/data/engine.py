"""A named data engine of the service: the core's engine, with its streams and producers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from alphaforge.data.v1.engines_pb2 import StartRequest, StopRequest
from alphaforge.data.v1.settings_pb2 import DataEngineSettings
from alphaforge.data.v1.ticks_pb2 import (
    AdvanceTimeRequest,
    AdvanceTimeResponse,
)
from alphaforge.journal.v1.checkpoints_pb2 import DataCheckpoint, FirstAnswer, ProducerMark
from alphaforge.journal.v1.inputs_pb2 import EpochBegun
from alphaforge_core.data import DataEngineConfig
from alphaforge_core.data_wire import (
    ProcessRequest,
    ServiceEngine,
    decode_bars,
    encode_bars,
    has_calendars,
    time_zones,
)
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.model import Bar, BarType, TradeTick, TradeTickBatch

from services.access.gate import require
from services.access.roles import Role
from services.base.messages import fill, with_message
from services.base.messages import given as plain
from services.data.wire import bars_response, columns_of, instrument_of, trades_response
from services.engines.engine import DAY_NS, NamedEngine, check_durability, epoch_changed
from services.engines.producers import Producers
from services.engines.rows import Table
from services.engines.state import Kept, groups
from services.streams.feed import Feed, Subscribers
from services.streams.ring import Ring

__all__ = ["NamedDataEngine", "Outcome"]

BARS_MAX = 10_000
# Maximum number of bars that one AdvanceTime closes. Part of rule 2.4: a replay must close the same number.
ADVANCE_BARS_MAX = 20_000
# Maximum number of bars of all types that one trade may close; more than the defaults allow with 32 types.
TRADE_BARS_MAX = 400_000
TRADES_PER_RESPONSE = 16_384
_NEGATIVE = "negative_price_instruments"
# Settings to which an engine's are added, and from which nothing is removed.
_GROWING = ("bar_types", "time_zones", "calendars", _NEGATIVE)
# Bars of a checkpoint encoded at a time.
_BARS_PER_PART = 1_024


class Outcome(NamedTuple):
    """The result of a call: its answer, and the bars and trades to publish."""

    answer: bytes
    bars: Sequence[Bar] = ()
    trades: Sequence[TradeTick] = ()
    producer_id: str = ""
    producer_sequence: int = 0


class NamedDataEngine(NamedEngine):
    """One engine of the service."""

    NOUN = "data"
    core: ServiceEngine

    def __init__(
        self, name: str, epoch: int, settings: Mapping[str, Any], table: Table, subscribers: Subscribers
    ) -> None:
        given = _with_time_zones(_canonical(settings))
        config = DataEngineConfig(**given)
        super().__init__(name, epoch, {**_canonical(config.as_dict()), **given}, table)
        self.core = ServiceEngine(config)
        self.receive_at = self.core.receive_at
        self._shortest_ns = _shortest_step(self.core.bar_types)
        self.producers = Producers()
        self._subscribers = subscribers
        self._make_streams()

    def _make_streams(self, bars_sent: int = 0, trades_sent: int = 0) -> None:
        self._bars: Ring[Bar] = Ring(self.settings["max_replay_bars"], bars_sent)
        self._trades: Ring[TradeTick] = Ring(self.settings["max_replay_trades"], trades_sent)
        self.bars = Feed(
            self._bars,
            epoch=self.epoch,
            subscribers=self._subscribers,
            encode=bars_response,
            group_of=instrument_of,
        )
        self.trades = Feed(
            self._trades,
            epoch=self.epoch,
            subscribers=self._subscribers,
            encode=trades_response,
            events_per_response=TRADES_PER_RESPONSE,
            group_of=instrument_of,
        )

    def check_settings(self) -> None:
        """Raises InvalidArgument SETTING_INVALID if one trade could close more bars than a call may."""
        check_bars_of_a_trade(self.settings)

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Ignores what only grows, such as bar types: missing ones are added, and extra ones don't matter."""
        return super().differing({key: value for key, value in given.items() if key not in _GROWING})

    async def add(self, given: Mapping[str, Any]) -> None:
        """Adds missing bar types, names of instruments and calendars. Raises InvalidArgument beyond the maximum."""
        wanted = _canonical(given)
        known = {"bar_types": self.core.bar_types, _NEGATIVE: self.settings[_NEGATIVE]}
        missing = {key: wanted[key] for key, own in known.items() if not set(wanted.get(key, ())) <= set(own)}
        if not has_calendars(self.core.calendars, wanted.get("calendars", ())):
            missing["calendars"] = wanted["calendars"]
        if missing:
            what = "bar types" if "bar_types" in missing else next(iter(missing))
            require(Role.WRITE, f"add {what} to data engine {self.name!r}")
            await self.reconfigure(missing)

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Changes settings and keeps the bars.

        Raises InvalidArgument for another durability, and for another origin_offset_ns if there are bars.
        """
        check_durability(self, given)
        settings = {**self.settings, **_canonical(given)}
        types = dict.fromkeys((*self.core.bar_types, *settings["bar_types"]))
        check_bars_of_a_trade({**settings, "bar_types": tuple(types)})
        changed = _canonical(given)
        if _NEGATIVE in changed:
            changed[_NEGATIVE] = _joined(self.settings[_NEGATIVE], changed[_NEGATIVE])
        known = (*self.settings["time_zones"], *changed.get("time_zones", ()))
        if zones := time_zones(list(types), known, (*self.core.calendars, *changed.get("calendars", ()))):
            changed["time_zones"] = zones
        await self.take("SettingsChanged", fill(DataEngineSettings(), changed))
        return True

    def change_settings(self, message: DataEngineSettings) -> bytes:
        """Applies the settings of the message."""
        settings = {**self.settings, **_canonical(plain(message))}
        self.core.reconfigure(DataEngineConfig(**settings))
        grown = {"bar_types": tuple(self.core.bar_types), "calendars": list(self.core.calendars)}
        self.settings = {**settings, **grown}
        self._shortest_ns = _shortest_step(self.core.bar_types)
        self._bars.resize(settings["max_replay_bars"])
        self._trades.resize(settings["max_replay_trades"])
        return b""

    def step_at(self, time_ns: int) -> int:
        """Returns the index of the interval of the engine's shortest time bars that contains `time_ns`."""
        return (time_ns - int(self.settings["origin_offset_ns"])) // self._shortest_ns

    def has_more(self, answer: bytes) -> bool:
        """Whether bars remain to be closed after this answer to AdvanceTime."""
        return AdvanceTimeResponse.FromString(answer).has_more

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's streams with `error`."""
        self.bars.end(error)
        self.trades.end(error)

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Starts a new epoch and ends the streams; drops an instrument if the message names one."""
        if message.HasField("instrument_id"):
            self.core.reset(message.instrument_id)
        self.epoch = message.epoch
        self.keep_answer(message.first_answer)
        self.close(epoch_changed("data", self.name))
        self._make_streams()
        return b""

    def kept(self) -> Kept:
        """The service's part of a checkpoint: producers, answers and the last events."""
        head = DataCheckpoint(refused=self.refused, bar_sequence=self._bars.last, trade_sequence=self._trades.last)
        others = _not_compared(self.answers.saved(), self._bars.copy(), self._trades.copy())
        return Kept(_compared(head, self.producers.marks()), others)

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Restores the state of a checkpoint."""
        self.core.restore(snapshot)
        message = DataCheckpoint.FromString(kept)
        self.producers.take_over(message.producers)
        self.answers.restore(message.answers)
        self.refused.update(message.refused)
        bars = decode_bars(kept, DataCheckpoint.BARS_FIELD_NUMBER)
        trades = [TradeTickBatch.from_wire(columns.SerializeToString()) for columns in message.trades]
        self._make_streams(message.bar_sequence - len(bars), message.trade_sequence - sum(map(len, trades)))
        self._bars.append(bars)
        for batch in trades:
            self._trades.append(cast("Sequence[TradeTick]", batch))

    def publish(self, outcome: Outcome) -> bytes:
        """Publishes the result of a call to subscribers and returns its answer."""
        self.producers.applied(outcome.producer_id, outcome.producer_sequence, outcome.answer)
        if outcome.bars:
            self._bars.append(outcome.bars)
            if self.bars.waiters:
                self.bars.notify()
        if outcome.trades:
            self._trades.append(outcome.trades)
            if self.trades.waiters:
                self.trades.notify()
        return outcome.answer

    # --- Calls. Those that change something return a result to publish.

    def process(self, request: ProcessRequest) -> Outcome:
        """Applies one tick, or a batch."""
        producer_id, sequence = request.producer_id, request.producer_sequence
        if (answer := self.producers.first_answer(producer_id, sequence)) is not None:
            return Outcome(answer)
        outcome = self.core.process_request(request)
        self.refused.update(outcome.rejected)
        # A ring can store the batch itself, which creates bar objects only when they are read.
        bars = cast("Sequence[Bar]", outcome.bars)
        trades = cast("Sequence[TradeTick]", outcome.accepted if outcome.processed_count else ())
        return Outcome(outcome.to_wire(self.epoch), bars, trades, producer_id, sequence)

    def advance_time(self, message: AdvanceTimeRequest) -> Outcome:
        """Advances market time."""
        with self.counting_refusal():
            bars, is_done = self.core.advance_time_part(message.now_ns, ADVANCE_BARS_MAX)
        wanted = encode_bars(_wanted(bars, message.bar_types), AdvanceTimeResponse.BARS_FIELD_NUMBER)
        return Outcome(wanted + AdvanceTimeResponse(has_more=not is_done).SerializeToString(), bars)

    def start(self, message: StartRequest) -> bytes:
        """Starts the engine."""
        self.core.start()
        return b""

    def stop(self, message: StopRequest) -> Outcome:
        """Stops the engine; with flush_on_stop its open bars close."""
        return Outcome(b"", self.core.stop_and_flush())


def _compared(head: DataCheckpoint, producers: Iterable[ProducerMark]) -> Iterator[bytes]:
    yield head.SerializeToString(deterministic=True)
    for some in groups(producers):
        yield DataCheckpoint(producers=some).SerializeToString()


def _not_compared(answers: Iterable[FirstAnswer], bars: Ring[Bar], trades: Ring[TradeTick]) -> Iterator[bytes]:
    for saved in groups(answers):
        yield DataCheckpoint(answers=saved).SerializeToString()
    for ticks in trades.pieces(TRADES_PER_RESPONSE):
        yield with_message(DataCheckpoint(), DataCheckpoint.TRADES_FIELD_NUMBER, columns_of(ticks))
    for piece in bars.pieces(_BARS_PER_PART):
        yield encode_bars(piece, DataCheckpoint.BARS_FIELD_NUMBER)


def check_bars_of_a_trade(settings: Mapping[str, Any]) -> None:
    """Raises InvalidArgument SETTING_INVALID if one trade could close more bars than a call may."""
    kinds = [BarType(name).kind for name in settings["bar_types"]]
    timed = sum(kind in ("time", "day", "week", "month") for kind in kinds)
    flat = timed * settings["max_gap_bars"] if settings["fill_gaps"] else 0
    cut = (kinds.count("volume") + kinds.count("dollar")) * settings["max_bars_per_tick"]
    if flat + cut > TRADE_BARS_MAX:
        raise InvalidArgument(
            f"one trade could close {flat + cut:,} bars; the limit is {TRADE_BARS_MAX:,}: use fewer bar types, "
            f"or a smaller {'max_gap_bars' if flat > cut else 'max_bars_per_tick'}",
            reason="SETTING_INVALID",
        )


def _with_time_zones(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, with the rules of all time zones that the bar types name."""
    zones = time_zones(settings.get("bar_types", ()), settings.get("time_zones", ()), settings.get("calendars", ()))
    return {**settings, "time_zones": zones} if zones else settings


def _joined(own: Iterable[str], added: Iterable[str]) -> tuple[str, ...]:
    """The names of instruments, each once. Raises InvalidArgument SETTING_INVALID beyond the maximum."""
    names = tuple(dict.fromkeys((*own, *added)))
    DataEngineConfig(negative_price_instruments=names)
    return names


def _wanted(bars: Sequence[Bar], bar_types: Sequence[str]) -> Sequence[Bar]:
    if not bar_types:
        return bars
    names = {str(BarType(name)) for name in bar_types}
    return [bar for bar in bars if str(bar.bar_type) in names]


def _shortest_step(bar_types: Sequence[str]) -> int:
    """The shortest step of the time bars, in nanoseconds; a day without time bars."""
    types = map(BarType, bar_types)
    return min((int(bar_type.step) for bar_type in types if bar_type.kind == "time"), default=DAY_NS)


def _canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for comparison: bar types by canonical name, without duplicates."""
    result = dict(settings)
    if "bar_types" in result:
        result["bar_types"] = tuple(dict.fromkeys(str(BarType(name)) for name in result["bar_types"]))
    return result
