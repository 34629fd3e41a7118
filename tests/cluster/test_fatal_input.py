"""An input that kills every process that applies it: its engine is refused until an operator skips the input."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from alphaforge_client.errors import AlphaForgeError, EngineError
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce

from tests.support.cluster import Cluster, cluster_command, running_cluster
from tests.support.postgres import Pair
from tests.support.waiting import until

FLAWED = "tests.programs.service_with_a_flaw"


def order(order_id: str) -> Order:
    return Order.limit("X", OrderSide.BUY, 1, 1, TimeInForce.GTC, "s", order_id=order_id)


def start_the_dead(cluster: Cluster) -> bool:
    """Restarts dead candidates, as a supervisor does; returns whether all run and one is the primary."""
    for each in cluster.candidates["execution"]:
        assert each.process is not None
        if each.process.poll() is not None:
            # It may crash again while it starts.
            with suppress(AssertionError):
                each.start()
    return all(
        each.process is not None and each.process.poll() is None for each in cluster.candidates["execution"]
    ) and any(each.is_primary for each in cluster.candidates["execution"])


def test_a_fatal_input_costs_its_own_engine_until_it_is_skipped(postgres: Pair, tmp_path: Path) -> None:
    alone, dsn = ("--market-data", "off"), postgres.database()
    told = ("--because", "it ends every process", "--to", str(tmp_path / "skipped"))
    with running_cluster(tmp_path, dsn, "execution", execution=alone, module=FLAWED) as cluster:
        target = cluster.target("execution")
        with (
            ExecutionEngine(name="good", target=target, timeout=15.0) as good,
            ExecutionEngine(name="bad", target=target, timeout=15.0) as bad,
        ):
            for engine in (good, bad):
                engine.submit_order(order("first"))
            with pytest.raises(AlphaForgeError):
                bad.submit_order(order("fatal"), timeout=1.0)
            until(lambda: start_the_dead(cluster), "a primary that refuses the engine", seconds=120)
            assert good.get_order("first") is not None
            with pytest.raises(EngineError, match="ended the process 2 times"):
                bad.get_order("first")
            refused = cluster_command(dsn, "skip", "execution/bad", "17", *told)
            assert "has no input 17" in refused.stderr
            skipped = cluster_command(dsn, "skip", "execution/bad", "3", *told)
            assert skipped.returncode == 0, skipped.stderr
            until(lambda: start_the_dead(cluster), "a primary", seconds=120)

            def is_served() -> bool:
                # The previous term's primary may refuse the order until its next beat.
                with suppress(EngineError):
                    bad.submit_order(order("second"))
                    return True
                return False

            until(is_served, "the engine is served again", seconds=60)
            primary = cluster.primary("execution")
            primary.kill()
            # The other candidate has skipped the input too.
            cluster.primary("execution", but=primary)
            assert bad.get_order("fatal") is None
            assert [each.order_id for each in bad.get_active_orders("s")] == ["first", "second"]
            good.submit_order(order("second"))
