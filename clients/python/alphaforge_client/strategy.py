# Generated from aio/strategy.py by `make gen`; edit that file.
"""One strategy class for backtests, for lock-step runs on the services, and for live feeds.

A strategy overrides the hooks it needs and trades through its venue, an ExecutionEngine in process or on a service.
`LockStep` feeds it recorded trades one by one, so equal trades give equal fills wherever the engines are. `Live` feeds
it what the services publish, as it arrives: an order then meets the first trade after it reaches the venue.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from alphaforge_core.execution import Fill, Order, OrderEvent, OrderGroup, OrderSide, TimeInForce
from alphaforge_core.model import Bar, Price, Quantity, TradeTick, TradingCalendar

from alphaforge_client._calls.merged import Merged
from alphaforge_client._calls.subscription import Subscription
from alphaforge_client._wire.gap import Gap
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import InvalidArgument
from alphaforge_client.execution import ExecutionEngine

__all__ = ["Live", "LockStep", "Strategy"]


class Venue(Protocol):
    """The methods of an ExecutionEngine that strategies and runners use, in process or on a service."""

    def submit_order(self, order: Order) -> str: ...
    def submit_order_group(self, group: OrderGroup) -> list[str]: ...
    def process_trade_tick(self, tick: TradeTick) -> None: ...
    def events(
        self, from_sequence: int = 0, limit: int | None = None, *, strategy_id: str | None = None
    ) -> list[OrderEvent]: ...


class Data(Protocol):
    """The methods of a DataEngine that runners use, in process or on a service."""

    def process_trade_tick(self, tick: TradeTick) -> list[Bar]: ...


class Strategy:
    """A strategy: subclass it and override the hooks it needs.

    Hooks are called one at a time. `now_ns` is market time: the greatest `ts_event` seen, in nanoseconds.

    >>> class Follower(Strategy):
    ...     def on_bar(self, bar):
    ...         (self.buy if bar.close > bar.open else self.sell)(bar.symbol, 1)
    """

    strategy_id: str = "strategy"
    """The strategy id of its orders and positions; unique per engine."""
    symbols: Sequence[str] = ()
    """The symbols that a live run subscribes to; empty: all."""
    bar_types: Sequence[str] = ("1min",)
    """The bar types it gets."""
    calendars: Sequence[TradingCalendar | str] = ()
    """The trading calendars that `bar_types` name (rule 2.19)."""

    def __init__(self, venue: Any) -> None:
        self.venue = venue
        self.now_ns = 0
        self._timers: list[tuple[int, int, Callable[[int], object]]] = []
        self._timer_count = 0
        self._run = secrets.token_hex(8)
        self._place = "start"
        self._orders_at_place = 0

    def on_start(self) -> None:
        """Called once, before anything else."""

    def on_trade(self, trade: TradeTick) -> None:
        """Called for each trade, after the bars that it closed."""

    def on_bar(self, bar: Bar) -> None:
        """Called when a bar closes or is corrected."""

    def on_order(self, event: OrderEvent) -> None:
        """Called when one of its orders changes."""

    def on_fill(self, fill: Fill) -> None:
        """Called when one of its orders fills, in part or in full; after on_order."""

    def on_gap(self, gap: Gap) -> None:
        """Called when a live stream has lost events: reload state built from it. Never called by LockStep."""

    def at(self, time_ns: int, call: Callable[[int], object]) -> None:
        """Calls `call(time_ns)` once, as soon as market time reaches `time_ns`."""
        self._timer_count += 1
        heapq.heappush(self._timers, (time_ns, self._timer_count, call))

    def buy(
        self,
        symbol: str,
        quantity: Quantity | int | str | float | Decimal,
        price: Price | int | str | float | Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.GoodTillCancel,
        *,
        negative_prices: bool = False,
    ) -> str:
        """Buys at the market, or at `price` or better; returns the order's id.

        negative_prices: `price` may be 0 or below, if the instrument allows it (rule 3.32).
        """
        return self._submit(symbol, OrderSide.Buy, quantity, price, time_in_force, negative_prices)

    def sell(
        self,
        symbol: str,
        quantity: Quantity | int | str | float | Decimal,
        price: Price | int | str | float | Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.GoodTillCancel,
        *,
        negative_prices: bool = False,
    ) -> str:
        """Sells at the market, or at `price` or better; returns the order's id.

        negative_prices: `price` may be 0 or below, if the instrument allows it (rule 3.32).
        """
        return self._submit(symbol, OrderSide.Sell, quantity, price, time_in_force, negative_prices)

    def bracket(
        self,
        symbol: str,
        side: OrderSide,
        quantity: Quantity | int | str | float | Decimal,
        *,
        take_profit: Price | int | str | float | Decimal,
        stop_loss: Price | int | str | float | Decimal | None = None,
        price: Price | int | str | float | Decimal | None = None,
        **options: Any,
    ) -> list[str]:
        """Enters at the market, or at `price` or better, with a take profit and a stop loss that sleep until it fills.

        options: other arguments of Order.bracket, such as `trailing_offset` instead of `stop_loss`.

        Returns the ids of the entry, the take profit and the stop loss.
        """
        group = Order.bracket(
            symbol, side, quantity, self.strategy_id, take_profit=take_profit, stop_loss=stop_loss, price=price,
            **{"order_id": self.order_id(), **options},
        )  # fmt: skip
        order_ids: list[str] = self.venue.submit_order_group(group)
        return order_ids

    def order_id(self) -> str:
        """The id for the next order; the same when a live run handles an event again after a crash.

        An order submitted before the crash is therefore not submitted twice.
        """
        self._orders_at_place += 1
        name = f"{self._run}|{self.strategy_id}|{self._place}|{self._orders_at_place}"
        return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()

    def _submit(
        self,
        symbol: str,
        side: OrderSide,
        quantity: Quantity | int | str | float | Decimal,
        price: Price | int | str | float | Decimal | None,
        time_in_force: TimeInForce,
        negative_prices: bool,
    ) -> str:
        if price is None:
            order = Order.market(symbol, side, quantity, self.strategy_id, order_id=self.order_id())
        else:
            order = Order.limit(
                symbol, side, quantity, price, time_in_force, self.strategy_id,
                negative_prices=negative_prices, order_id=self.order_id(),
            )  # fmt: skip
        order_id: str = self.venue.submit_order(order)
        return order_id

    def _move_to(self, place: str) -> None:
        """Sets the event that is handled next, from which order ids are derived."""
        self._place = place
        self._orders_at_place = 0

    def _advance(self, time_ns: int) -> None:
        """Advances market time and calls due timers."""
        self.now_ns = max(self.now_ns, time_ns)
        while self._timers and self._timers[0][0] <= self.now_ns:
            due, _, call = heapq.heappop(self._timers)
            call(due)

    def _take_event(self, event: OrderEvent) -> None:
        self.on_order(event)
        if event.fill is not None:
            self.on_fill(event.fill)


class LockStep:
    """Runs a strategy on trades, one after another.

    Each trade goes to the venue first, so that it fills only earlier orders. Then the strategy gets the changes of its
    orders, due timers, the bars that the trade closed, and the trade. Open the venue with `fill_on="next"`, so that
    orders fill at the next trade; otherwise a market order fills at the price that triggered it.

    observe: called with each event of the strategy's orders before its hook, such as a logger.
    """

    def __init__(
        self,
        strategy: Strategy,
        data: Data,
        venue: Venue,
        *,
        observe: Callable[[OrderEvent | Gap], object] | None = None,
    ) -> None:
        self.strategy = strategy
        self._data = data
        self._venue = venue
        self._observe = observe
        self._count = 0
        self._next_event = 0
        kind = type(strategy)
        # Each read of events costs a call.
        has_hooks = kind.on_order is not Strategy.on_order or kind.on_fill is not Strategy.on_fill
        self._wants_events = has_hooks or observe is not None

    def run(self, trades: Iterable[TradeTick]) -> None:
        """Starts the strategy and feeds it all the trades."""
        self.start()
        for trade in trades:
            self.feed(trade)

    def start(self) -> None:
        """Calls on_start; earlier events of the strategy's orders are skipped."""
        earlier = self._venue.events(strategy_id=self.strategy.strategy_id) if self._wants_events else []
        self._next_event = earlier[-1].sequence + 1 if earlier else 1
        self.strategy.on_start()
        self._take_events()

    def feed(self, trade: TradeTick) -> list[Bar]:
        """One step; returns the bars that the trade closed or corrected."""
        self._count += 1
        self.strategy._move_to(str(self._count))
        self._venue.process_trade_tick(trade)
        self._take_events()
        self.strategy._advance(trade.ts_event)
        self._take_events()
        bars = self._data.process_trade_tick(trade)
        for bar in bars:
            self.strategy.on_bar(bar)
            self._take_events()
        self.strategy.on_trade(trade)
        self._take_events()
        return bars

    def _take_events(self) -> None:
        while self._wants_events:
            events = self._venue.events(self._next_event, strategy_id=self.strategy.strategy_id)
            if not events:
                return
            for event in events:
                self._next_event = event.sequence + 1
                if self._observe is not None:
                    self._observe(event)
                self.strategy._take_event(event)


