"""Callers submit, read and cancel the same orders during takeovers; their answers are those of one service."""

from __future__ import annotations

import math
from pathlib import Path

from tests.support.chaos import Chaos
from tests.support.cluster import running_cluster
from tests.support.cluster_callers import UNKNOWN, Callers, agrees
from tests.support.linearizability import Call
from tests.support.postgres import Pair
from tests.support.waiting import let_pass


def test_a_history_that_no_service_could_have_is_told() -> None:
    submitted = Call(0.0, 1.0, "submit", (), True)
    assert agrees([submitted, Call(2.0, 3.0, "get", (), "active")])
    assert not agrees([submitted, Call(2.0, 3.0, "get", (), "")])
    lost = [submitted, Call(1.5, math.inf, "cancel", (), UNKNOWN)]
    assert agrees([*lost, Call(2.0, 3.0, "get", (), "active"), Call(4.0, 5.0, "get", (), "cancelled")])
    assert not agrees([*lost, Call(2.0, 3.0, "get", (), "cancelled"), Call(4.0, 5.0, "get", (), "active")])


def test_callers_of_a_cluster_see_one_service(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    alone = ("--market-data", "off")
    with (
        running_cluster(tmp_path, postgres.database(), "execution", execution=alone) as cluster,
        Callers(cluster, chaos.seed) as callers,
    ):
        for _ in range(chaos.rounds(4, 40)):
            callers.await_more(dice.randrange(50, 400))
            primary = cluster.primary("execution")
            if dice.random() < 0.5:
                primary.kill()
                callers.await_more(50)
                primary.start()
            else:
                primary.freeze()
                let_pass(dice.uniform(0.5, 4.0))
                primary.thaw()
        callers.await_more(100)
    chaos.count("calls", sum(map(len, callers.histories.values())))
    chaos.count("failed", callers.failed)
    assert not callers.wrong
