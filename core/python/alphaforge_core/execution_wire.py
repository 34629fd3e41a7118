"""Native codecs of the execution service: requests and responses, and the service's engine.

For the service and the client; programs use `alphaforge_core.execution`.
"""

from alphaforge_core._native.execution_wire import (
    CheckpointPieces,
    EventsResponse,
    ModifyRequest,
    ServiceEngine,
    SubmitRequest,
    decode_events_page,
    decode_fills_page,
    decode_order_response,
    decode_orders_page,
    decode_positions_page,
    encode_modify_orders,
    encode_submit_order_group,
    encode_submit_orders,
)

__all__ = [
    "CheckpointPieces",
    "EventsResponse",
    "ModifyRequest",
    "ServiceEngine",
    "SubmitRequest",
    "decode_events_page",
    "decode_fills_page",
    "decode_order_response",
    "decode_orders_page",
    "decode_positions_page",
    "encode_modify_orders",
    "encode_submit_order_group",
    "encode_submit_orders",
]
