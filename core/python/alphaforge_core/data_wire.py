"""Native codecs of the data service: requests and responses, and the service's engine.

For the services and the client; programs use `alphaforge_core.data`.
"""

from alphaforge_core._native.data_wire import (
    BarBatch,
    BarsResponse,
    CheckpointPieces,
    ProcessOutcome,
    ProcessRequest,
    ProcessResponse,
    ServiceEngine,
    TradesResponse,
    decode_bars,
    decode_bars_page,
    encode_bars,
    encode_producer,
    encode_tick_request,
    encode_ticks_request,
    has_calendars,
)
from alphaforge_core._time_zones import time_zones

__all__ = [
    "BarBatch",
    "BarsResponse",
    "CheckpointPieces",
    "ProcessOutcome",
    "ProcessRequest",
    "ProcessResponse",
    "ServiceEngine",
    "TradesResponse",
    "decode_bars",
    "decode_bars_page",
    "encode_bars",
    "encode_producer",
    "encode_tick_request",
    "encode_ticks_request",
    "has_calendars",
    "time_zones",
]

# So that help and tracebacks show the public module.
time_zones.__module__ = __name__
