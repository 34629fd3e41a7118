"""Operations: moving engines, restoring PostgreSQL, replicated storage, and TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alphaforge_client.aio.execution import ExecutionEngine as AsyncExecutionEngine
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.execution import ExecutionEngine
from alphaforge_client.model import TradeTick

from tests.support.certificates import Certificates
from tests.support.cluster import Candidate, cluster_command, running_cluster
from tests.support.cluster_load import an_order
from tests.support.postgres import Pair
from tests.support.waiting import until

START_NS = 1_700_000_000_000_000_000
ALONE = ("--market-data", "off")


def test_an_engine_moves_to_another_shard_with_its_whole_state(postgres: Pair, tmp_path: Path) -> None:
    config = DataEngineConfig(bar_types=["1tick"])
    with running_cluster(tmp_path, postgres.database(), "data", count=1) as cluster:
        here = cluster.primary("data")
        with DataEngine(config, name="moved", target=here.address) as engine:
            engine.process_trade_ticks([TradeTick("BTC", 10 + n, 1, "SELL", "", START_NS + n) for n in range(5)])
            bars = engine.get_bars("BTC", "1tick")
        for wrong, why in (
            ("data/unknown", "there is no engine"),
            ("data/moved", "live candidates of both shards, or of neither"),
        ):
            assert why in cluster_command(cluster.dsn, "move", wrong, "--to", "1").stderr
        assert here.stop() == 0

        def moved() -> bool:
            return cluster_command(cluster.dsn, "move", "data/moved", "--to", "1").returncode == 0

        until(moved, "the candidate is seen no more", seconds=60)
        there = Candidate("data", tmp_path, cluster.dsn, ("--shard", "1"))
        cluster.candidates["data"].append(there)
        there.start()
        until(lambda: there.is_primary, "the primary of shard 1")
        with DataEngine(config, name="moved", target=there.address) as engine:
            assert engine.get_bars("BTC", "1tick") == bars
            engine.process_trade_tick(TradeTick("BTC", 20, 1, "SELL", "", START_NS + 9))
            assert len(engine.get_bars("BTC", "1tick")) == len(bars) + 1


def test_a_restored_postgresql_begins_new_epochs(postgres: Pair, tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, postgres.database(), "execution", execution=ALONE) as cluster,
        ExecutionEngine(target=cluster.target("execution"), timeout=15.0) as engine,
    ):
        engine.submit_order(an_order(1))
        before = [(each.name, each.epoch) for each in engine.list_engines()]
        assert cluster_command(cluster.dsn, "restored").returncode == 0

        def begun() -> bool:
            try:
                after = [(each.name, each.epoch) for each in engine.list_engines()]
            except AlphaForgeError:
                return False
            return [name for name, _ in after] == [name for name, _ in before] and after != before

        until(begun, "the new epoch", seconds=60)
        assert [order.order_id for order in engine.get_active_orders("load")] == ["o1"]
        engine.submit_order(an_order(2))


def test_a_postgresql_that_keeps_its_copies_itself_is_served_without_a_standby(
    own_postgres: Pair, tmp_path: Path
) -> None:
    own_postgres.a.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    own_postgres.a.sql("SELECT pg_reload_conf()")
    managed = (*ALONE, "--unreplicated", "managed")
    with running_cluster(tmp_path, own_postgres.database(), "execution", count=1, execution=managed) as cluster:
        with ExecutionEngine(target=cluster.target("execution")) as engine:
            engine.submit_order(an_order(1))
        primary = cluster.primary("execution")
        assert primary.series()["alphaforge_cluster_unreplicated"] == 0.0
        assert "one copy" not in primary.log.read_text()


def test_clients_follow_over_tls_in_both_kinds(postgres: Pair, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    arguments = (*ALONE, *certificates.server_flags(mutual=True))
    credentials = certificates.credentials(mutual=True)

    async def submit(targets: str, number: int) -> None:
        async with AsyncExecutionEngine(target=targets, timeout=15.0, credentials=credentials) as engine:
            await engine.submit_order(an_order(number))

    with running_cluster(tmp_path, postgres.database(), "execution", execution=arguments) as cluster:
        targets = cluster.target("execution")
        with ExecutionEngine(target=targets, timeout=15.0, credentials=credentials) as engine:
            engine.submit_order(an_order(1))
            asyncio.run(submit(targets, 2))
            served = {order.order_id for order in engine.get_active_orders("load")}
            assert served == {"o1", "o2"}
            cluster.candidates["execution"][0].kill()
            asyncio.run(submit(targets, 3))
            engine.submit_order(an_order(4))
            assert {order.order_id for order in engine.get_active_orders("load")} == {"o1", "o2", "o3", "o4"}
