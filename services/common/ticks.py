"""Between ticks and the messages that carry them, for the services that take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from alphaforge.type.v1.error_pb2 import ErrorReason
from alphaforge.type.v1.market_pb2 import AggressorSide, InstrumentColumn, RejectedTick, TradeTickColumns
from alphaforge.type.v1.market_pb2 import TradeTick as TradeTickMessage
from alphaforge_core.errors import REASONS, InvalidArgument
from alphaforge_core.model import TradeTick

__all__ = ["columns_of", "rejected_messages", "tick_of", "ticks_of"]

_SIDES = {
    AggressorSide.AGGRESSOR_SIDE_NONE: "NONE",
    AggressorSide.AGGRESSOR_SIDE_BUY: "BUY",
    AggressorSide.AGGRESSOR_SIDE_SELL: "SELL",
}
_SIDE_CODES = {name: code for code, name in _SIDES.items()}


def tick_of(message: TradeTickMessage) -> TradeTick:
    """Raises InvalidArgument for what is no tick."""
    side = message.aggressor_side or AggressorSide.AGGRESSOR_SIDE_NONE
    return TradeTick(
        message.instrument_id,
        message.price,
        message.quantity,
        _side(side),
        message.trade_id,
        message.ts_event_ns,
        message.ts_init_ns if message.HasField("ts_init_ns") else message.ts_event_ns,
    )


def _side(code: int) -> str:
    if code not in _SIDES:
        raise InvalidArgument(f"{code} is no aggressor side", reason="ENUM_UNKNOWN")
    return _SIDES[AggressorSide.ValueType(code)]


def ticks_of(columns: TradeTickColumns) -> list[TradeTick]:
    """Raises InvalidArgument for columns that do not fit together and for what is no tick."""
    count = len(columns.price_mantissas)
    for name in ("quantity_mantissas", "ts_event_ns"):
        _check_length(name, len(getattr(columns, name)), count)
    for name in ("instrument_index", "ts_init_ns", "aggressor_sides", "trade_ids"):
        if getattr(columns, name):
            _check_length(name, len(getattr(columns, name)), count)
    prices = {sparse.index: sparse.value for sparse in columns.price_overflows}
    quantities = {sparse.index: sparse.value for sparse in columns.quantity_overflows}
    ticks = []
    for row in range(count):
        index = columns.instrument_index[row] if columns.instrument_index else 0
        if index >= len(columns.instruments):
            raise InvalidArgument(
                f"instrument_index[{row}] is {index}; there are {len(columns.instruments)} instruments",
                reason="MESSAGE_MALFORMED",
            )
        instrument = columns.instruments[index]
        ticks.append(
            TradeTick(
                instrument.instrument_id,
                prices.get(row) or _decimal(columns.price_mantissas[row], instrument.price_exponent),
                quantities.get(row) or _decimal(columns.quantity_mantissas[row], instrument.quantity_exponent),
                _side(columns.aggressor_sides[row] if columns.aggressor_sides else AggressorSide.AGGRESSOR_SIDE_NONE),
                columns.trade_ids[row] if columns.trade_ids else "",
                columns.ts_event_ns[row],
                columns.ts_init_ns[row] if columns.ts_init_ns else columns.ts_event_ns[row],
            )
        )
    return ticks


def _check_length(name: str, length: int, count: int) -> None:
    if length != count:
        raise InvalidArgument(f"{name} has {length} entries, price_mantissas {count}", reason="COLUMNS_UNEQUAL")


def _decimal(mantissa: int, exponent: int) -> Decimal:
    return Decimal(mantissa).scaleb(-exponent)


def rejected_messages(rejected: Iterable[tuple[int, str]]) -> list[RejectedTick]:
    """The ticks of a call that were refused, by their index."""
    return [
        RejectedTick(index=index, reason=ErrorReason.Value(f"ERROR_REASON_{reason}"), message=REASONS[reason])
        for index, reason in rejected
    ]


def columns_of(ticks: Sequence[TradeTick]) -> TradeTickColumns | None:
    """Ticks as columns, with nine places; None for no ticks."""
    if not ticks:
        return None
    indexes: dict[str, int] = {}
    columns = TradeTickColumns()
    for tick in ticks:
        columns.instrument_index.append(indexes.setdefault(tick.instrument_id, len(indexes)))
        columns.price_mantissas.append(int(tick.price.as_decimal().scaleb(9)))
        columns.quantity_mantissas.append(int(tick.quantity.as_decimal().scaleb(9)))
        columns.ts_event_ns.append(tick.ts_event)
        columns.ts_init_ns.append(tick.ts_init)
        columns.aggressor_sides.append(_SIDE_CODES[tick.aggressor_side])
        columns.trade_ids.append(tick.trade_id)
    for name in indexes:
        columns.instruments.append(InstrumentColumn(instrument_id=name, price_exponent=9, quantity_exponent=9))
    return columns
