"""A named execution engine of the service: the core's engine, with its streams and producers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from alphaforge.execution.v1.accounts_pb2 import ResumeStrategyRequest, ResumeStrategyResponse
from alphaforge.execution.v1.engines_pb2 import (
    HaltRequest,
    MarketDataState,
    ResumeRequest,
)
from alphaforge.execution.v1.market_data_pb2 import (
    AdvanceTimeRequest,
    ProcessTradeTicksResponse,
)
from alphaforge.execution.v1.orders_pb2 import (
    CancelAllOrdersRequest,
    CancelAllOrdersResponse,
    CancelMatchingOrdersRequest,
    CancelMatchingOrdersResponse,
    CancelOrderRequest,
    CancelOrderResponse,
    CancelOrdersRequest,
    CancelOrdersResponse,
    ModifyOrderRequest,
    ModifyOrderResponse,
)
from alphaforge.execution.v1.sessions_pb2 import (
    CloseSessionRequest,
    CloseSessionResponse,
    KeepSessionRequest,
    OpenSessionRequest,
    OpenSessionResponse,
)
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge.journal.v1.checkpoints_pb2 import ExecutionCheckpoint, FirstAnswer, ProducerMark
from alphaforge.journal.v1.inputs_pb2 import EpochBegun, MarketDataWatched, SessionBegun, SessionEnded
from alphaforge.type.v1.stream_pb2 import Gap
from alphaforge_core.data_wire import ProcessRequest, TradesResponse
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, OrderEvent
from alphaforge_core.execution_wire import ServiceEngine, SubmitRequest

from services.base.messages import fill
from services.base.messages import given as plain
from services.engines.engine import BEFORE, NamedEngine, check_durability, epoch_changed
from services.engines.producers import Producers
from services.engines.rows import Table
from services.engines.state import Kept, groups
from services.engines.ticks import rejected_messages
from services.execution.sessions import Sessions, session_begun, session_ended
from services.execution.wire import ModifyRequest, RegisterRequest, events_response, side_or_none
from services.streams.feed import Feed, Subscribers

__all__ = ["NamedExecutionEngine", "Outcome"]


class Outcome(NamedTuple):
    """The result of a call with ticks: its answer and its producer."""

    answer: bytes
    producer_id: str = ""
    producer_sequence: int = 0


class MarketData:
    """The position in the trades of the data engine of the same name."""

    def __init__(self) -> None:
        self.state: MarketDataState.ValueType = MarketDataState.MARKET_DATA_STATE_OFF
        self.epoch = 0
        self.sequence = 0
        self.missed = 0

    def place_in(self, message: TradesResponse) -> int:
        """Returns the last applied sequence of the message's epoch; 0 for none."""
        return self.sequence if message.epoch == self.epoch else 0

    def is_behind(self, message: TradesResponse) -> bool:
        """Whether the message has new trades."""
        return message.epoch != self.epoch or message.sequence > self.sequence

    def move_to(self, message: TradesResponse) -> None:
        """Moves to the end of the message. Counts trades between the old position and the message as missed.

        The first time, an engine starts at the current position; in a new epoch of the data engine, at the first trade.
        """
        place = self.place_in(message)
        if self.epoch:
            self.missed += max(0, message.previous_sequence - place)
        if message.gap is not None:
            gap = Gap.FromString(message.gap)
            self.missed += max(0, gap.last_sequence - max(gap.first_sequence - 1, place))
        self.epoch, self.sequence = message.epoch, message.sequence


class _EventLog:
    """The event log that the core's engine keeps."""

    def __init__(self, engine: ExecutionEngine) -> None:
        self._engine = engine

    @property
    def first(self) -> int:
        return self._engine.first_event_sequence

    @property
    def last(self) -> int:
        return self._engine.last_event_sequence

    def read(self, after: int, limit: int) -> Sequence[OrderEvent]:
        return self._engine.events(after + 1, limit)


