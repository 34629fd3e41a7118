"""An execution engine of the service: the core's engine by name, with its streams and its producers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from alphaforge.data.v1.subscriptions_pb2 import SubscribeTradesResponse
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
    CancelOrderRequest,
    CancelOrderResponse,
    ModifyOrderRequest,
    ModifyOrderResponse,
)
from alphaforge.execution.v1.sessions_pb2 import CloseSessionResponse, OpenSessionResponse
from alphaforge.execution.v1.settings_pb2 import ExecutionEngineSettings
from alphaforge.journal.v1.checkpoints_pb2 import ExecutionCheckpoint
from alphaforge.journal.v1.inputs_pb2 import EpochBegun, MarketDataWatched, SessionBegun, SessionEnded
from alphaforge_core.data import ProcessRequest
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, OrderEvent
from alphaforge_core.model import TradeTickBatch

from services.common.engine import BEGIN_EPOCH, SETTINGS_CHANGED, Input, NamedEngine, check_durability, epoch_changed
from services.common.messages import fill
from services.common.messages import given as plain
from services.common.producers import Producers
from services.common.streams import Feed, Subscribers
from services.common.ticks import rejected_messages
from services.execution.sessions import Sessions
from services.execution.wire import events_response

__all__ = ["NamedExecutionEngine", "Outcome"]


class Outcome(NamedTuple):
    """What a call with ticks did: its answer, and whose call it was."""

    answer: bytes
    producer_id: str = ""
    producer_sequence: int = 0


class MarketData:
    """How far the engine has followed the data engine of its name."""

    def __init__(self) -> None:
        self.state: MarketDataState.ValueType = MarketDataState.MARKET_DATA_STATE_OFF
        self.epoch = 0
        self.sequence = 0
        self.missed = 0

    def is_at(self, message: SubscribeTradesResponse) -> bool:
        """Whether the message brings nothing new."""
        return (self.epoch, self.sequence) == (message.epoch, message.sequence)

    def move_to(self, message: SubscribeTradesResponse) -> None:
        """The place after the message; what lies between it and the place before was missed.

        An engine that follows for the first time begins where it is; one whose data engine begins anew wants all of it.
        """
        if self.epoch:
            before = self.sequence if message.epoch == self.epoch else 0
            self.missed += max(0, message.previous_sequence - before)
        if message.HasField("gap"):
            self.missed += message.gap.last_sequence - message.gap.first_sequence + 1
        self.epoch, self.sequence = message.epoch, message.sequence


class _EventLog:
    """The events that the engine itself keeps."""

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

    def __init__(
        self, name: str, epoch: int, settings: Mapping[str, Any], subscribers: Subscribers, event_backlog: int
    ) -> None:
        config = ExecutionEngineConfig(**settings)
        super().__init__(name, epoch, config.as_dict())
        self.core = ExecutionEngine(config)
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
        )

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Numbers are compared by value: "0.10" is 0.1."""
        return super().differing(ExecutionEngineConfig(**given).given())

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        """Takes other settings over and keeps every order. Raises InvalidArgument for another durability."""
        check_durability(self, given)
        config = ExecutionEngineConfig(**{**self.settings, **given})
        message = fill(ExecutionEngineSettings(), config.as_dict())
        await self.take(CHANGE_SETTINGS, message.SerializeToString(), message)
        return True

    def change_settings(self, message: ExecutionEngineSettings) -> bytes:
        """Other settings from now on; all of them."""
        config = ExecutionEngineConfig(**plain(message))
        self.core.reconfigure(config)
        self.settings = config.as_dict()
        return b""

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's stream with `error`."""
        self.events.end(error)

    def receive_at(self, received_ns: int) -> None:
        """The call that follows was received at this time: what orders say of when they came."""
        self.core.received_at = received_ns

    def acknowledged(self) -> None:
        """The orders of the call are acknowledged: that is how long they took."""
        self.core.acknowledge()

    def begin_epoch(self, message: EpochBegun) -> bytes:
        """Begins a new epoch, which ends the stream."""
        self.epoch = message.epoch
        self.close(epoch_changed("execution", self.name))
        self.events = self._make_stream()
        return b""

    def state(self) -> tuple[bytes, bytes]:
        """What a checkpoint holds: producers, answers, the place in the market data, and the core's snapshot."""
        kept = ExecutionCheckpoint(
            producers=self.producers.marks(),
            answers=self.answers.saved(),
            market_data_epoch=self.market_data.epoch,
            market_data_sequence=self.market_data.sequence,
            market_data_missed=self.market_data.missed,
            sessions=self.sessions.all(),
        )
        return kept.SerializeToString(), self.core.snapshot()

    def restore(self, kept: bytes, snapshot: bytes) -> None:
        """Takes over the state of a checkpoint."""
        self.core.restore(snapshot)
        message = ExecutionCheckpoint.FromString(kept)
        self.producers.take_over(message.producers)
        self.answers.restore(message.answers)
        self.market_data.epoch = message.market_data_epoch
        self.market_data.sequence = message.market_data_sequence
        self.market_data.missed = message.market_data_missed
        for session in message.sessions:
            self.sessions.begin(session)

    def publish(self, answer: bytes) -> bytes:
        """Tells the subscribers that there may be new events, and returns the answer of the call that made them."""
        self.events.notify()
        return answer

    def publish_ticks(self, outcome: Outcome) -> bytes:
        """The same for a call with ticks."""
        self.producers.applied(outcome.producer_id, outcome.producer_sequence, outcome.answer)
        return self.publish(outcome.answer)

    # --- Orders.

    def submit_order(self, request: bytes) -> bytes:
        """Submits one order."""
        return self.core.submit_order_wire(request)

    def submit_orders(self, request: bytes) -> bytes:
        """Submits many orders, each on its own."""
        return self.core.submit_orders_wire(request)

    def cancel_order(self, message: CancelOrderRequest) -> bytes:
        """Cancels one order."""
        return CancelOrderResponse(cancelled=self.core.cancel_order(message.order_id)).SerializeToString()

    def cancel_all_orders(self, message: CancelAllOrdersRequest) -> bytes:
        """Cancels all active orders, of one strategy or of all."""
        count = self.core.cancel_all_orders(message.strategy_id if message.HasField("strategy_id") else None)
        return CancelAllOrdersResponse(cancelled_count=count).SerializeToString()

    def modify_order(self, message: ModifyOrderRequest) -> bytes:
        """Changes quantity, limit or trigger of an active order."""
        modified = self.core.modify_order(
            message.order_id,
            quantity=message.quantity if message.HasField("quantity") else None,
            price=message.price if message.HasField("price") else None,
            stop_price=message.stop_price if message.HasField("stop_price") else None,
        )
        return ModifyOrderResponse(modified=modified).SerializeToString()

    # --- Market data.

    def process(self, request: ProcessRequest) -> Outcome:
        """Applies one tick, or many."""
        producer_id, sequence = request.producer_id, request.producer_sequence
        if (answer := self.producers.first_answer(producer_id, sequence)) is not None:
            return Outcome(answer)
        result = self.core.process_batch(request.ticks)
        response = ProcessTradeTicksResponse(
            rejected=rejected_messages(result.rejected),
            producer_sequence=sequence,
            epoch=self.epoch,
            processed_count=len(request.ticks) - len(result.rejected) - len(result.duplicates),
            duplicate_count=len(result.duplicates),
            duplicate_indexes=result.duplicates,
        )
        return Outcome(response.SerializeToString(), producer_id, sequence)

    def follow(self, message: SubscribeTradesResponse) -> bytes:
        """Applies trades of the data engine; those that came by a call already are dropped as duplicates."""
        if message.HasField("ticks"):
            self.core.process_batch(TradeTickBatch.from_wire(message.ticks.SerializeToString()))
        self.market_data.move_to(message)
        return b""

    def watch(self, message: MarketDataWatched) -> bytes:
        """The trades that the engine follows fell silent, or came back."""
        self.core.set_market_data_stale(message.stale)
        return b""

    def begin_session(self, message: SessionBegun) -> bytes:
        """A strategy's session begins."""
        self.sessions.begin(message)
        return OpenSessionResponse(session_id=message.session_id).SerializeToString()

    async def end_session(self, message: SessionEnded) -> bytes:
        """A strategy's session ends, in the journal too."""
        return await self.take(END_SESSION, message.SerializeToString(), message)

    def take_session_end(self, message: SessionEnded) -> bytes:
        """A strategy's session ends; where it lapsed, so do the strategy's orders."""
        session = self.sessions.end(message.session_id)
        if session is not None and message.lapsed:
            self.core.lapse_session(session.strategy_id)
        return CloseSessionResponse(closed=session is not None).SerializeToString()

    def advance_time(self, message: AdvanceTimeRequest) -> bytes:
        """Moves market time forward."""
        self.core.advance_time(message.now_ns)
        return b""

    # --- The engine.

    def halt(self, message: HaltRequest) -> bytes:
        """Rejects new orders."""
        self.core.halt()
        return b""

    def resume(self, message: ResumeRequest) -> bytes:
        """Accepts new orders again."""
        self.core.resume()
        return b""


