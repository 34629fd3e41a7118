"""During takeovers, subscribers and a following execution service receive each event once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest
from alphaforge.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from alphaforge_client._wire.gap import Gap
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.cluster import Cluster, cluster_command, running_cluster
from tests.support.cluster_prints import START_NS, Prints
from tests.support.postgres import Pair
from tests.support.waiting import until


@pytest.fixture
def cluster(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    """Two candidates of a data service, and two of an execution service that follows it."""
    with running_cluster(tmp_path, postgres.database(), "data") as data:
        follows = ("--data-target", data.target("data"))
        with running_cluster(tmp_path, data.dsn, "execution", execution=follows, is_made=True) as execution:
            yield Cluster(data.dsn, {**data.candidates, **execution.candidates})


def test_each_trade_reaches_subscriber_and_venue_once_over_take_overs_of_both(cluster: Cluster) -> None:
    prints = Prints(cluster.target("data"))
    # A market at 99, which no later print comes near.
    prints.print_at(99)
    venue = ExecutionEngine(name="e", target=cluster.target("execution"), timeout=15.0)
    venue.wait_ready()
    until(lambda: prints.print_at(105) or _followed(venue), "the venue follows", every=0.2)
    until(lambda: _followed_to(cluster) == prints.count, "the venue is up to date")
    not_followed = prints.count - _followed(venue)
    buy = Order.limit("BTC", OrderSide.BUY, 1, 100, TimeInForce.GTC, "s")
    venue.submit_order(buy)
    received: list[TradeTick | Gap] = []
    reader = DataEngine(DataEngineConfig(bar_types=["1tick"]), name="e", target=cluster.target("data"), timeout=15.0)
    subscription = reader.subscribe_trades(from_sequence=1).listen(received.append)
    epoch = subscription.epoch
    prints.start()
    try:
        prints.await_more()
        killed = cluster.primary("data")
        killed.kill()
        prints.await_more()
        killed.start()
        frozen = cluster.primary("execution")
        frozen.freeze()
        cluster.primary("execution", but=frozen)
        prints.await_more()
        frozen.thaw()
        assert cluster_command(cluster.dsn, "switch", "data-0").returncode == 0
        prints.await_more()
    finally:
        prints.end()
    until(lambda: len(received) >= prints.count, lambda: f"{len(received)} of {prints.count} received")
    assert [each for each in received if isinstance(each, Gap)] == []
    assert [each.ts_event - START_NS for each in received] == list(range(1, prints.count + 1))
    assert subscription.epoch == epoch
    subscription.close()
    assert venue.get_fills() == []
    assert [order.order_id for order in venue.get_active_orders("s")] == [buy.order_id]
    until(lambda: _followed_to(cluster) == prints.count, "the venue is up to date")
    assert _followed(venue) == prints.count - not_followed
    assert venue.statistics().duplicate_ticks == 0
    reader.close()
    venue.close()


def _followed_to(cluster: Cluster) -> int:
    """Returns the sequence up to which the venue has followed the data engine's stream."""
    with grpc.insecure_channel(cluster.primary("execution").address) as channel:
        status = ExecutionServiceStub(channel).GetEngineStatus(GetEngineStatusRequest(engine="e"))
        return int(status.market_data_sequence)


def _followed(venue: ExecutionEngine) -> int:
    return int(venue.statistics().ticks_processed)


def test_a_cache_begins_empty_in_a_new_epoch(postgres: Pair, tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, postgres.database(), "cache") as cluster,
        GenericCache(name="begins-empty", target=cluster.target("cache"), timeout=15.0) as cache,
    ):
        cache.put("a", 1)
        primary = cluster.primary("cache")
        primary.kill()
        assert cache.get("a") is None
        cache.put("b", 2)
        primary.start()
        assert cache.get("b") == 2


def test_an_engine_that_keeps_nothing_begins_empty_in_a_new_epoch(postgres: Pair, tmp_path: Path) -> None:
    arguments = ("--durability", "none")
    with (
        running_cluster(tmp_path, postgres.database(), "data", data=arguments) as cluster,
        DataEngine(name="brief", target=cluster.target("data"), timeout=15.0) as engine,
    ):
        engine.process_trade_tick(TradeTick("BTC", 1, 1, "SELL", "", START_NS))
        before = engine.list_engines()[0].epoch
        cluster.primary("data").kill()
        engine.process_trade_tick(TradeTick("BTC", 1, 1, "SELL", "", START_NS))
        assert engine.statistics().ticks_processed == 1
        assert engine.list_engines()[0].epoch != before
