"""The machine of PostgreSQL's primary is lost or hangs, and Patroni fails over, with the configuration of the docs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.chaos import IS_FULL, Chaos
from tests.support.cluster import running_cluster
from tests.support.cluster_load import Load, assert_all_there
from tests.support.patroni import running_patroni
from tests.support.waiting import until

# Patroni continues with one copy, and takes the other server back as soon as it is there.
ARGUMENTS = ("--market-data", "off", "--journal-checkpoint-bytes", "65536", "--unreplicated", "serve")
# The time that Patroni takes, and as long again for a loaded machine.
PATIENCE_SECONDS = 120.0


@pytest.mark.skipif(not IS_FULL, reason="each failover takes Patroni twenty seconds: make chaos runs it")
def test_patroni_fails_postgresql_over_and_nothing_is_lost(chaos: Chaos, tmp_path: Path) -> None:
    dice = chaos.dice()
    with (
        running_patroni() as patroni,
        running_cluster(tmp_path, patroni.database(), "execution", execution=ARGUMENTS) as cluster,
    ):
        with Load(cluster.target("execution")) as load:
            for _ in range(chaos.rounds(6, 6)):
                load.await_more(dice.randrange(1, 100), seconds=PATIENCE_SECONDS)
                machine, lost_at = patroni.await_pair(), time.monotonic()
                is_lost = dice.random() < 0.5
                if is_lost:
                    machine.lose()
                else:
                    machine.freeze()
                chaos.took("without an order", load.await_pause(lost_at, seconds=PATIENCE_SECONDS))
                if is_lost:
                    machine.start()
                else:
                    machine.thaw()
                chaos.count("machines lost" if is_lost else "machines frozen", 1)
                until(lambda: patroni.primary() not in (None, machine), "the pair", seconds=240, every=0.5)  # noqa: B023
            load.await_more(seconds=PATIENCE_SECONDS)
        chaos.count("orders", len(load.acknowledged))
        assert_all_there(cluster, load)
