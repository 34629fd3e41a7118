"""A list of targets determines the placement: every client finds the same engine."""

from __future__ import annotations

from typing import Any

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import Unavailable
from alphaforge_client.execution import ExecutionEngineConfig, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.partitioned import Clients, new_name
from tests.support.shards import Shards
from tests.support.waiting import until

DEAD = "127.0.0.1:1"


def test_engines_are_spread_and_every_client_finds_them(shards: Shards, clients: Clients) -> None:
    names = [new_name() for _ in range(12)]
    for name in names:
        clients.cache(name=name).put("k", name)
    found = {one.name: one.target for one in clients.cache(name=names[0]).list_caches()}
    assert {found[name] for name in names} == {stack.target("cache") for stack in shards.stacks}
    turned = shards.targets("cache")[::-1]
    for name in names:
        cache = clients.cache(name=name, targets=turned)
        assert cache.get("k") == name
        assert cache.target == found[name]


def test_the_environment_has_the_list(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    shards.serve("cache")
    for variable, value in shards.environment().items():
        monkeypatch.setenv(variable, value)
    name = new_name()
    with GenericCache(name=name) as cache, GenericCache(name=name, targets=shards.targets("cache")) as other:
        cache.put("k", 1)
        assert other.get("k") == 1
        assert cache.target == other.target


@pytest.mark.parametrize("kind", [GenericCache, DataEngine])
def test_a_target_and_a_list_are_not_both_taken(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="target= and targets="):
        kind(target=DEAD, targets=[DEAD])
    noun = "CACHE" if kind is GenericCache else "DATA"
    monkeypatch.setenv(f"ALPHAFORGE_{noun}_TARGET", DEAD)
    monkeypatch.setenv(f"ALPHAFORGE_{noun}_TARGETS", DEAD)
    with pytest.raises(ValueError, match="TARGETS are both given"):
        kind()
    assert kind(target="localhost:5").target == "localhost:5"
    with pytest.raises(TypeError, match="list"):
        kind(targets=DEAD)


def test_an_error_names_the_shard(clients: Clients) -> None:
    with pytest.raises(Unavailable, match=DEAD):
        clients.cache(name="x", targets=[f"only={DEAD}"], timeout=0.3).put("k", 1)


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_execution_engine_follows_a_data_engine_on_any_shard(clients: Clients, partitions: int) -> None:
    for name in (new_name() for _ in range(3)):
        data = clients.data(DataEngineConfig(bar_types=["1tick"]), name=name, partitions=partitions)
        venue = clients.execution(ExecutionEngineConfig(), name=name, partitions=partitions)
        data.start()
        symbols = ("X", "Y", "Z", "W")
        ids = venue.submit_orders(
            [Order.limit(symbol, OrderSide.Buy, 1, 100, TimeInForce.GoodTillCancel, "s") for symbol in symbols]
        )

        def all_filled(venue: Any = venue, data: Any = data, ids: list[str] = ids, symbols: Any = symbols) -> bool:
            data.process_trade_ticks([TradeTick(symbol, 99, 1, "SELL", "", 1) for symbol in symbols])
            return all(venue.get_order(one).status is OrderStatus.Filled for one in ids)

        until(all_filled, "fills from followed trades", 60)
