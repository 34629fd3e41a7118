"""The network between each pair of a cluster is cut, both ways and one way, under load and in front of subscribers."""

from __future__ import annotations

from pathlib import Path

import grpc
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest
from alphaforge.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce

from tests.support.chaos import Chaos
from tests.support.cluster import Cluster
from tests.support.cluster_callers import Callers
from tests.support.cluster_load import Load, assert_all_there
from tests.support.cluster_prints import START_NS, Prints
from tests.support.partitions import PAIRS, WAYS, RoleWatch, running_net
from tests.support.postgres import Pair
from tests.support.waiting import let_pass, until

ALL = len(PAIRS) * len(WAYS)
# Longer than any partition here.
PATIENT = {"timeout": 60.0}
CHECKPOINTS = ("--journal-checkpoint-bytes", "65536")


class Subscribed:
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


def followed_to(cluster: Cluster) -> int:
    """Returns the sequence up to which the venue has followed the data engine's trades."""
    with grpc.insecure_channel(cluster.primary("execution").address) as channel:
        status = ExecutionServiceStub(channel).GetEngineStatus(GetEngineStatusRequest(engine="e"))
        return int(status.market_data_sequence)


def test_each_pair_is_cut_off_each_way(chaos: Chaos, own_postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    cuts = [(pair, way) for pair in PAIRS for way in WAYS]
    dice.shuffle(cuts)
    with running_net(tmp_path, own_postgres, *CHECKPOINTS) as net:
        cluster = net.cluster
        prints = Prints(cluster.target("data"), **PATIENT)
        # A market at 99, which no later print comes near, and an order that only a trade of it would fill.
        prints.print_at(99)
        with (
            ExecutionEngine(name="e", target=cluster.target("execution"), **PATIENT) as venue,
            RoleWatch(cluster, "execution") as execution_roles,
            RoleWatch(cluster, "data") as data_roles,
        ):
            venue.wait_ready()
            venue.statistics()
            until(lambda: prints.print_at(105) or followed_to(cluster), "the venue follows", every=0.2)
            resting = Order.limit("BTC", OrderSide.BUY, 1, 100, TimeInForce.GTC, "rests")
            venue.submit_order(resting)
            with Load(cluster.target("execution")) as load, Callers(cluster, chaos.seed, "h") as callers:
                load.await_more(1)
                subscribed = Subscribed(cluster)
                prints.start()
                for pair, way in [cuts[number % ALL] for number in range(chaos.rounds(4, 42))]:
                    load.await_more(dice.randrange(1, 40))
                    prints.await_more()
                    between = net.between(pair)
                    for proxy in between:
                        proxy.cut(**WAYS[way])
                    let_pass(dice.uniform(0.5, 7.0))
                    for proxy in between:
                        proxy.mend()
                load.await_more()
                prints.await_more()
                callers.await_more(50)
            prints.end()
            subscribed.check(prints.count)
            subscribed.close()
            assert venue.get_fills() == []
            assert [order.order_id for order in venue.get_active_orders("rests")] == [resting.order_id]
            until(lambda: followed_to(cluster) == prints.count, "the venue is up to date", seconds=60)
            assert venue.statistics().duplicate_ticks == 0
        assert execution_roles.looks
        assert data_roles.looks
        assert execution_roles.both + data_roles.both == 0
        assert not callers.wrong
        chaos.count("orders", len(load.acknowledged))
        chaos.count("trades", prints.count)
        chaos.count("calls", callers.made)
        assert_all_there(cluster, load)