class Live:
    """Runs a strategy on live streams: trades and bars of its symbols, and the changes of its orders.

    The three streams are independent of each other; each is in order and resumes after lost connections.

    state_file: file for the run's position in each stream, so that a new process continues where the last one stopped.
        After a crash the event that was being handled is handled again; orders by buy(), sell() and order_id() are not
        submitted twice then. Without it every run begins with the next event.
    observe: called with each order event and gap before the strategy's hook, such as a logger.
    """

    def __init__(
        self,
        strategy: Strategy,
        data: DataEngine,
        venue: ExecutionEngine,
        *,
        state_file: str | Path | None = None,
        observe: Callable[[OrderEvent | Gap], object] | None = None,
    ) -> None:
        self.strategy = strategy
        self._data = data
        self._venue = venue
        self._state_file = None if state_file is None else Path(state_file)
        self._observe = observe
        self._tokens: dict[str, str] = {}
        self._events = Merged(self._subscriptions)

    def run(self, begun: Callable[[], object] | None = None) -> None:
        """Runs until stop() is called. Raises exceptions of hooks and streams.

        begun: called once the services have accepted the subscriptions; later events are not missed.
        """
        self._load()
        with self._events:
            if begun is not None:
                begun()
            self.strategy.on_start()
            while (item := self._events.next()) is not None:
                self._take(*item)

    def stop(self) -> None:
        """Ends the run after the current event. May be called by a hook, and while `run` waits."""
        self._events.stop()

    def _subscriptions(self) -> dict[str, Subscription[Any]]:
        def place(name: str) -> dict[str, Any]:
            return {"token": self._tokens.get(name)}

        strategy = self.strategy
        return {
            "orders": self._venue.subscribe_order_events(strategy.strategy_id, **place("orders")),
            "bars": self._data.subscribe_bars(strategy.symbols, strategy.bar_types, **place("bars")),
            "trades": self._data.subscribe_trades(strategy.symbols, **place("trades")),
        }

    def _take(self, name: str, event: Any, mark: str, token: str | None) -> None:
        self.strategy._move_to(f"{name}|{mark}")
        if self._observe is not None and isinstance(event, (Gap, OrderEvent)):
            self._observe(event)
        if isinstance(event, Gap):
            self.strategy.on_gap(event)
        elif isinstance(event, TradeTick):
            self.strategy._advance(event.ts_event)
            self.strategy.on_trade(event)
        elif isinstance(event, Bar):
            self.strategy.on_bar(event)
        else:
            self.strategy._take_event(event)
        if token is not None:
            self._tokens[name] = token
        self._save()

    def _load(self) -> None:
        if self._state_file is None or not self._state_file.exists():
            self._save()
            return
        try:
            state = json.loads(self._state_file.read_text())
            tokens = {name: _token(place) for name, place in state["places"].items()}
            run, strategy_id = str(state["run"]), state["strategy_id"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidArgument(
                f"{self._state_file} is not the state of a live run: {error!r}; delete it to start over",
                reason="SETTING_INVALID",
            ) from None
        if strategy_id != self.strategy.strategy_id:
            raise InvalidArgument(
                f"{self._state_file} is the state of strategy {strategy_id!r}, not of {self.strategy.strategy_id!r}",
                reason="SETTING_INVALID",
            )
        self.strategy._run = run
        self._tokens.update(tokens)

    def _save(self) -> None:
        if self._state_file is None:
            return
        state = {"strategy_id": self.strategy.strategy_id, "run": self.strategy._run, "places": self._tokens}
        fresh = self._state_file.with_name(self._state_file.name + ".new")
        fresh.write_text(json.dumps(state))
        os.replace(fresh, self._state_file)


def _token(place: Any) -> str:
    """The token in a state file, or the epoch and sequence that earlier releases wrote. Raises ValueError."""
    if isinstance(place, str):
        return place
    epoch, sequence = place
    return f"1/{int(epoch):x}.{int(sequence)}"
