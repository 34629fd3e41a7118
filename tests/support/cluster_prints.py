"""Sends trades while a cluster is disturbed."""

from __future__ import annotations

import threading

from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.model import TradeTick

from tests.support.waiting import until

__all__ = ["START_NS", "Prints"]

START_NS = 1_700_000_000_000_000_000


class Prints:
    """Sends one trade after the other, each acknowledged, at prices far above the market's first."""

    def __init__(self, target: str, timeout: float = 15.0) -> None:
        self.count = 0
        self.failed: list[AlphaForgeError] = []
        self._ended = threading.Event()
        self._engine = DataEngine(DataEngineConfig(bar_types=["1tick"]), name="e", target=target, timeout=timeout)
        self._thread = threading.Thread(target=self._run)

    def print_at(self, price: float) -> None:
        """Sends a trade and waits for its acknowledgement."""
        number = self.count + 1
        self._engine.process_trade_tick(TradeTick("BTC", price, 5, "SELL", "", START_NS + number))
        self.count = number

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self.print_at(200 + self.count % 50)
            except AlphaForgeError as error:
                self.failed.append(error)
                return

    def await_more(self, count: int = 20) -> None:
        wanted = self.count + count
        until(lambda: self.count >= wanted or self.failed, lambda: f"trades continue; {self.count}", seconds=60)
        assert not self.failed

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._engine.close()
