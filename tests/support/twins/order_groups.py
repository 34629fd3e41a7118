"""Groups of orders: siblings share one remainder, children sleep until their parent fills (rules 3.21 to 3.23)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.twins.execution import Order

SIZES = {"OneCancelsOther": (2, 10), "OneTriggersOther": (2, 10), "Bracket": (3, 10)}


def check_group(kind: str, orders: list[Order]) -> None:
    """Raise ValueError for a malformed group."""
    least, most = SIZES[kind]
    first, others = orders[0], orders[1:]
    children = orders if kind == "OneCancelsOther" else others
    if (
        not least <= len(orders) <= most
        or len({order.order_id for order in orders}) < len(orders)
        or any((order.symbol, order.strategy_id) != (first.symbol, first.strategy_id) for order in others)
        or any(order.time_in_force in ("ImmediateOrCancel", "FillOrKill") for order in children)
        or (kind != "OneCancelsOther" and any(child.quantity > first.quantity for child in others))
        or (kind == "Bracket" and any(child.side == first.side for child in others))
    ):
        raise ValueError(f"malformed group {kind} {orders}")


@dataclass(eq=False)
class Group:
    kind: str
    orders: list[Order]
    released: Fraction = Fraction(0)  # what children may fill: as much as their parent filled before the last tick
    ids: list[str] = field(init=False)
    asked: tuple[str, list[tuple[object, ...]]] = field(init=False)
    greatest: Fraction = field(init=False)  # of the quantities submitted

    def __post_init__(self) -> None:
        self.ids = [order.order_id for order in self.orders]
        self.asked = self.kind, [order.asked for order in self.orders]
        self.greatest = max(order.quantity for order in self.orders)

    @property
    def parent(self) -> Order | None:
        return None if self.kind == "OneCancelsOther" else self.orders[0]

    @property
    def children(self) -> list[Order]:
        """Return the orders that wait for the parent, or all if the group has no parent."""
        return self.orders[1:] if self.parent else self.orders

    @property
    def shares(self) -> bool:
        return self.kind != "OneTriggersOther"

    @property
    def filled_by_parent(self) -> Fraction:
        return self.parent.filled if self.parent else Fraction(0)

    @property
    def may_grow(self) -> bool:
        """Whether children may later fill more than now."""
        return self.parent is not None and (self.parent.active or self.released < self.parent.filled)

    def is_child(self, order: Order) -> bool:
        return self.parent is not None and order is not self.parent

    def room(self, order: Order) -> Fraction:
        """What the order may fill now, if its own quantity allows it."""
        if order is self.parent:
            return order.leaves
        limit = self.released if self.parent else self.greatest
        return limit - (sum((each.filled for each in self.children), Fraction(0)) if self.shares else order.filled)

    def most(self, order: Order) -> Fraction:
        """The greatest total quantity that a change may give the order."""
        if order is self.parent:
            return max(order.quantity, LARGEST)
        if self.parent is None:
            return self.greatest
        return self.parent.quantity if self.parent.active else self.parent.filled


LARGEST = Fraction(10**30)
