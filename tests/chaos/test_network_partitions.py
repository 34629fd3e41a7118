"""The network between each pair of a cluster is cut, both ways and one way, under load and in front of subscribers."""

from __future__ import annotations

from pathlib import Path

from tests.support.chaos import Chaos
from tests.support.cluster_callers import Callers
from tests.support.cluster_load import Load, assert_all_there
from tests.support.cluster_market import followed_market
from tests.support.partitions import PAIRS, WAYS, RoleWatch, running_net
from tests.support.postgres import Pair
from tests.support.waiting import let_pass

ALL = len(PAIRS) * len(WAYS)
CHECKPOINTS = ("--journal-checkpoint-bytes", "65536")


def test_each_pair_is_cut_off_each_way(chaos: Chaos, own_postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    cuts = [(pair, way) for pair in PAIRS for way in WAYS]
    dice.shuffle(cuts)
    with running_net(tmp_path, own_postgres, *CHECKPOINTS) as net:
        cluster = net.cluster
        with (
            RoleWatch(cluster, "execution") as execution_roles,
            RoleWatch(cluster, "data") as data_roles,
            Load(cluster.target("execution")) as load,
            Callers(cluster, chaos.seed, "h") as callers,
        ):
            load.await_more(1)
            with followed_market(cluster) as prints:
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
        assert execution_roles.looks
        assert data_roles.looks
        assert execution_roles.both + data_roles.both == 0
        assert not callers.wrong
        chaos.count("orders", len(load.acknowledged))
        chaos.count("trades", prints.count)
        chaos.count("calls", callers.made)
        assert_all_there(cluster, load)
