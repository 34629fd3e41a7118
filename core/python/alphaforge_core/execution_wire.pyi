"""
Native codecs of the execution service: requests and responses, and the service's engine.

For the service and the client; programs use `alphaforge_core.execution`.
"""

from collections.abc import Iterable

import alphaforge_core.data_wire
import alphaforge_core.execution


class CheckpointPieces:
    """
    The bytes of an engine's checkpoint: the state when the checkpoint began, without the changes of later calls.
    """

    def read(self, bytes_max: int) -> bytes | None:
        """
        The next piece, at most `bytes_max` long; empty after the last one. Locks the engine for short times only.

        None if the checkpoint has failed and must be begun again: there were more changes than `waiting_bytes` allows, another checkpoint began, or the engine was reset or got other settings.
        """

    def end(self) -> None:
        """
        Ends the checkpoint: the engine keeps no more earlier values for it. Does nothing after the last piece.
        """

    @property
    def longest_hold_ns(self) -> int:
        """
        The longest time that the checkpoint locked the engine, in nanoseconds.
        """

    @property
    def checksum(self) -> int:
        """
        A checksum of the state, valid after the last piece. Equal states have equal checksums, in every process.
        """

class EventsResponse:
    """A message of SubscribeOrderEvents."""

    @staticmethod
    def from_wire(message: bytes) -> EventsResponse:
        """
        Raises InvalidArgument (a ValueError): MESSAGE_MALFORMED, and the errors of the events.
        """

    @property
    def epoch(self) -> int:
        """The engine's epoch."""

    @property
    def sequence(self) -> int:
        """The last sequence that the message covers."""

    @property
    def previous_sequence(self) -> int:
        """The `sequence` of the previous message."""

    @property
    def events(self) -> list[alphaforge_core.execution.OrderEvent]:
        """The events."""

    @property
    def gap(self) -> bytes | None:
        """The bytes of a Gap if events were lost."""

class ModifyRequest:
    """The request of ModifyOrders."""

    @staticmethod
    def from_wire(message: bytes) -> ModifyRequest:
        """
        Decodes the request; ignores engine, epoch and request id.

        Raises InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED beyond 100,000 changes.
        """

class ServiceEngine(alphaforge_core.execution.ExecutionEngine):
    """An ExecutionEngine with methods for the execution service."""

    def __init__(self, config: alphaforge_core.execution.ExecutionEngineConfig | None = None) -> None:
        """Creates an empty engine with these settings, or the defaults."""

    def modify_request(self, request: ModifyRequest) -> bytes:
        """
        Executes a request without the GIL and returns the bytes of its ModifyOrdersResponse.
        """

    @property
    def received_at(self) -> int | None:
        """
        The time of receipt of the following calls, nanoseconds since the Unix epoch; None: the time of the call.

        A service writes calls to its journal before it executes them, and replays them after a restart.
        """

    @received_at.setter
    def received_at(self, arg: int | None, /) -> None: ...

    def acknowledge(self) -> None:
        """Marks the orders submitted since `received_at` as acknowledged now."""

    def submit_request(self, request: SubmitRequest) -> bytes:
        """
        Executes a request and returns the bytes of its SubmitOrderResponse, SubmitOrdersResponse or SubmitOrderGroupResponse; many orders are placed without the GIL.

        For the request of one order or a group, raises the errors of submit_order.
        """

    def process_trades(self, message: alphaforge_core.data_wire.TradesResponse, known: int = 0) -> list[str]:
        """
        Applies the ticks of a message, except its first `known`, without the GIL. Their times are not checked: the data engine has done that.

        Returns the reason of each refused tick.
        """

    def lapse_session(self, strategy_id: str) -> int:
        """
        Cancels the strategy's active orders because its session lapsed (SESSION_LAPSED). Returns how many.
        """

    def list_orders_wire(self, strategy_id: str | None, status: Iterable[alphaforge_core.execution.OrderStatus] | None, symbol: str | None, limit: int, after: str | None, with_fills: bool, newest: bool) -> bytes:
        """The result of get_orders() as the bytes of a ListOrdersResponse."""

    def list_fills_wire(self, strategy_id: str | None, order_id: str | None, symbol: str | None, limit: int, after: str | None, newest: bool) -> bytes:
        """The result of get_fills() as the bytes of a ListFillsResponse."""

    def list_positions_wire(self, strategy_id: str | None, symbol: str | None, limit: int, after: str | None) -> bytes:
        """
        The result of get_positions() after the page whose token is `after`, as the bytes of a ListPositionsResponse.
        """

    def list_events_wire(self, from_sequence: int, limit: int, strategy_id: str | None) -> bytes:
        """The result of events() as the bytes of a ListOrderEventsResponse."""

    def begin_checkpoint(self, *, piece_bytes: int = 65536, waiting_bytes: int = 67108864) -> CheckpointPieces:
        """
        Begins a checkpoint of the engine's current state, to be read piece by piece. Pass the joined pieces to restore().

        The engine is locked for about `piece_bytes` at a time. If it changes state that has not been read yet, the earlier values are kept, at most about `waiting_bytes` of them.
        """

    def check(self, *, items: int = 256) -> tuple[int, list[str]] | None:
        """
        The results of state_hash() and validate(), computed while other calls continue: the engine is locked for about `items` orders at a time. The hash is that of one moment.

        None if a checkpoint began meanwhile.
        """

    def set_market_data_stale(self, is_stale: bool) -> None:
        """
        Sets whether market data are stale, for market_orders_while_stale (rule 3.20).
        """

