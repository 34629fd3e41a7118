"""Orders on a simulated venue that fills them against real trades, by price and time, and never without a trade."""

from alphaforge_core._native.execution import (
    COUNTERS,
    ExecutionEngine,
    ExecutionEngineConfig,
    ExecutionStatistics,
    Fill,
    LiquiditySide,
    Order,
    OrderEvent,
    OrderEventType,
    OrderSide,
    OrderStatus,
    OrderType,
    Position,
    TickResult,
    TimeInForce,
    encode_submit_orders,
)

__all__ = [
    "COUNTERS",
    "ExecutionEngine",
    "ExecutionEngineConfig",
    "ExecutionStatistics",
    "Fill",
    "LiquiditySide",
    "Order",
    "OrderEvent",
    "OrderEventType",
    "OrderSide",
    "OrderStatus",
    "OrderType",
    "Position",
    "TickResult",
    "TimeInForce",
    "encode_submit_orders",
]
