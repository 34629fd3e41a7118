"""Fills as round trips: each position from flat to flat."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal

from alphaforge_core.execution import Fill, OrderSide

__all__ = ["RoundTrip", "round_trips_of"]


@dataclass
class RoundTrip:
    """A position from its first fill to the one that made it flat; `ts_close` is None while it is open.

    quantity: total quantity bought (Long) or sold (Short) to open it.
    pnl: proceeds minus cost, before commission; for an open position, only of the closed part.
    """

    strategy_id: str
    symbol: str
    side: str
    ts_open: int
    ts_close: int | None
    quantity: Decimal
    pnl: Decimal
    commission: Decimal
    held: Decimal

    @property
    def net(self) -> Decimal:
        """Profit after commission."""
        return self.pnl - self.commission


def round_trips_of(fills: Iterable[Fill], inverse: Container[str] = ()) -> list[RoundTrip]:
    """Groups fills into round trips. A fill that flips a position closes one and opens the next, split between them.

    inverse: the symbols whose contracts are worth less at a higher price (rule 3.28).
    """
    trips: list[RoundTrip] = []
    open_trips: dict[tuple[str, str], RoundTrip] = {}
    # What the open part of a position cost, at its average price (rule 3.14).
    costs: dict[tuple[str, str], Decimal] = {}
    for fill in fills:
        key = (fill.strategy_id, fill.symbol)
        sign = 1 if fill.side is OrderSide.Buy else -1
        whole = left = fill.quantity.as_decimal()
        while left:
            trip = open_trips.get(key)
            if trip is None:
                side = "Long" if sign > 0 else "Short"
                zero = Decimal(0)
                trip = RoundTrip(fill.strategy_id, fill.symbol, side, fill.ts_event, None, zero, zero, zero, zero)
                open_trips[key] = trip
                costs[key] = zero
                trips.append(trip)
            is_entry = trip.held * sign >= 0
            taken = left if is_entry else min(left, abs(trip.held))
            value = fill.value if taken == whole else fill.value * taken / whole
            costs[key] += value if is_entry else -costs[key] * taken / abs(trip.held)
            trip.held += sign * taken
            trip.pnl -= sign * value
            trip.commission += fill.commission * taken / whole
            if is_entry:
                trip.quantity += taken
            left -= taken
            if not trip.held:
                trip.ts_close = fill.ts_event
                del open_trips[key]
    for key, trip in open_trips.items():
        trip.pnl += costs[key] if trip.side == "Long" else -costs[key]
    for trip in trips:
        if trip.symbol in inverse:
            trip.pnl = -trip.pnl
    return trips