class SubmitRequest:
    """The request of SubmitOrder, SubmitOrders or SubmitOrderGroup."""

    @staticmethod
    def from_wire(message: bytes, single: bool = False) -> SubmitRequest:
        """
        Decodes the request of SubmitOrders, or of SubmitOrder if `single`; ignores engine and epoch.

        Raises InvalidArgument: MESSAGE_MALFORMED, LIMIT_EXCEEDED beyond 100,000 orders; for a single order, the errors of its factory.
        """

    @staticmethod
    def group_from_wire(message: bytes) -> SubmitRequest:
        """
        Decodes the request of SubmitOrderGroup; ignores engine and epoch.

        Raises InvalidArgument: MESSAGE_MALFORMED, and the errors of an OrderGroup.
        """

def decode_events_page(response: bytes) -> tuple[list[alphaforge_core.execution.OrderEvent], int]:
    """
    The events of a ListOrderEventsResponse and the sequence of the next page, 0 after the last.

    Raises InvalidArgument (MESSAGE_MALFORMED).
    """

def decode_fills_page(response: bytes) -> tuple[list[alphaforge_core.execution.Fill], str]:
    """The same for a ListFillsResponse."""

def decode_order_response(response: bytes) -> alphaforge_core.execution.Order | None:
    """
    The order of a GetOrderResponse, or None. Raises InvalidArgument (MESSAGE_MALFORMED).
    """

def decode_orders_page(response: bytes) -> tuple[list[alphaforge_core.execution.Order], str]:
    """
    The orders of a ListOrdersResponse and the token of the next page, "" after the last.

    Raises InvalidArgument (MESSAGE_MALFORMED).
    """

def decode_positions_page(response: bytes) -> tuple[list[alphaforge_core.execution.Position], str]:
    """The same for a ListPositionsResponse."""

def encode_modify_orders(changes: Iterable[alphaforge_core.execution.OrderChange]) -> bytes:
    """The changes as the fields of a ModifyOrdersRequest."""

def encode_submit_order_group(group: alphaforge_core.execution.OrderGroup) -> bytes:
    """
    The group as a SubmitOrderGroupRequest, to append to the encoded engine and epoch.
    """

def encode_submit_orders(orders: Iterable[alphaforge_core.execution.Order]) -> bytes:
    """
    The orders as a SubmitOrdersRequest, or one as a SubmitOrderRequest, to append to the encoded engine and epoch.
    """
