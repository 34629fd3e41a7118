"""Both services and PostgreSQL fail at random in front of subscribers, who receive each event once and in order."""

from __future__ import annotations

from pathlib import Path

from tests.support.chaos import Chaos
from tests.support.cluster import Cluster, cluster_command, running_cluster
from tests.support.cluster_load import Load, assert_all_there
from tests.support.cluster_market import followed_market
from tests.support.postgres import Pair
from tests.support.waiting import let_pass

# The last fault leaves one copy.
ARGUMENTS = ("--journal-checkpoint-bytes", "65536", "--unreplicated", "serve")
FAULTS = ("kill", "freeze", "switch", "lost sessions", "stalled standby", "stalled PostgreSQL")


def disturb(fault: str, seconds: float, cluster: Cluster, noun: str, pair: Pair) -> None:
    """Lets something fail, for `seconds` if it comes back by itself."""
    primary = cluster.primary(noun)
    if fault == "kill":
        primary.kill()
        cluster.primary(noun, but=primary)
        primary.start()
    elif fault == "switch":
        cluster_command(cluster.dsn, "switch", f"{noun}-0")
    elif fault == "lost sessions":
        pair.a.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name ~ 'alphaforge'"
        )
    else:
        hangs = {"freeze": primary, "stalled standby": pair.b, "stalled PostgreSQL": pair.a}[fault]
        hangs.freeze()
        let_pass(seconds)
        hangs.thaw()


def test_subscribers_of_a_cluster_miss_and_repeat_nothing(chaos: Chaos, own_postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    with running_cluster(tmp_path, own_postgres.database(), "data", data=ARGUMENTS) as data:
        follows = ("--data-target", data.target("data"), *ARGUMENTS)
        with running_cluster(tmp_path, data.dsn, "execution", execution=follows, is_made=True) as execution:
            cluster = Cluster(data.dsn, {**data.candidates, **execution.candidates})
            with Load(cluster.target("execution")) as load:
                load.await_more(1)
                with followed_market(cluster) as prints:
                    faults = [FAULTS[number % len(FAULTS)] for number in range(chaos.rounds(6, 60))]
                    dice.shuffle(faults)
                    for fault in faults:
                        noun = dice.choice(("data", "execution"))
                        disturb(fault, dice.uniform(0.5, 6.0), cluster, noun, own_postgres)
                        load.await_more(dice.randrange(1, 40))
                        prints.await_more()
                    own_postgres.a.kill()
                    own_postgres.promote()
                    own_postgres.b.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
                    own_postgres.b.sql("SELECT pg_reload_conf()")
                    load.await_more()
                    prints.await_more()
            assert_all_there(cluster, load)
        chaos.count("orders", len(load.acknowledged))
        chaos.count("trades", prints.count)
