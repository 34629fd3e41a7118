"""Real services over a real PostgreSQL pair: a primary dies, freezes or is switched; nothing acknowledged is lost."""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from alphaforge_client.errors import DeadlineExceeded, Unavailable
from alphaforge_client.execution import ExecutionEngine

from tests.support.cluster import Cluster, cluster_command, running_cluster
from tests.support.cluster_load import Load, an_order, assert_all_there
from tests.support.postgres import Pair
from tests.support.prometheus import named_series
from tests.support.waiting import let_pass, until

ALONE = ("--market-data", "off")


@pytest.fixture
def orders(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Two candidates of an execution service."""
    with running_cluster(tmp_path, postgres.database(), "execution", execution=ALONE) as cluster:
        yield cluster


def test_kill_9_of_the_primary_loses_nothing_and_the_next_one_goes_on(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        for _ in range(2):
            primary = orders.primary("execution")
            primary.kill()
            orders.primary("execution", but=primary)
            load.await_more()
            primary.start()
    assert not load.failed
    assert_all_there(orders, load)


def test_a_frozen_primary_is_left_in_mid_call_and_answers_nothing_when_it_wakes(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        frozen = orders.primary("execution")
        frozen.freeze()
        load.await_more()
        assert not load.failed
        before = len(load.acknowledged)
        frozen.thaw()
        with grpc.insecure_channel(frozen.address) as channel:
            call = channel.unary_unary("/alphaforge.execution.v1.ExecutionService/ListEngines")
            for _ in range(20):
                with pytest.raises(grpc.RpcError) as refused:
                    call(b"", timeout=5.0)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        load.await_more()
    assert before < len(load.acknowledged)
    assert_all_there(orders, load)


def test_an_operator_switches_and_a_stop_switches_without_an_error(orders: Cluster) -> None:
    with Load(orders.target("execution")) as load:
        load.await_more()
        follower = orders.follower("execution")
        switched = cluster_command(orders.dsn, "switch", "execution-0")
        assert switched.stdout == f"{follower.address} is primary of execution-0, term 2\n", switched.stderr
        load.await_more()
        assert follower.is_primary
        assert follower.stop() == 0
        load.await_more()
    assert not load.failed
    assert_all_there(orders, load)


def test_a_hung_event_loop_is_deposed(postgres: Pair, tmp_path: Path) -> None:
    dsn, module = postgres.database(), "tests.programs.service_that_hangs"
    with running_cluster(tmp_path, dsn, "execution", execution=ALONE, module=module) as cluster:
        primary, follower = cluster.primary("execution"), cluster.follower("execution")
        # The thread that beats still runs, but no call is answered.
        primary.signal(signal.SIGUSR1)
        until(lambda: follower.is_primary, "the follower has taken over")
        until(lambda: primary.series()["alphaforge_cluster_term"] == 2.0, "the old one follows")
        assert not primary.is_primary
        assert follower.is_primary


def test_followers_keep_no_snapshot_that_holds_vacuum_back(orders: Cluster, postgres: Pair) -> None:
    held = (
        "SELECT pid || ' ' || xact_start FROM pg_stat_activity WHERE application_name LIKE 'alphaforge%' "
        "AND state <> 'active' AND backend_xmin IS NOT NULL"
    )
    seen: Counter[str] = Counter()
    with Load(orders.target("execution")) as load:
        for _ in range(20):
            load.await_more(2)
            seen.update(postgres.a.sql(held).splitlines())
    # A follower loads an engine in one snapshot, which it ends before it follows.
    assert all(count < 10 for count in seen.values()), seen


def test_a_session_of_short_grace_survives_what_its_strategy_could_not_help(own_postgres: Pair, tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, own_postgres.database(), "execution", execution=ALONE) as cluster,
        ExecutionEngine(target=cluster.target("execution"), timeout=30.0) as engine,
        engine.cancel_on_disconnect("load", grace=1.0) as session,
    ):
        engine.submit_order(an_order(1))
        primary = cluster.primary("execution")
        own_postgres.a.freeze()
        until(lambda: not primary.is_primary, "the lease ends")
        let_pass(4.0)
        own_postgres.a.thaw()
        cluster.primary("execution")
        engine.submit_order(an_order(2))
        let_pass(2.0)
        assert not session.has_lapsed
        assert [order.order_id for order in engine.get_active_orders("load")] == ["o1", "o2"]


def test_a_stalled_standby_deposes_no_primary(own_postgres: Pair, tmp_path: Path) -> None:
    with running_cluster(tmp_path, own_postgres.database(), "execution", execution=ALONE) as cluster:
        primary = cluster.primary("execution")
        with Load(cluster.target("execution")) as load:
            load.await_more()
            own_postgres.b.freeze()
            until(lambda: not primary.is_primary, "the lease ends")
            let_pass(15.0)
            assert not any(each.is_primary for each in cluster.candidates["execution"])
            own_postgres.b.thaw()
            load.await_more()
        assert cluster.primary("execution") is primary
        assert primary.series()["alphaforge_cluster_term"] == 1.0
        named = {name for name in named_series() if name.startswith("alphaforge_cluster_")}
        assert named <= primary.series().keys()
        assert_all_there(cluster, load)


def test_a_call_that_timed_out_without_postgresql_never_takes_effect(own_postgres: Pair, tmp_path: Path) -> None:
    with running_cluster(tmp_path, own_postgres.database(), "execution", execution=ALONE) as cluster:
        primary, target = cluster.primary("execution"), cluster.target("execution")
        with ExecutionEngine(target=target) as engine, ExecutionEngine(target=target, timeout=1.0) as hasty:
            engine.submit_order(an_order(0))
            own_postgres.a.freeze()
            until(lambda: not primary.is_primary, "the lease ends")
            back_at = time.monotonic() + 25.0
            for number in itertools.count(1):
                with pytest.raises((Unavailable, DeadlineExceeded)):
                    hasty.submit_order(an_order(number))
                if time.monotonic() > back_at:
                    break
            own_postgres.a.thaw()
            cluster.primary("execution")
            engine.submit_order(an_order(1_000))
            assert {order.order_id for order in engine.get_active_orders("load")} == {"o0", "o1000"}


def test_the_death_of_postgresqls_primary_loses_nothing(own_postgres: Pair, tmp_path: Path) -> None:
    arguments = (*ALONE, "--unreplicated", "serve")
    with running_cluster(tmp_path, own_postgres.database(), "execution", execution=arguments) as cluster:
        with Load(cluster.target("execution")) as load:
            load.await_more()
            own_postgres.a.kill()
            # What an operator's fail-over does: the standby becomes the primary, with one copy.
            own_postgres.promote()
            own_postgres.b.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            own_postgres.b.sql("SELECT pg_reload_conf()")
            load.await_more()
        assert_all_there(cluster, load)


def test_a_log_that_came_back_shorter_begins_a_new_epoch(orders: Cluster, postgres: Pair) -> None:
    target, name = orders.target("execution"), orders.dsn.rpartition("/")[2]
    with ExecutionEngine(target=target) as engine:
        for number in range(5):
            engine.submit_order(an_order(number))
        epoch = epoch_of(engine)
    # As if PostgreSQL had been restored to a moment before.
    last = "(SELECT max(sequence) FROM alphaforge.record)"
    postgres.a.sql_in(name, f"DELETE FROM alphaforge.record WHERE sequence = {last}")
    end_sessions(postgres, name)
    until(lambda: term(orders) >= 2, "the next term")
    primary = orders.primary("execution")
    with ExecutionEngine(target=target) as engine:
        assert epoch_of(engine) != epoch
        assert len(engine.get_active_orders("load")) == 4
        engine.submit_order(an_order(9))
    primary.kill()
    orders.primary("execution", but=primary)
    with ExecutionEngine(target=target) as engine:
        assert len(engine.get_active_orders("load")) == 5


def term(cluster: Cluster) -> int:
    """Returns the latest term known to any candidate."""
    return max(int(each.series()["alphaforge_cluster_term"]) for each in cluster.candidates["execution"])


def end_sessions(postgres: Pair, database: str) -> None:
    query = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}'"
    postgres.a.sql(query)


def epoch_of(engine: ExecutionEngine) -> int:
    return next(each.epoch for each in engine.list_engines() if each.name == "default")


def test_sessions_that_postgresql_ends_are_reopened_without_a_loss(orders: Cluster, postgres: Pair) -> None:
    name = orders.dsn.rpartition("/")[2]
    with Load(orders.target("execution")) as load:
        for round_number in range(3):
            load.await_more()
            end_sessions(postgres, name)
            until(lambda: term(orders) >= 2 + round_number, "the next term")  # noqa: B023
        load.await_more()
    assert not load.failed
    assert_all_there(orders, load)


def test_a_primary_that_loses_its_reading_session_still_makes_checkpoints(postgres: Pair, tmp_path: Path) -> None:
    arguments = (*ALONE, "--journal-checkpoint-bytes", "65536")
    with running_cluster(tmp_path, postgres.database(), "execution", count=1, execution=arguments) as cluster:
        primary, name = cluster.primary("execution"), cluster.dsn.rpartition("/")[2]

        def checkpoints() -> float:
            return primary.series()["alphaforge_journal_checkpoints_total"]

        with Load(cluster.target("execution")) as load:
            load.await_more()
            # Its last query tells this session from the one that writes.
            asked = "(query LIKE '%nextval%' OR query LIKE '%pg_prepared_xacts%')"
            ended = (
                f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND {asked}"
            )
            until(lambda: postgres.a.sql(ended) == "1", "the session for reading", seconds=60)
            until(lambda: "the session for reading is lost" in primary.log.read_text(), "its loss", seconds=60)
            before = checkpoints()
            # After a failed checkpoint, the next one comes a minute later.
            until(lambda: checkpoints() > before, "a checkpoint", seconds=180)
        assert primary.series()["alphaforge_cluster_term"] == 1.0
        assert_all_there(cluster, load)


def test_two_candidates_show_one_line_of_engine_series(orders: Cluster) -> None:
    with ExecutionEngine(target=orders.target("execution")) as engine:
        engine.submit_order(an_order(1))
    primary, follower = orders.primary("execution"), orders.follower("execution")
    series = 'alphaforge_execution_orders_open{engine="default"}'
    assert primary.series()[series] == 1.0
    assert follower.series()[series] == 0.0
    until(lambda: follower.series()["alphaforge_cluster_lag_batches"] == 0.0, "the follower is up to date")
