"""The execution engine beside its twin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from alphaforge_core import execution

from tests.support.native import native_tick, plain, tick_columns
from tests.support.strategies import MIDNIGHT, Operation
from tests.support.tape import decimal_text
from tests.support.twins import execution as twins
from tests.support.twins.instruments import Instrument

COUNTS = (
    "orders_submitted", "orders_filled", "orders_cancelled", "orders_rejected", "orders_open",
    "orders_partially_filled", "ticks_processed", "ticks_rejected", "duplicate_ticks",
)  # fmt: skip
SUMS = ("fill_ratio", "total_volume", "total_notional", "total_commission")
TEXT_SETTINGS = (
    "maker_commission_rate", "taker_commission_rate", "slippage_bps", "max_order_quantity", "max_order_notional",
    "starting_cash", "max_loss",
)  # fmt: skip


def native_order(order: twins.Order) -> execution.Order:
    head = (order.symbol, execution.OrderSide[order.side], decimal_text(order.quantity))
    keywords: dict[str, Any] = {
        "order_id": order.order_id, "created_at": MIDNIGHT, "expire_time_ns": order.expire_time,
        "reduce_only": order.reduce_only,
    }  # fmt: skip
    tif = execution.TimeInForce[order.time_in_force]
    price = None if order.price is None else decimal_text(order.price)
    stop_price = None if order.stop_price is None else decimal_text(order.stop_price)
    if order.order_type != "Market":
        keywords["negative_prices"] = True
    match order.order_type:
        case "Market":
            return execution.Order.market(*head, order.strategy_id, time_in_force=tif, **keywords)
        case "Limit":
            return execution.Order.limit(*head, price, tif, order.strategy_id, post_only=order.post_only, **keywords)
        case "Stop":
            return execution.Order.stop(*head, stop_price, tif, order.strategy_id, **keywords)
        case "TrailingStop" | "TrailingStopLimit":
            assert order.trailing_offset_type
            keywords["trailing_offset_type"] = execution.TrailingOffsetType[order.trailing_offset_type]
            given = order.activation_price
            keywords["activation_price"] = None if given is None else decimal_text(given)
            offset = decimal_text(order.trailing_offset)
            if order.limit_offset is None:
                return execution.Order.trailing_stop(*head, offset, tif, order.strategy_id, **keywords)
            limit = decimal_text(order.limit_offset)
            return execution.Order.trailing_stop_limit(*head, offset, limit, tif, order.strategy_id, **keywords)
        case _:
            return execution.Order.stop_limit(*head, stop_price, price, tif, order.strategy_id, **keywords)


def native_group(kind: str, orders: list[twins.Order]) -> execution.OrderGroup:
    return execution.OrderGroup(execution.OrderGroupType[kind], [native_order(order) for order in orders])


def native_instrument(instrument: Instrument) -> execution.Instrument:
    numbers = {
        name: None if value is None else decimal_text(value)
        for name, value in vars(instrument).items()
        if name not in ("instrument_id", "inverse", "off_grid", "session", "calendar", "negative_prices")
    }
    return execution.Instrument(**{**vars(instrument), **numbers})


def native_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The twin's settings as keywords of `ExecutionEngineConfig`."""
    return {name: decimal_text(value) if name in TEXT_SETTINGS else value for name, value in settings.items()}


def plain_fill(fill: execution.Fill) -> twins.Fill:
    return twins.Fill(
        plain(fill.price),
        plain(fill.quantity),
        plain(fill.commission),
        fill.liquidity_side.name,
        fill.ts_event,
        fill.commission_rule,
    )


def plain_event(event: execution.OrderEvent) -> twins.Event:
    reason = event.reject_reason or event.cancel_reason
    return twins.Event(
        event.sequence,
        event.order_id,
        plain(event.type),
        event.status.name,
        plain(reason) or "",
        plain_fill(event.fill) if event.fill else None,
    )


def plain_order(order: execution.Order) -> dict[str, Any]:
    return {
        "status": order.status.name,
        "quantity": order.quantity,
        "price": order.price,
        "stop_price": order.stop_price,
        "filled": order.filled_quantity,
        "average": order.avg_fill_price,
        "fills": [plain_fill(fill) for fill in order.fills],
    }


