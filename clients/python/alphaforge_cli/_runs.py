"""The parts that `alphaforge run` adds to a strategy: an event log, and a venue that sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from alphaforge_client.execution import ExecutionEngine, Gap, Instrument, Order, OrderChange, OrderEvent, OrderGroup

__all__ = ["DryRun", "Log", "opened_log"]

Note = Callable[..., None]


class Log:
    """Writes one line of JSON for each event: `time` (UTC), `event` and its fields; numbers are exact, as strings."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def note(self, event: str, **fields: object) -> None:
        """Writes a line, if there is a file."""
        if self._file is not None:
            print(_line(event, fields), file=self._file, flush=True)

    def show(self, event: str, **fields: object) -> None:
        """Writes a line, and prints it."""
        self.note(event, **fields)
        print(_line(event, fields), flush=True)

    def observe(self, event: OrderEvent | Gap) -> None:
        """Writes a line for a change of an order, one more for its fill, and one for a gap in a stream."""
        if isinstance(event, Gap):
            self.note("gap", first_sequence=event.first_sequence, last_sequence=event.last_sequence)
            return
        self.note("order", **_fields(event, without="fill"))
        if event.fill is not None:
            self.note("fill", **event.fill.as_dict())


@contextmanager
def opened_log(path: Path | None) -> Iterator[Log]:
    """A log at the end of that file; one that writes nothing without a file."""
    if path is None:
        yield Log(None)
        return
    with path.open("a", encoding="utf-8") as file:
        yield Log(file)


def _line(event: str, fields: Mapping[str, object]) -> str:
    time = datetime.now(UTC).isoformat(timespec="microseconds")
    return json.dumps({"time": time, "event": event, **fields}, default=str)


class DryRun:
    """An ExecutionEngine that answers queries, and records orders, cancels and changes instead of sending them."""

    def __init__(self, venue: ExecutionEngine, note: Note) -> None:
        self._venue = venue
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def submit_order(self, order: Order, **_: Any) -> str:
        """Records the order and returns its id."""
        self._note("would submit", **_fields(order, without="fills"))
        return order.order_id

    def submit_orders(self, orders: Iterable[Order], **_: Any) -> list[str]:
        """Records the orders and returns their ids."""
        return [self.submit_order(order) for order in orders]

    def submit_order_group(self, group: OrderGroup, **_: Any) -> list[str]:
        """Records the orders and returns their ids."""
        return self.submit_orders(group.orders)

    def cancel_order(self, order_id: str, **_: Any) -> bool:
        """Records the cancel; False, since nothing is cancelled."""
        self._note("would cancel", order_id=order_id)
        return False

    def cancel_orders(self, order_ids: Iterable[str], **_: Any) -> list[bool]:
        """Records the cancels."""
        return [self.cancel_order(order_id) for order_id in order_ids]

    def cancel_all_orders(self, strategy_id: str | None = None, **only: Any) -> int:
        """Records the cancel; 0, since nothing is cancelled."""
        self._note("would cancel all", strategy_id=strategy_id, **_without_timeout(only))
        return 0

    def modify_order(self, order_id: str, **changes: Any) -> bool:
        """Records the change; False, since nothing is changed."""
        self._note("would modify", order_id=order_id, **_without_timeout(changes))
        return False

    def modify_orders(self, changes: Iterable[OrderChange], **_: Any) -> list[bool]:
        """Records the changes."""
        given = ("quantity", "price", "stop_price")
        return [
            self.modify_order(
                change.order_id, **{name: value for name in given if (value := getattr(change, name)) is not None}
            )
            for change in changes
        ]

    def register_instruments(self, instruments: Iterable[Instrument], **_: Any) -> None:
        """Records the instruments."""
        for each in instruments:
            self._note("would register", **each.as_dict())

    def resume_strategy(self, strategy_id: str, **_: Any) -> bool:
        """Records it; False, since nothing is resumed."""
        self._note("would resume", strategy_id=strategy_id)
        return False

    def halt(self, **_: Any) -> None:
        """Records the halt."""
        self._note("would halt")


def _without_timeout(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if name != "timeout"}


def _fields(item: Order | OrderEvent, without: str) -> dict[str, object]:
    return {name: value for name, value in item.as_dict().items() if name != without}