_Engine = NamedExecutionEngine
SUBMIT_ORDER: Input[_Engine, bytes, bytes] = Input(16, bytes, _Engine.submit_order, _Engine.publish)
SUBMIT_ORDERS: Input[_Engine, bytes, bytes] = Input(17, bytes, _Engine.submit_orders, _Engine.publish)
CANCEL_ORDER: Input[_Engine, CancelOrderRequest, bytes] = Input(
    18, CancelOrderRequest.FromString, _Engine.cancel_order, _Engine.publish, is_once=True
)
CANCEL_ALL_ORDERS: Input[_Engine, CancelAllOrdersRequest, bytes] = Input(
    19, CancelAllOrdersRequest.FromString, _Engine.cancel_all_orders, _Engine.publish, is_once=True
)
MODIFY_ORDER: Input[_Engine, ModifyOrderRequest, bytes] = Input(
    20, ModifyOrderRequest.FromString, _Engine.modify_order, _Engine.publish, is_once=True
)
PROCESS_TICK: Input[_Engine, ProcessRequest, Outcome] = Input(
    21, partial(ProcessRequest.from_wire, single=True), _Engine.process, _Engine.publish_ticks
)
PROCESS_TICKS: Input[_Engine, ProcessRequest, Outcome] = Input(
    22, ProcessRequest.from_wire, _Engine.process, _Engine.publish_ticks
)
ADVANCE_TIME: Input[_Engine, AdvanceTimeRequest, bytes] = Input(
    23, AdvanceTimeRequest.FromString, _Engine.advance_time, _Engine.publish
)
HALT: Input[_Engine, HaltRequest, bytes] = Input(24, HaltRequest.FromString, _Engine.halt, _Engine.publish)
RESUME: Input[_Engine, ResumeRequest, bytes] = Input(25, ResumeRequest.FromString, _Engine.resume, _Engine.publish)
FOLLOW: Input[_Engine, SubscribeTradesResponse, bytes] = Input(
    26, SubscribeTradesResponse.FromString, _Engine.follow, _Engine.publish
)
WATCH: Input[_Engine, MarketDataWatched, bytes] = Input(
    27, MarketDataWatched.FromString, _Engine.watch, _Engine.publish
)
BEGIN_SESSION: Input[_Engine, SessionBegun, bytes] = Input(
    28, SessionBegun.FromString, _Engine.begin_session, _Engine.publish
)
END_SESSION: Input[_Engine, SessionEnded, bytes] = Input(
    29, SessionEnded.FromString, _Engine.take_session_end, _Engine.publish
)
CHANGE_SETTINGS: Input[_Engine, ExecutionEngineSettings, bytes] = Input(
    SETTINGS_CHANGED, ExecutionEngineSettings.FromString, _Engine.change_settings, _Engine.publish
)
NamedExecutionEngine.INPUTS = {
    each.kind: each
    for each in (
        BEGIN_EPOCH,
        CHANGE_SETTINGS,
        SUBMIT_ORDER,
        SUBMIT_ORDERS,
        CANCEL_ORDER,
        CANCEL_ALL_ORDERS,
        MODIFY_ORDER,
        PROCESS_TICK,
        PROCESS_TICKS,
        ADVANCE_TIME,
        HALT,
        RESUME,
        FOLLOW,
        WATCH,
        BEGIN_SESSION,
        END_SESSION,
    )
}
