"""Engines move between shards under load: nothing is lost or done twice, and clients and relays follow."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.cluster import cluster_command, running_cluster
from tests.support.cluster_load import START_NS, Writer
from tests.support.cluster_shards import Shards, running_cluster_shards
from tests.support.postgres import Pair
from tests.support.service import running_service
from tests.support.waiting import until

MOVES = 6


@pytest.fixture
def shards(postgres: Pair, tmp_path: Path) -> Iterator[Shards]:
    with running_cluster_shards(postgres.database(), tmp_path, "data", (1, 2)) as shards:
        yield shards


def trades(subscription: Iterator[Any], count: int) -> list[int]:
    return [int(next(subscription).trade_id) for _ in range(count)]


def test_moves_under_load_lose_and_double_nothing(shards: Shards) -> None:
    config = DataEngineConfig(bar_types=["1tick"])
    options = {"name": "e", "targets": shards.targets, "timeout": 30.0}
    with closing(DataEngine(config, **options)) as engine, closing(DataEngine(**options)) as reader:
        engine.wait_ready()
        here = shards.place_of(engine)
        events: list[int | str] = []
        subscription = reader.subscribe_trades(from_sequence=1)
        listening = threading.Thread(
            target=lambda: events.extend("gap" if isinstance(one, Gap) else int(one.trade_id) for one in subscription)
        )
        listening.start()
        writer = Writer(engine)
        try:
            epochs = set()
            for turn in range(1, MOVES + 1):
                writer.await_more()
                shards.move("e", (here + turn) % 2)
                writer.await_more()
                epochs.add(reader.list_engines()[0].epoch)
        finally:
            writer.end()
        assert not writer.failed
        assert len(epochs) == 1
        # A move back leads home; an odd number of moves leads away.
        assert engine.statistics().ticks_processed == writer.count
        until(lambda: len(events) >= writer.count, "all events", seconds=60)
        subscription.close()
        listening.join(60)
        assert events == list(range(1, writer.count + 1))
        # The other shard's standby has followed it, and takes it over with all that was acknowledged.
        if (here + MOVES) % 2 == 0:
            shards.move("e", 1 - here)
        away = shards.each[1 - here]
        if len(away.candidates["data"]) > 1:
            away.primary("data").kill()
        writer = Writer(engine)
        try:
            writer.await_more(1)
        finally:
            writer.end()
        assert {each.epoch for each in reader.list_engines()} == epochs


def test_an_execution_engine_follows_a_data_engine_that_moves(shards: Shards, tmp_path: Path) -> None:
    targets = ",".join(target.replace(",", "|") for target in shards.targets)
    place = tmp_path / "execution"
    place.mkdir()
    arguments = ("--data-targets", targets)
    with (
        running_cluster(place, shards.dsn, "execution", count=1, is_made=True, execution=arguments) as venues,
        closing(DataEngine(name="e", targets=shards.targets, timeout=30.0)) as data,
        closing(ExecutionEngine(name="e", target=venues.target("execution"), timeout=30.0)) as venue,
    ):
        data.wait_ready()
        here = shards.place_of(data)
        number = count(1)

        def trade() -> None:
            at = next(number)
            data.process_trade_tick(TradeTick("BTC", 99, 5, "SELL", str(at), START_NS + at))

        for turn in range(3):
            order = venue.submit_order(
                Order.limit("BTC", OrderSide.Buy, 1, 100, TimeInForce.GoodTillCancel, f"s{turn}")
            )

            def filled(order: str = order) -> bool:
                trade()
                found = venue.get_order(order)
                return found is not None and found.status is OrderStatus.Filled

            until(filled, "a fill from followed trades", seconds=60)
            shards.move("e", (here + turn + 1) % 2)
            trade()
        series = venues.primary("execution").series()
        assert series['alphaforge_execution_market_data_missed_ticks_total{engine="e"}'] == 0.0


def test_subscribers_of_a_relay_see_each_event_once_over_moves(shards: Shards, tmp_path: Path) -> None:
    with ExitStack() as exits:
        config = DataEngineConfig(bar_types=["1tick"])
        engine = exits.enter_context(closing(DataEngine(config, name="e", targets=shards.targets, timeout=30.0)))
        engine.wait_ready()
        here = shards.place_of(engine)

        def feed(first: int, last: int) -> None:
            engine.process_trade_ticks(
                [TradeTick("BTC", 100, 1, "BUY", str(each), START_NS + each) for each in range(first, last + 1)]
            )

        def relayed(folder: str, of: str) -> str:
            place = tmp_path / folder
            place.mkdir()
            return exits.enter_context(running_service("relay", place, "--of", of)).address

        def reading(target: str) -> Iterator[Any]:
            reader = exits.enter_context(closing(DataEngine(name="e", target=target, timeout=30.0)))
            return exits.enter_context(reader.subscribe_trades(from_sequence=1))

        first = relayed("first", shards.seeds(here))
        second = relayed("second", first)
        readers = [reading(first), reading(second)]
        feed(1, 5)
        assert [trades(each, 5) for each in readers] == [[1, 2, 3, 4, 5]] * 2
        shards.move("e", 1 - here)
        feed(6, 9)
        assert [trades(each, 4) for each in readers] == [[6, 7, 8, 9]] * 2
        # Subscribers that come later, to these relays and to one that never saw the engine in its shard.
        late = [reading(first), reading(second), reading(relayed("third", shards.seeds(here)))]
        assert [trades(each, 9) for each in late] == [list(range(1, 10))] * 3
        shards.move("e", here)
        feed(10, 12)
        assert [trades(each, 3) for each in (*readers, *late)] == [[10, 11, 12]] * 5


def test_a_refused_move_is_one_clear_line(shards: Shards) -> None:
    def refused(*arguments: str) -> str:
        done = cluster_command(shards.dsn, "move", *arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        return done.stderr

    assert "there is no engine data/x" in refused("data/x", "--to", "1")
    assert "'cache-1' is not a shard of data" in refused("data/x", "--to", "cache-1")
    with closing(DataEngine(name="e", targets=shards.targets, timeout=30.0)) as engine:
        engine.wait_ready()
        here = shards.place_of(engine)
    assert f"already placed in data-{here}" in refused("data/e", "--to", f"data-{here}")
    # The table still has the engine, and the service serves it.
    assert re.search("live candidates of both shards", refused("data/e", "--to", "7"))
    with closing(DataEngine(name="e", target=shards.each[0].target("data"), timeout=30.0)) as engine:
        assert engine.statistics().ticks_processed == 0
