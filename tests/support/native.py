"""Converts the twins' values to the engines' types, and the engines' answers to plain values."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from alphaforge_core.model import Bar, BarType, Price, Quantity, TradeTick

from tests.support.tape import Tick, decimal_text


def native_tick(tick: Tick) -> TradeTick:
    return TradeTick(
        tick.instrument_id,
        Price(decimal_text(tick.price)),
        Quantity(decimal_text(tick.quantity)),
        tick.aggressor_side,
        tick.trade_id,
        tick.ts_event,
        tick.ts_init,
    )


def tick_columns(ticks: list[Tick]) -> dict[str, Any]:
    """The keywords of `process_trade_ticks` for the same ticks as columns."""
    return {
        "instrument_id": [tick.instrument_id for tick in ticks],
        "prices": [decimal_text(tick.price) for tick in ticks],
        "quantities": [decimal_text(tick.quantity) for tick in ticks],
        "ts_event": [tick.ts_event for tick in ticks],
        "ts_init": [tick.ts_init for tick in ticks],
        "sides": [tick.aggressor_side for tick in ticks],
        "trade_ids": [tick.trade_id for tick in ticks],
    }


def plain(value: Any) -> Any:
    """Numbers as fractions, enums and bar types by name, everything else as it is."""
    if isinstance(value, Price | Quantity):
        return Fraction(value.as_decimal())
    if isinstance(value, Decimal):
        return Fraction(value)
    if isinstance(value, BarType):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    return value


def plain_bar(bar: Bar) -> dict[str, Any]:
    return {name: plain(value) for name, value in bar.as_dict().items()}