def twin_order(order: twins.Order) -> dict[str, Any]:
    def shown(number: Fraction | None) -> float | None:
        return None if number is None else float(number)

    return {
        "status": order.status,
        "quantity": shown(order.quantity),
        "price": shown(order.price),
        "stop_price": shown(order.stop_now),
        "filled": shown(order.filled),
        "average": shown(order.average_price),
        "fills": order.fills,
    }


class ExecutionPair:
    """An engine and its twin, made with the same settings and given the same calls; answers and events must agree."""

    def __init__(self, engine: Any, settings: dict[str, Any]) -> None:
        self.twin = twins.ExecutionEngine(twins.Config(**settings))
        self.engine = engine
        self.events: list[twins.Event] = []

    def receive_at(self, now_ns: int) -> None:
        """Sets the time at which the following calls are received."""
        self.twin.received = now_ns
        self.engine.received_at = now_ns

    def do(self, operation: Operation) -> None:
        answers = []
        for call in (self.ask_twin, self.ask_engine):
            try:
                answers.append(call(*operation))
            except (ValueError, RuntimeError):
                answers.append(ValueError)
        assert answers[1] == answers[0], operation
        new = [plain_event(event) for event in self.engine.events(from_sequence=len(self.events) + 1)]
        assert new == self.twin.events[len(self.events) :], operation
        self.events += new

    def ask_twin(self, name: str, given: Any) -> Any:
        twin = self.twin
        match name:
            case "tick":
                twin.process_trade_tick(given)
            case "batch":
                for tick in given:
                    twin.process_trade_tick(tick)
            case "advance":
                twin.advance_time(given)
            case "register":
                twin.register_instruments(given)
            case "submit":
                return twin.submit_order(given)
            case "group":
                return twin.submit_order_group(*given)
            case "cancel":
                return twin.cancel_order(given)
            case "cancel_all":
                return twin.cancel_all_orders(given)
            case "modify":
                return twin.modify_order(given[0], **given[1])
            case "resume_strategy":
                return twin.resume_strategy(given)
            case "halt" | "resume":
                twin.halted = name == "halt"
        return None

    def ask_engine(self, name: str, given: Any) -> Any:
        engine = self.engine
        match name:
            case "tick":
                engine.process_trade_tick(native_tick(given))
            case "batch":
                engine.process_trade_ticks(**tick_columns(given))
            case "advance":
                engine.advance_time(given)
            case "register":
                engine.register_instruments(map(native_instrument, given))
            case "submit":
                return engine.submit_order(native_order(given))
            case "group":
                return engine.submit_order_group(native_group(*given))
            case "cancel":
                return engine.cancel_order(given)
            case "cancel_all":
                return engine.cancel_all_orders(given)
            case "modify":
                return engine.modify_order(given[0], **{key: decimal_text(value) for key, value in given[1].items()})
            case "resume_strategy":
                return engine.resume_strategy(given)
            case "halt":
                engine.halt()
            case "resume":
                engine.resume()
        return None

    def compare_state(self) -> None:
        engine, twin = self.engine, self.twin
        for order_id, order in twin.orders.items():
            assert plain_order(engine.get_order(order_id)) == twin_order(order)
        positions = {
            (position.strategy_id, position.symbol): (
                plain(position.net_quantity), plain(position.average_price), plain(position.realized_pnl),
                plain(position.unrealized_pnl), plain(position.commission), plain(position.exposure),
            )
            for position in engine.get_positions()
        }  # fmt: skip
        assert positions == {
            (strategy, symbol): (
                position.net, position.average_price(twin.instrument(symbol)), position.realized,
                position.unrealized(twin.instrument(symbol), twin.markets[symbol].last.price), position.commission,
                position.exposure(twin.instrument(symbol), twin.markets[symbol].last.price),
            )
            for (strategy, symbol), position in twin.positions.items()
        }  # fmt: skip
        for account in engine.get_accounts():
            strategy = account.strategy_id
            assert plain(account.equity) == twin.equity(strategy)
            if account.drawdown is not None:
                kept = twin.account(strategy)
                shown = plain(account.drawdown), plain(account.max_drawdown), account.is_halted
                assert shown == (kept.peak - twin.equity(strategy), kept.max_drawdown, kept.halted)
        statistics, expected = engine.statistics(), twin.statistics()
        assert {name: getattr(statistics, name) for name in COUNTS} == {name: expected[name] for name in COUNTS}
        for name in SUMS:
            assert getattr(statistics, name) == float(expected[name]), name
