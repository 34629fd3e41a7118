"""A market whose trades, bars and order events are followed while a cluster is disturbed, and an order far from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest
from alphaforge.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce

from tests.support.cluster import Cluster
from tests.support.cluster_prints import START_NS, Prints
from tests.support.waiting import until

__all__ = ["followed_market"]

# Longer than any disturbance.
PATIENT = {"timeout": 60.0}


class _Subscribed:
    """Subscriptions to trades, bars and order events, from the first one on."""

    def __init__(self, cluster: Cluster) -> None:
        config = DataEngineConfig(bar_types=["1tick"])
        self._data = DataEngine(config, name="e", target=cluster.target("data"), **PATIENT)
        self._venue = ExecutionEngine(target=cluster.target("execution"), **PATIENT)
        self.trades: list[object] = []
        self.bars: list[object] = []
        self.events: list[object] = []
        self._subscriptions = (
            self._data.subscribe_trades(from_sequence=1).listen(self.trades.append),
            self._data.subscribe_bars(from_sequence=1).listen(self.bars.append),
            self._venue.subscribe_order_events(from_sequence=1).listen(self.events.append),
        )
        self._epochs = self._now()

    def _now(self) -> list[int | None]:
        return [each.epoch for each in self._subscriptions]

    def check(self, trades: int) -> None:
        """Asserts that each event came once, in order, in the epoch of the first."""
        events = [event.sequence for event in self._venue.events(from_sequence=1)]
        until(lambda: len(self.trades) >= trades and len(self.bars) >= trades, "all trades and bars", seconds=60)
        until(lambda: len(self.events) >= len(events), "all order events", seconds=60)
        assert [getattr(each, "ts_event", each) for each in self.trades] == [START_NS + 1 + n for n in range(trades)]
        assert [getattr(each, "sequence", each) for each in self.bars] == list(range(1, trades + 1))
        assert [getattr(each, "sequence", each) for each in self.events] == list(range(1, len(self.events) + 1))
        assert self._now() == self._epochs

    def close(self) -> None:
        for each in self._subscriptions:
            each.close()
        self._data.close()
        self._venue.close()


def _followed_to(cluster: Cluster) -> int:
    """Returns the sequence up to which the venue has followed the data engine's trades."""
    with grpc.insecure_channel(cluster.primary("execution").address) as channel:
        status = ExecutionServiceStub(channel).GetEngineStatus(GetEngineStatusRequest(engine="e"))
        return int(status.market_data_sequence)


@contextmanager
def followed_market(cluster: Cluster) -> Iterator[Prints]:
    """Sends trades to a data engine that an execution engine follows, while the body disturbs both services.

    Then asserts that subscribers received each trade, each bar and each event of the default engine's orders once and
    in order, and that the execution engine has followed each trade once, of which none fills an order far from them.
    """
    prints = Prints(cluster.target("data"), **PATIENT)
    # A market at 99, which no later print comes near, and an order that only a trade of it would fill.
    prints.print_at(99)
    with ExitStack() as exits:
        venue = exits.enter_context(ExecutionEngine(name="e", target=cluster.target("execution"), **PATIENT))
        venue.wait_ready()
        venue.statistics()
        until(lambda: prints.print_at(105) or _followed_to(cluster), "the venue follows", every=0.2)
        resting = Order.limit("BTC", OrderSide.BUY, 1, 100, TimeInForce.GTC, "rests")
        venue.submit_order(resting)
        subscribed = _Subscribed(cluster)
        exits.callback(subscribed.close)
        prints.start()
        try:
            yield prints
        finally:
            prints.end()
        subscribed.check(prints.count)
        assert venue.get_fills() == []
        assert [order.order_id for order in venue.get_active_orders("rests")] == [resting.order_id]
        until(lambda: _followed_to(cluster) == prints.count, "the venue is up to date", seconds=60)
        assert venue.statistics().duplicate_ticks == 0
