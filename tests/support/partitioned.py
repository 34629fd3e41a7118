"""Real trades of several instruments, and clients of engines with partitions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_client.model import TradeTick

from tests.support.shards import Shards
from tests.support.tape import BTCUSDT, SPY, real_trades

NAMES = ("BTCUSDT", "SPY", "A", "B", "C", "D", "E")


def real_ticks(count: int) -> list[TradeTick]:
    """Returns the first trades of both tapes, alternating, over seven instruments."""
    rows = [real_trades(tape)[:count] for tape in (BTCUSDT, SPY)]
    ticks = []
    for number, pair in enumerate(zip(*rows, strict=True)):
        for place, row in enumerate(pair):
            name = NAMES[place] if number % 3 else NAMES[2 + (2 * number + place) % 5]
            ticks.append(
                TradeTick(
                    name, row["price"], row["quantity"], row["aggressor_side"], row["trade_id"],
                    int(row["ts_event"]), int(row["ts_init"]),
                )
            )  # fmt: skip
    return ticks


def new_name() -> str:
    """Returns a name that no other test uses."""
    return f"test-{uuid.uuid4()}"


class Clients:
    """Makes clients and closes them."""

    def __init__(self, shards: Shards, exits: ExitStack) -> None:
        self._shards = shards
        self._exits = exits

    def _closing(self, client: Any) -> Any:
        self._exits.callback(client.close)
        return client

    def _place(self, noun: str, options: dict[str, Any]) -> dict[str, Any]:
        self._shards.serve(noun)
        return {"targets": self._shards.targets(noun), "timeout": 20.0} | options

    def cache(self, **options: Any) -> GenericCache:
        """A cache client."""
        client: GenericCache = self._closing(GenericCache(**self._place("cache", options)))
        return client

    def data(self, config: Any = None, **options: Any) -> DataEngine:
        """A data client."""
        client: DataEngine = self._closing(DataEngine(config, **self._place("data", options)))
        return client

    def execution(self, config: Any = None, **options: Any) -> ExecutionEngine:
        """An execution client."""
        client: ExecutionEngine = self._closing(ExecutionEngine(config, **self._place("execution", options)))
        return client


@contextmanager
def clients_of(shards: Shards) -> Iterator[Clients]:
    """Clients, closed at the end."""
    with ExitStack() as exits:
        yield Clients(shards, exits)
