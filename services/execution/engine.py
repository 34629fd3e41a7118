"""An execution engine of the service: the core's engine by name, with its streams and its producers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from alphaforge.execution.v1.engines_pb2 import (
    GetEngineStatusRequest,
    GetEngineStatusResponse,
    GetStatisticsRequest,
    GetStatisticsResponse,
    HaltRequest,
    MarketDataState,
    ResumeRequest,
    ValidateEngineRequest,
    ValidateEngineResponse,
)
from alphaforge.execution.v1.events_pb2 import ListOrderEventsRequest, ListOrderEventsResponse
from alphaforge.execution.v1.market_data_pb2 import (
    AdvanceTimeRequest,
    GetProducerStateRequest,
    GetProducerStateResponse,
    ProcessTradeTicksResponse,
)
from alphaforge.execution.v1.orders_pb2 import (
    CancelAllOrdersRequest,
    CancelAllOrdersResponse,
    CancelOrderRequest,
    CancelOrderResponse,
    GetOrderRequest,
    GetOrderResponse,
    ListFillsRequest,
    ListFillsResponse,
    ListOrdersRequest,
    ListOrdersResponse,
    ListPositionsRequest,
    ListPositionsResponse,
    ModifyOrderRequest,
    ModifyOrderResponse,
)
from alphaforge.execution.v1.statistics_pb2 import ExecutionStatistics
from alphaforge.type.v1.stream_pb2 import Gap, GapReason
from alphaforge_core.data import ProcessRequest
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.execution import ExecutionEngine, ExecutionEngineConfig, OrderEvent, OrderStatus
from alphaforge_core.model import TradeTickBatch

from services.common.messages import fill, with_message, with_messages
from services.common.pages import limit_of, page
from services.common.producers import Producers
from services.common.registry import NamedEngine, check_durability
from services.common.streams import Feed, Subscribers
from services.common.ticks import rejected_messages
from services.execution.wire import events_response, without_fills

__all__ = ["NamedExecutionEngine", "Outcome"]

# What the service itself does with an engine; the rest of its settings are the core's.
_SERVICE_DEFAULTS: Mapping[str, Any] = {
    "durability": "none",
    "subscribe_market_data": True,
    "stale_after_ns": 15_000_000_000,
    "live_clock": False,
    "close_grace_ns": 0,
}


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

    def __init__(
        self, name: str, epoch: int, settings: Mapping[str, Any], subscribers: Subscribers, event_backlog: int
    ) -> None:
        check_durability(settings)
        config = ExecutionEngineConfig(
            **{key: value for key, value in settings.items() if key not in _SERVICE_DEFAULTS}
        )
        super().__init__(name, epoch, {**_SERVICE_DEFAULTS, **_all_of(config), **_canonical(settings)})
        self.engine = ExecutionEngine(config)
        self.producers = Producers()
        self.market_data = MarketData()
        self.events = Feed(
            _EventLog(self.engine),
            epoch=epoch,
            subscribers=subscribers,
            encode=events_response,
            ends_when_behind=event_backlog,
        )

    def differing(self, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Numbers are compared by value: "0.10" is 0.1."""
        return super().differing(_canonical(given))

    def close(self, error: AlphaForgeError) -> None:
        """Ends the engine's stream with `error`."""
        self.events.end(error)

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
        return self.engine.submit_order_wire(request)

    def submit_orders(self, request: bytes) -> bytes:
        """Submits many orders, each on its own."""
        return self.engine.submit_orders_wire(request)

    def cancel_order(self, message: CancelOrderRequest) -> bytes:
        """Cancels one order."""
        return CancelOrderResponse(cancelled=self.engine.cancel_order(message.order_id)).SerializeToString()

    def cancel_all_orders(self, message: CancelAllOrdersRequest) -> bytes:
        """Cancels all active orders, of one strategy or of all."""
        count = self.engine.cancel_all_orders(message.strategy_id if message.HasField("strategy_id") else None)
        return CancelAllOrdersResponse(cancelled_count=count).SerializeToString()

    def modify_order(self, message: ModifyOrderRequest) -> bytes:
        """Changes quantity, limit or trigger of an active order."""
        modified = self.engine.modify_order(
            message.order_id,
            quantity=message.quantity if message.HasField("quantity") else None,
            price=message.price if message.HasField("price") else None,
            stop_price=message.stop_price if message.HasField("stop_price") else None,
        )
        return ModifyOrderResponse(modified=modified).SerializeToString()

    # --- Queries.

    def get_order(self, message: GetOrderRequest) -> bytes:
        """One order as it stands now."""
        order = self.engine.get_order(message.order_id)
        if order is None:
            return b""
        return with_message(GetOrderResponse(), GetOrderResponse.ORDER_FIELD_NUMBER, order.to_wire())

    def list_orders(self, message: ListOrdersRequest) -> bytes:
        """A page of orders."""
        limit = limit_of(message.limit)
        orders = self.engine.get_orders(
            message.strategy_id if message.HasField("strategy_id") else None,
            [_status(status) for status in message.statuses] or None,
            symbol=message.instrument_id if message.HasField("instrument_id") else None,
            limit=limit + 1,
            after=message.page_token or None,
        )
        token = orders[limit - 1].order_id if len(orders) > limit else ""
        encoded = (order.to_wire() for order in orders[:limit])
        if not message.with_fills:
            encoded = (without_fills(order) for order in encoded)
        head = ListOrdersResponse(next_page_token=token)
        return with_messages(head, ListOrdersResponse.ORDERS_FIELD_NUMBER, encoded)

    def list_fills(self, message: ListFillsRequest) -> bytes:
        """A page of fills."""
        limit = limit_of(message.limit)
        fills = self.engine.get_fills(
            message.strategy_id if message.HasField("strategy_id") else None,
            order_id=message.order_id if message.HasField("order_id") else None,
            symbol=message.instrument_id if message.HasField("instrument_id") else None,
            limit=limit + 1,
            after=message.page_token or None,
        )
        token = fills[limit - 1].fill_id if len(fills) > limit else ""
        head = ListFillsResponse(next_page_token=token)
        return with_messages(head, ListFillsResponse.FILLS_FIELD_NUMBER, (fill.to_wire() for fill in fills[:limit]))

    def list_positions(self, message: ListPositionsRequest) -> bytes:
        """A page of positions."""
        positions = self.engine.get_positions(
            message.strategy_id if message.HasField("strategy_id") else None,
            symbol=message.instrument_id if message.HasField("instrument_id") else None,
        )
        found, token = page(positions, message.limit, message.page_token)
        head = ListPositionsResponse(next_page_token=token)
        encoded = (position.to_wire() for position in found)
        return with_messages(head, ListPositionsResponse.POSITIONS_FIELD_NUMBER, encoded)

    def list_order_events(self, message: ListOrderEventsRequest) -> bytes:
        """A page of events that are kept."""
        limit = limit_of(message.limit)
        first = self.engine.first_event_sequence
        start = max(message.from_sequence, first)
        strategy_id = message.strategy_id if message.HasField("strategy_id") else None
        events = self.engine.events(start, limit + 1, strategy_id=strategy_id)
        response = ListOrderEventsResponse(next_sequence=events[limit].sequence if len(events) > limit else 0)
        if 0 < message.from_sequence < first:
            gap = Gap(
                first_sequence=message.from_sequence,
                last_sequence=first - 1,
                reason=GapReason.GAP_REASON_NOT_RETAINED,
            )
            response.gap.CopyFrom(gap)
        encoded = (event.to_wire() for event in events[:limit])
        return with_messages(response, ListOrderEventsResponse.EVENTS_FIELD_NUMBER, encoded)

    # --- Market data.

    def process(self, request: ProcessRequest) -> Outcome:
        """Applies one tick, or many."""
        producer_id, sequence = request.producer_id, request.producer_sequence
        if (answer := self.producers.first_answer(producer_id, sequence)) is not None:
            return Outcome(answer)
        result = self.engine.process_batch(request.ticks)
        response = ProcessTradeTicksResponse(
            rejected=rejected_messages(result.rejected),
            producer_sequence=sequence,
            epoch=self.epoch,
            processed_count=len(request.ticks) - len(result.rejected) - len(result.duplicates),
            duplicate_count=len(result.duplicates),
            duplicate_indexes=result.duplicates,
        )
        return Outcome(response.SerializeToString(), producer_id, sequence)

    def follow(self, ticks: TradeTickBatch) -> bytes:
        """Applies trades of the data engine; those that came by a call already are dropped as duplicates."""
        self.engine.process_batch(ticks)
        return b""

    def advance_time(self, message: AdvanceTimeRequest) -> bytes:
        """Moves market time forward."""
        self.engine.advance_time(message.now_ns)
        return b""

    def producer_state(self, message: GetProducerStateRequest) -> bytes:
        """How far a producer has got."""
        last = self.producers.last_sequence(message.producer_id)
        return GetProducerStateResponse(last_sequence=last, epoch=self.epoch).SerializeToString()

    # --- The engine.

    def halt(self, message: HaltRequest) -> bytes:
        """Rejects new orders."""
        self.engine.halt()
        return b""

    def resume(self, message: ResumeRequest) -> bytes:
        """Accepts new orders again."""
        self.engine.resume()
        return b""

    def statistics(self, message: GetStatisticsRequest) -> bytes:
        """The engine's counters."""
        statistics = fill(ExecutionStatistics(), self.engine.statistics().as_dict())
        return GetStatisticsResponse(statistics=statistics).SerializeToString()

    def status(self, message: GetEngineStatusRequest) -> bytes:
        """Halt and market data link."""
        return GetEngineStatusResponse(
            halted=self.engine.is_halted,
            event_sequence=self.engine.last_event_sequence,
            market_data_state=self.market_data.state,
            market_data_epoch=self.market_data.epoch,
            market_data_sequence=self.market_data.sequence,
            market_data_missed=self.market_data.missed,
        ).SerializeToString()

    def validate(self, message: ValidateEngineRequest) -> bytes:
        """Whether the engine's invariants hold."""
        violations = self.engine.validate()
        return ValidateEngineResponse(state_hash=self.engine.state_hash(), violations=violations).SerializeToString()


def _status(number: int) -> OrderStatus:
    try:
        return OrderStatus(number)
    except ValueError:
        raise InvalidArgument(f"{number} is no order status", reason="ENUM_UNKNOWN") from None


def _all_of(config: ExecutionEngineConfig) -> dict[str, Any]:
    names = [name for name in dir(config) if not name.startswith("_") and name != "given"]
    return {name: getattr(config, name) for name in names}


def _canonical(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they are compared: numbers by value."""
    own = {key: value for key, value in settings.items() if key in _SERVICE_DEFAULTS}
    core = {key: value for key, value in settings.items() if key not in _SERVICE_DEFAULTS}
    return {**own, **ExecutionEngineConfig(**core).given()}
