"""Orders on a simulated venue, which fills them only against trades, by price and time priority."""

from alphaforge_core._execution_tables import (
    events_to_arrow,
    events_to_pandas,
    events_to_polars,
    fills_to_arrow,
    fills_to_pandas,
    fills_to_polars,
    orders_to_arrow,
    orders_to_pandas,
    orders_to_polars,
    positions_to_arrow,
    positions_to_pandas,
    positions_to_polars,
)
from alphaforge_core._instruments import read_instruments
from alphaforge_core._native.execution import (
    COUNTERS,
    Account,
    ExecutionEngine,
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    Instrument,
    LiquiditySide,
    Order,
    OrderChange,
    OrderEvent,
    OrderEventType,
    OrderGroup,
    OrderGroupType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TickResult,
    TimeInForce,
    TrailingOffsetType,
)
from alphaforge_core._notebook import fields_html as _fields_html
from alphaforge_core._notebook import show as _show

__all__ = [
    "COUNTERS",
    "Account",
    "ExecutionEngine",
    "ExecutionEngineConfig",
    "ExecutionStatistics",
    "Fill",
    "Instrument",
    "LiquiditySide",
    "Order",
    "OrderChange",
    "OrderEvent",
    "OrderEventType",
    "OrderGroup",
    "OrderGroupType",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "Position",
    "TickResult",
    "TimeInForce",
    "TrailingOffsetType",
    "events_to_arrow",
    "events_to_pandas",
    "events_to_polars",
    "fills_to_arrow",
    "fills_to_pandas",
    "fills_to_polars",
    "orders_to_arrow",
    "orders_to_pandas",
    "orders_to_polars",
    "positions_to_arrow",
    "positions_to_pandas",
    "positions_to_polars",
    "read_instruments",
]

# So that help and tracebacks show the public module.
for _function in (
    events_to_arrow,
    events_to_pandas,
    events_to_polars,
    fills_to_arrow,
    fills_to_pandas,
    fills_to_polars,
    orders_to_arrow,
    orders_to_pandas,
    orders_to_polars,
    positions_to_arrow,
    positions_to_pandas,
    positions_to_polars,
    read_instruments,
):
    _function.__module__ = __name__

for _kind in (ExecutionStatistics, Fill, Order, OrderEvent, Position):
    _show(_kind, _fields_html)