class NamedExecutionEngine(NamedEngine):
    """One engine of the service."""

    NOUN = "execution"
    core: ServiceEngine

    def __init__(
        self,
        name: str,
        epoch: int,
        settings: Mapping[str, Any],
        table: Table,
        subscribers: Subscribers,
        event_backlog: int,
    ) -> None:
        config = ExecutionEngineConfig(**settings)
        super().__init__(name, epoch, config.as_dict(), table)
        self.core = ServiceEngine(config)
        # The latency of an order is the time from the receipt of its call to its acknowledgement.
        self.receive_at = partial(setattr, self.core, "received_at")
        self.acknowledge = self.core.acknowledge
        self.producers = Producers()
        self.market_data = MarketData()
        self.sessions = Sessions()
        self._subscribers = subscribers
        self._event_backlog = event_backlog
        self.events = self._make_stream()

    def _make_stream(self) -> Feed[OrderEvent]:
        return Feed(
            _EventLog(self.core),
            epoch=self.epoch,
            subscribers=self._subscribers,
            encode=events_response,
            ends_when_behind=self._event_backlog,
            group_of=lambda event: event.strategy_id,
        )

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Compares numbers by value: "0.10" equals 0.1."""
        return super().differing(ExecutionEngineConfig(**given).given())

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Changes settings and keeps every order. Raises InvalidArgument for another durability."""
        check_durability(self, given)
        config = ExecutionEngineConfig(**{**self.settings, **given})
        await self.take("SettingsChanged", fill(ExecutionEngineSettings(), config.as_dict()))
        return True

    def change_settings(self, message: ExecutionEngineSettings) -> bytes:
        """Applies a complete set of new settings."""
        config = ExecutionEngineConfig(**{**BEFORE, **plain(message)})
        self.core.reconfigure(config)
        self.settings = config.as_dict()
        return b""

    def arrived(self) -> None:
        self.sessions.defer_all()

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's stream with `error`."""
        self.events.end(error)

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Starts a new epoch and ends the stream."""
        self.epoch = message.epoch
        self.close(epoch_changed("execution", self.name))
        self.events = self._make_stream()
        return b""

    def kept(self) -> Kept:
        """The service's part of a checkpoint: producers, answers, sessions and the position in the market data."""
        head = ExecutionCheckpoint(
            market_data_epoch=self.market_data.epoch,
            market_data_sequence=self.market_data.sequence,
            market_data_missed=self.market_data.missed,
            sessions=self.sessions.all(),
            refused=self.refused,
        )
        return Kept(_compared(head, self.producers.marks()), _not_compared(self.answers.saved()))

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Restores the state of a checkpoint."""
        self.core.restore(snapshot)
        message = ExecutionCheckpoint.FromString(kept)
        self.producers.take_over(message.producers)
        self.answers.restore(message.answers)
        self.refused.update(message.refused)
        self.market_data.epoch = message.market_data_epoch
        self.market_data.sequence = message.market_data_sequence
        self.market_data.missed = message.market_data_missed
        for session in message.sessions:
            self.sessions.begin(session)

    def publish(self, answer: bytes) -> bytes:
        """Notifies subscribers of new events and returns the answer of the call."""
        if self.events.waiters:
            self.events.notify()
        return answer

    def publish_ticks(self, outcome: Outcome) -> bytes:
        """Like `publish`, for a call with ticks."""
        self.producers.applied(outcome.producer_id, outcome.producer_sequence, outcome.answer)
        return self.publish(outcome.answer)

    # --- Orders.

    def submit_orders(self, request: SubmitRequest) -> bytes:
        """Submits one order, many independent ones, or a group."""
        return self.core.submit_request(request)

    def cancel_order(self, message: CancelOrderRequest) -> bytes:
        """Cancels one order."""
        return CancelOrderResponse(cancelled=self.core.cancel_order(message.order_id)).SerializeToString()

    def cancel_all_orders(self, message: CancelAllOrdersRequest) -> bytes:
        """Cancels all active orders, of one strategy or of all."""
        count = self.core.cancel_all_orders(message.strategy_id if message.HasField("strategy_id") else None)
        return CancelAllOrdersResponse(cancelled_count=count).SerializeToString()

    def modify_order(self, message: ModifyOrderRequest) -> bytes:
        """Changes the quantity, limit or stop price of an active order."""
        modified = self.core.modify_order(
            message.order_id,
            quantity=message.quantity if message.HasField("quantity") else None,
            price=message.price if message.HasField("price") else None,
            stop_price=message.stop_price if message.HasField("stop_price") else None,
        )
        return ModifyOrderResponse(modified=modified).SerializeToString()

    def cancel_orders(self, message: CancelOrdersRequest) -> bytes:
        """Cancels many orders."""
        return CancelOrdersResponse(cancelled=self.core.cancel_orders(message.order_ids)).SerializeToString()

    def cancel_matching(self, message: CancelMatchingOrdersRequest) -> bytes:
        """Cancels the active orders of a strategy, a symbol and a side."""
        count = self.core.cancel_all_orders(
            message.strategy_id if message.HasField("strategy_id") else None,
            symbol=message.instrument_id if message.HasField("instrument_id") else None,
            side=side_or_none(message.side),
        )
        return CancelMatchingOrdersResponse(cancelled_count=count).SerializeToString()

    def modify_orders(self, request: ModifyRequest) -> bytes:
        """Changes many orders."""
        return self.core.modify_request(request.changes)

    # --- Market data.

    def process(self, request: ProcessRequest) -> Outcome:
        """Applies one tick, or a batch."""
        producer_id, sequence = request.producer_id, request.producer_sequence
        if (answer := self.producers.first_answer(producer_id, sequence)) is not None:
            return Outcome(answer)
        result = self.core.process_batch(request.ticks)
        self.refused.update(reason for _, reason in result.rejected)
        response = ProcessTradeTicksResponse(
            rejected=rejected_messages(result.rejected),
            producer_sequence=sequence,
            epoch=self.epoch,
            processed_count=len(request.ticks) - len(result.rejected) - len(result.duplicates),
            duplicate_count=len(result.duplicates),
            duplicate_indexes=result.duplicates,
        )
        return Outcome(response.SerializeToString(), producer_id, sequence)

    def follow(self, message: TradesResponse) -> bytes:
        """Applies followed trades of the data engine, each at most once (rule 3.4).

        Ignores trades at or before the engine's position, because they could fill resting orders that are newer. Drops
        trades that a call already brought as duplicates.
        """
        if not self.market_data.is_behind(message):
            return b""
        rejected = self.core.process_trades(message, _known_count(message, self.market_data.place_in(message)))
        self.refused.update(rejected)
        self.market_data.move_to(message)
        return b""

    def watch(self, message: MarketDataWatched) -> bytes:
        """Marks followed market data as stale or fresh."""
        self.core.set_market_data_stale(message.stale)
        return b""

    def begin_session(self, message: SessionBegun) -> bytes:
        """Starts a strategy's session."""
        self.sessions.begin(message)
        self.keep_answer(message.first_answer)
        return OpenSessionResponse(session_id=message.session_id).SerializeToString()

    def end_session(self, message: SessionEnded) -> bytes:
        """Ends a strategy's session; if it lapsed, cancels the strategy's orders."""
        session = self.sessions.end(message.session_id)
        if session is not None and message.lapsed:
            self.core.lapse_session(session.strategy_id)
        answer = CloseSessionResponse(closed=session is not None).SerializeToString()
        if message.first_answer:
            first = FirstAnswer.FromString(message.first_answer)
            first.answer = answer
            self.answers.restore((first,))
        return answer

    async def open_session(self, message: OpenSessionRequest) -> bytes:
        """Opens a session for a strategy."""
        return await self.take("SessionBegun", session_begun(message))

    def keep_session(self, message: KeepSessionRequest) -> bytes:
        """Renews a session."""
        return self.sessions.keep(message)

    async def close_session(self, message: CloseSessionRequest) -> bytes:
        """Closes a session and keeps the strategy's orders."""
        return await self.take("SessionEnded", session_ended(message))

    def advance_time(self, message: AdvanceTimeRequest) -> bytes:
        """Advances market time."""
        with self.counting_refusal():
            self.core.advance_time(message.now_ns)
        return b""

    # --- The engine.

    def register_instruments(self, request: RegisterRequest) -> bytes:
        """Registers instruments."""
        self.core.register_instruments(request.instruments)
        return b""

    def halt(self, message: HaltRequest) -> bytes:
        """Rejects new orders."""
        self.core.halt()
        return b""

    def resume_strategy(self, message: ResumeStrategyRequest) -> bytes:
        """Accepts new orders of a strategy that max_loss halted."""
        return ResumeStrategyResponse(resumed=self.core.resume_strategy(message.strategy_id)).SerializeToString()

    def resume(self, message: ResumeRequest) -> bytes:
        """Accepts new orders again."""
        self.core.resume()
        return b""


def _compared(head: ExecutionCheckpoint, producers: Iterable[ProducerMark]) -> Iterator[bytes]:
    yield head.SerializeToString(deterministic=True)
    for some in groups(producers):
        yield ExecutionCheckpoint(producers=some).SerializeToString()


def _not_compared(answers: Iterable[FirstAnswer]) -> Iterator[bytes]:
    for saved in groups(answers):
        yield ExecutionCheckpoint(answers=saved).SerializeToString()


def _known_count(message: TradesResponse, place: int) -> int:
    """Counts the message's ticks at or before a position in its epoch."""
    if message.sequences:
        return bisect_right(message.sequences, place)
    # Without sequences, ticks are consecutive and end at the message's sequence.
    return max(0, place - (message.sequence - len(message.ticks)))
