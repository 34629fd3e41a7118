"""Submits orders while a cluster is disturbed, and checks that all acknowledged ones exist afterwards."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field

from alphaforge_client.data import DataEngine
from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.cluster import Cluster
from tests.support.waiting import until

__all__ = ["START_NS", "Load", "Writer", "an_order", "assert_all_there"]

START_NS = 1_700_000_000_000_000_000


def an_order(number: int) -> Order:
    return Order.limit("BTCUSD", OrderSide.BUY, 1, 10 + number % 90, TimeInForce.GTC, "load", order_id=f"o{number}")


@dataclass
class Load:
    """Submits one order after the other until it is stopped; repeats a failed call, as a strategy would."""

    target: str
    acknowledged: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each was acknowledged, by time.monotonic."""
    failed: list[AlphaForgeError] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with ExecutionEngine(target=self.target, timeout=10.0) as engine:
            for number in itertools.count(1):
                if self._ended.is_set():
                    return
                try:
                    self.acknowledged.append(engine.submit_order(an_order(number)))
                    self.times.append(time.monotonic())
                except AlphaForgeError as error:
                    self.failed.append(error)

    def await_more(self, count: int = 20, seconds: float = 60.0) -> None:
        """Waits until `count` more orders are acknowledged."""
        wanted = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= wanted, lambda: f"orders continue; {self.failed[-1:]}", seconds)

    def await_pause(self, since: float, seconds: float = 60.0) -> float:
        """Waits until orders continue after a fault at `since`; returns how long none was acknowledged, in seconds."""
        # The call in flight may have been acknowledged a moment after the fault.
        self.await_more(2, seconds)
        around = [each for each in self.times if each > since - 1.0]
        return max(after - before for before, after in itertools.pairwise(around))


class Writer:
    """Sends one trade after the other, each acknowledged, and notes slow calls."""

    def __init__(self, engine: DataEngine, *, pauses_from: float = 0.05) -> None:
        self.count = 0
        self.pauses: list[tuple[float, float]] = []
        """When a call began, and how long it took, of those that took longer than `pauses_from`."""
        self.failed: list[AlphaForgeError] = []
        self._engine = engine
        self._pauses_from = pauses_from
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._ended.is_set():
                return
            began = time.monotonic()
            try:
                self._engine.process_trade_tick(TradeTick("BTC", 100, 1, "BUY", str(number), START_NS + number))
            except AlphaForgeError as error:
                self.failed.append(error)
                return
            took = time.monotonic() - began
            if took > self._pauses_from:
                self.pauses.append((began, took))
            self.count = number

    def longest_since(self, since: float) -> float:
        """The longest call that ended after `since`."""
        return max((took for began, took in self.pauses if began + took > since), default=0.0)

    def await_more(self, more: int = 20) -> None:
        wanted = self.count + more
        until(lambda: self.count >= wanted or self.failed, lambda: f"trades continue; {self.count}", seconds=60)
        assert not self.failed

    def end(self) -> None:
        self._ended.set()
        self._thread.join(60)


def assert_all_there(cluster: Cluster, load: Load) -> None:
    """Asserts that each acknowledged order exists once, events have no gaps, and no follower's state differed."""
    for candidate in cluster.candidates["execution"]:
        if candidate.is_running:
            assert candidate.series()["alphaforge_cluster_differing_states_total"] == 0.0
    with ExecutionEngine(target=cluster.target("execution"), timeout=10.0) as engine:
        found = [order.order_id for order in engine.get_active_orders("load")]
        assert set(load.acknowledged) <= set(found)
        assert len(found) == len(set(found))
        sequences = [event.sequence for event in engine.events(from_sequence=1)] if found else []
        assert sequences == list(range(1, len(sequences) + 1))
