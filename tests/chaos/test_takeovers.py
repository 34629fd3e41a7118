"""Primaries are killed, frozen and switched, and PostgreSQL's sessions and servers end, at random under load."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import grpc
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest
from alphaforge.execution.v1.events_pb2 import SubscribeOrderEventsRequest
from alphaforge.execution.v1.orders_pb2 import CancelOrderRequest, GetOrderRequest

from tests.support.chaos import Chaos
from tests.support.cluster import cluster_command, running_cluster
from tests.support.cluster_load import Load, assert_all_there
from tests.support.postgres import Pair, running_pair
from tests.support.waiting import let_pass, until

# Frequent checkpoints, so that faults interrupt some of them.
ARGUMENTS = ("--market-data", "off", "--journal-checkpoint-bytes", "65536")
SERVICE = "/alphaforge.execution.v1.ExecutionService"
# A primary answers reads for this long after its last confirmed beat.
LEASE_SECONDS = 1.5


class Heard:
    """A stream of order events, and when each of its messages came."""

    def __init__(self, channel: grpc.Channel) -> None:
        subscribe = channel.unary_stream(f"{SERVICE}/SubscribeOrderEvents")
        self.call = subscribe(SubscribeOrderEventsRequest().SerializeToString(), timeout=60.0)
        self.at: list[float] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(grpc.RpcError):
            for _ in self.call:
                self.at.append(time.monotonic())

    def end(self) -> None:
        self._thread.join()


def test_primaries_are_killed(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    with running_cluster(tmp_path, postgres.database(), "execution", execution=ARGUMENTS) as cluster:
        with Load(cluster.target("execution")) as load:
            for _ in range(chaos.rounds(20, 200)):
                load.await_more(dice.randrange(1, 40))
                primary = cluster.primary("execution")
                killed = time.monotonic()
                primary.kill()
                chaos.took("without an order", load.await_pause(killed))
                primary.start()
            load.await_more()
        chaos.count("orders", len(load.acknowledged))
        chaos.count("failed", len(load.failed))
        assert_all_there(cluster, load)


def test_frozen_primaries_wake_up(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    with running_cluster(tmp_path, postgres.database(), "execution", execution=ARGUMENTS) as cluster:
        with Load(cluster.target("execution")) as load:
            for _ in range(chaos.rounds(5, 50)):
                load.await_more(dice.randrange(1, 40))
                frozen = cluster.primary("execution")
                with grpc.insecure_channel(frozen.address) as channel:
                    grpc.channel_ready_future(channel).result(timeout=30)
                    events = Heard(channel)
                    until(lambda: events.at, "the stream begins")  # noqa: B023
                    began = time.monotonic()
                    frozen.freeze()
                    chaos.took("without an order", load.await_pause(began))
                    let_pass(max(0.0, began + LEASE_SECONDS + dice.uniform(0.0, 2.0) - time.monotonic()))
                    # These calls wait in the frozen primary's sockets, so it reads them first when it wakes.
                    waiting = [
                        channel.unary_unary(f"{SERVICE}/{method}").future(message.SerializeToString(), timeout=60.0)
                        for method, message in (
                            ("GetOrder", GetOrderRequest(order_id=load.acknowledged[0])),
                            ("CancelOrder", CancelOrderRequest(order_id=load.acknowledged[0])),
                            ("GetEngineStatus", GetEngineStatusRequest()),
                        )
                    ]
                    woken = time.monotonic()
                    frozen.thaw()
                    for call in (*waiting, events.call):
                        assert call.code() is grpc.StatusCode.UNAVAILABLE, call.details()
                    # Nothing but what it was about to send when it was frozen.
                    events.end()
                    assert sum(at > woken for at in events.at) <= 1
                chaos.count("calls refused", len(waiting))
            load.await_more()
        chaos.count("orders", len(load.acknowledged))
        assert_all_there(cluster, load)


def test_postgresqls_primary_dies_and_its_standby_is_promoted(chaos: Chaos, tmp_path: Path) -> None:
    dice = chaos.dice()
    arguments = (*ARGUMENTS, "--unreplicated", "serve")
    for number in range(chaos.rounds(2, 20)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with (
            running_pair() as pair,
            running_cluster(folder, pair.database(), "execution", execution=arguments) as cluster,
        ):
            with Load(cluster.target("execution")) as load:
                load.await_more(dice.randrange(1, 200))
                died = time.monotonic()
                if dice.random() < 0.5:
                    pair.a.kill()
                else:
                    pair.a.freeze()
                # What an operator's fail-over does: the standby becomes the primary, with one copy.
                pair.promote()
                pair.b.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
                pair.b.sql("SELECT pg_reload_conf()")
                chaos.took("without an order", load.await_pause(died))
                load.await_more()
            chaos.count("orders", len(load.acknowledged))
            assert_all_there(cluster, load)


def test_all_of_it_at_once(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice, dsn = chaos.dice(), postgres.database()
    name = dsn.rpartition("/")[2]
    sessions = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
    counts = dict.fromkeys(("kill", "freeze", "switch", "sessions"), 0)
    with running_cluster(tmp_path, dsn, "execution", count=3, execution=ARGUMENTS) as cluster:
        with Load(cluster.target("execution")) as load:
            for _ in range(chaos.rounds(6, 60)):
                load.await_more(dice.randrange(1, 40))
                primary = cluster.primary("execution")
                fault = dice.choice(("kill", "freeze", "switch", "sessions"))
                counts[fault] += 1
                if fault == "kill":
                    primary.kill()
                    load.await_more(1)
                    primary.start()
                elif fault == "freeze":
                    primary.freeze()
                    let_pass(dice.uniform(0.1, 4.0))
                    primary.thaw()
                elif fault == "switch":
                    cluster_command(dsn, "switch", "execution-0")
                else:
                    postgres.a.sql(sessions)
            load.await_more()
        for what, number in (*counts.items(), ("orders", len(load.acknowledged))):
            chaos.count(what, number)
        assert_all_there(cluster, load)
