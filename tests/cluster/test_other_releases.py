"""Candidates of two releases with different rules: neither follows the other, and an upgrade takes a switch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alphaforge_client.execution import ExecutionEngine

from tests.support.cluster import Candidate, Cluster, cluster_command, running_cluster
from tests.support.cluster_load import Load, an_order, assert_all_there
from tests.support.postgres import Pair
from tests.support.waiting import until

ALONE = ("--market-data", "off")
NEXT = "tests.programs.service_of_the_next_release"
OTHER_RULES = "were written under other rules (2; this release has 3)"
NOT_TAKING = "not taking over: another release wrote inputs that this one can't apply"


@pytest.fixture
def orders(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Two candidates of an execution service."""
    with running_cluster(tmp_path, postgres.database(), "execution", execution=ALONE) as cluster:
        yield cluster


def upgrade(candidate: Candidate) -> None:
    assert candidate.stop() == 0
    candidate.module = NEXT
    candidate.start()


def lines_with(candidate: Candidate, text: str) -> int:
    return sum(text in line for line in candidate.log.read_text().splitlines())


def epochs(cluster: Cluster) -> list[tuple[str, int]]:
    with ExecutionEngine(target=cluster.target("execution"), timeout=15.0) as engine:
        return [(each.name, each.epoch) for each in engine.list_engines()]


def test_a_rolling_upgrade_to_other_rules_goes_by_a_switch(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        before = epochs(orders)
        old, new = orders.primary("execution"), orders.follower("execution")
        upgrade(new)
        load.await_more()
        until(lambda: lines_with(new, OTHER_RULES) == 1, "one line")
        switched = cluster_command(orders.dsn, "switch", "execution-0")
        assert switched.stdout.startswith(f"{new.address} is primary of execution-0"), switched.stderr
        load.await_more()
        assert new.is_primary
        # The former primary is of the former release: it can't follow either.
        load.await_more()
        until(lambda: lines_with(old, "were written under other rules (3; this release has 2)") == 1, "one line")
        upgrade(old)
        until(lambda: old.series()["alphaforge_cluster_lag_batches"] == 0.0, "it follows")
        load.await_more()
        new.kill()
        load.await_more()
        assert old.is_primary
    assert not load.failed
    assert epochs(orders) == before
    assert_all_there(orders, load)


def test_a_stop_of_the_primary_hands_over_to_other_rules(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        before = epochs(orders)
        old, new = orders.primary("execution"), orders.follower("execution")
        upgrade(new)
        load.await_more()
        assert old.stop() == 0
        load.await_more()
        assert new.is_primary
    assert not load.failed
    assert epochs(orders) == before
    assert_all_there(orders, load)


def test_a_candidate_with_other_rules_takes_nothing_over_until_it_is_told_to(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        old, new = orders.primary("execution"), orders.follower("execution")
        upgrade(new)
        load.await_more()
        old.kill()
        until(lambda: lines_with(new, NOT_TAKING) == 1, "one line")
        assert not new.is_primary
        old.start()
        load.await_more()
        assert old.is_primary
    assert_all_there(orders, load)
    old.kill()
    switched = cluster_command(orders.dsn, "switch", "execution-0", "--to", new.address)
    assert switched.stdout.startswith(f"{new.address} is primary of execution-0"), switched.stderr
    with ExecutionEngine(target=new.address) as engine:
        refusal = next(iter(engine.list_engines()), None)
        assert refusal is None, "what it can't apply is refused, and not served from nothing"
    assert new.stop() == 0
    old.start()
    orders.primary("execution")
    with ExecutionEngine(target=orders.target("execution"), timeout=15.0) as engine:
        engine.submit_order(an_order(100_000))
    assert_all_there(orders, load)


def test_a_lone_stop_leaves_nothing_to_replay_for_other_rules(postgres: Pair, tmp_path: Path) -> None:
    with running_cluster(tmp_path, postgres.database(), "execution", count=1, execution=ALONE) as cluster:
        lone = cluster.primary("execution")
        with ExecutionEngine(target=lone.address, timeout=15.0) as engine:
            engine.submit_order(an_order(1))
        before = epochs(cluster)
        upgrade(lone)
        cluster.primary("execution")
        assert epochs(cluster) == before
        with ExecutionEngine(target=lone.address, timeout=15.0) as engine:
            assert [order.order_id for order in engine.get_active_orders("load")] == ["o1"]
