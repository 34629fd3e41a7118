"""Orders, split by partition and found again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alphaforge_core.execution import Order
from alphaforge_core.placement import partition_of

from alphaforge_client._wire.execution import checked_order
from alphaforge_client.errors import AlphaForgeError, InvalidArgument

__all__ = ["IdShare", "OrderShare", "Submitted", "merged_changes", "merged_flags", "merged_orders", "split_orders"]

# Ids of orders whose partition a client remembers; the oldest are forgotten.
_REMEMBERED_MAX = 100_000


class OrderShare(NamedTuple):
    """The orders of one partition, in their order, and the position of each in the whole batch."""

    part: int
    orders: list[Order]
    places: list[int]


class IdShare(NamedTuple):
    """The ids of orders that one partition is asked about, and the position of each in the whole batch."""

    part: int
    items: list[str]
    places: list[int]


def split_orders(orders: Iterable[Order], partitions: int) -> list[OrderShare]:
    """The shares of a batch, without empty ones."""
    shares: dict[int, OrderShare] = {}
    for place, order in enumerate(orders):
        part = partition_of(checked_order(order).symbol, partitions)
        share = shares.setdefault(part, OrderShare(part, [], []))
        share.orders.append(order)
        share.places.append(place)
    return [shares[part] for part in sorted(shares)]


def merged_orders(
    shares: Sequence[OrderShare], results: Sequence[Sequence[str | AlphaForgeError] | Exception]
) -> list[str | AlphaForgeError]:
    """The results in the order of the batch. If a partition fails, each of its orders gets the error.

    Raises the error if all partitions have failed, or if it isn't an AlphaForgeError.
    """
    found: dict[int, str | AlphaForgeError] = {}
    for share, result in zip(shares, results, strict=True):
        if isinstance(result, Exception):
            if len(shares) == 1 or not isinstance(result, AlphaForgeError):
                raise result
            found.update(dict.fromkeys(share.places, result))
        else:
            found.update(zip(share.places, result, strict=True))
    if results and all(isinstance(result, Exception) for result in results):
        raise next(result for result in results if isinstance(result, Exception))
    return [found[place] for place in range(len(found))]


class Submitted:
    """The partitions of the orders that this client has submitted."""

    def __init__(self) -> None:
        self._parts: OrderedDict[str, int] = OrderedDict()

    def note(self, order_id: str, part: int) -> None:
        """Notes where an order was submitted."""
        self._parts[order_id] = part
        if len(self._parts) > _REMEMBERED_MAX:
            self._parts.popitem(last=False)

    def note_all(self, share: OrderShare) -> None:
        """Notes where the orders of a share are submitted."""
        for order in share.orders:
            self.note(order.order_id, share.part)

    def part_of(self, order_id: str) -> int | None:
        """The partition of an order; None if this client doesn't know it."""
        return self._parts.get(order_id)

    def shares(self, order_ids: Sequence[str], partitions: int) -> list[IdShare]:
        """The shares of a batch, without empty ones. An order with an unknown partition is in all shares."""
        shares: dict[int, IdShare] = {}
        for place, order_id in enumerate(order_ids):
            part = 0 if partitions == 1 else self.part_of(order_id)
            for each in range(partitions) if part is None else (part,):
                share = shares.setdefault(each, IdShare(each, [], []))
                share.items.append(order_id)
                share.places.append(place)
        return [shares[part] for part in sorted(shares)]


def merged_flags(count: int, shares: Sequence[IdShare], results: Sequence[Sequence[bool]]) -> list[bool]:
    """The results in the order of the batch; True if any partition returned True."""
    found = [False] * count
    for share, result in zip(shares, results, strict=True):
        for place, flag in zip(share.places, result, strict=True):
            found[place] = found[place] or flag
    return found


def merged_changes(
    count: int, shares: Sequence[IdShare], results: Sequence[Sequence[bool | InvalidArgument]]
) -> list[bool | InvalidArgument]:
    """The same for changes; an error if any partition returned one, since only the order's partition finds errors."""
    found: list[bool | InvalidArgument] = [False] * count
    for share, result in zip(shares, results, strict=True):
        for place, each in zip(share.places, result, strict=True):
            found[place] = found[place] or each
    return found
