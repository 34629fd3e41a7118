"""A follower compares its state with the primary's checkpoints; one that differs is an error, and is loaded again."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alphaforge.execution.v1.orders_pb2 import SubmitOrderRequest
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.data_wire import encode_ticks_request
from alphaforge_core.model import TradeTick, TradeTickBatch

from services.cluster.records import crc_of
from services.data.engine import NamedDataEngine
from services.engines.ticks import TicksRequest
from tests.support.cluster import Candidate, Cluster, running_cluster
from tests.support.cluster_load import an_order
from tests.support.followed import Followed, followed
from tests.support.postgres import Pair
from tests.support.waiting import until

START_NS = 1_700_000_000_000_000_000
# Frequent checkpoints, so that the follower soon has one to compare with.
ARGUMENTS = ("--market-data", "off", "--journal-checkpoint-bytes", "65536")
# The number of this input in journals.
SUBMIT_ORDER = 16
COMPARED, DIFFERED = "alphaforge_cluster_compared_states_total", "alphaforge_cluster_differing_states_total"


async def feed(engine: NamedDataEngine, numbers: range) -> None:
    batch = TradeTickBatch.from_ticks([TradeTick("BTC", 9 + n % 7, 1, "BUY", str(n), START_NS + n) for n in numbers])
    request = encode_ticks_request(batch, 0, len(batch))
    await engine.take_encoded("ProcessTradeTicks", request, TicksRequest.FromString(request))


class Slow:
    """A state whose reading waits for permission, to be as slow as a large one."""

    def __init__(self, state: Any, may: threading.Event) -> None:
        self._state = state
        self._may = may

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def __iter__(self) -> Iterator[bytes]:
        assert self._may.wait(30)
        return iter(self._state)


async def checkpoint_beside(both: Followed[NamedDataEngine], *, later: range) -> None:
    """A checkpoint, which the follower sees begin and end and compares with its state, and inputs in between."""
    count = both.memory.comparisons.compared + 1
    engine, may = both.engine("e"), threading.Event()
    state = engine.state
    engine.state = lambda: Slow(state(), may)  # type: ignore[method-assign, assignment, return-value]
    written = asyncio.ensure_future(engine.checkpoint())
    try:
        await both.announced("e", engine.sequence)
        await feed(engine, later)
        await both.catch_up()
    finally:
        may.set()
        engine.state = state  # type: ignore[method-assign]
    await written
    await both.compared(count)


def test_a_state_is_compared_where_the_primary_has_made_its_checkpoint(postgres: Pair, tmp_path: Path) -> None:
    async def run() -> None:
        async with followed(postgres, tmp_path) as both:
            await both.engines.open("e", {"bar_types": ["1s", "10tick"]})
            comparisons = both.memory.comparisons
            for number in range(3):
                await feed(both.engine("e"), range(number * 100, number * 100 + 20))
                await checkpoint_beside(both, later=range(number * 100 + 20, number * 100 + 40))
                assert (comparisons.compared, comparisons.differed) == (number + 1, 0)
            # One trade more than the primary has.
            follower = both.followed_engine("e")
            follower.core.process_trade_tick(TradeTick("BTC", 1, 1, "BUY", "more", START_NS))
            await checkpoint_beside(both, later=range(400, 420))
            assert (comparisons.compared, comparisons.differed) == (4, 1)
            assert comparisons.differing == {"e"}
            # The follower now has the primary's state, and continues from there.
            assert both.followed_engine("e") is not follower
            await feed(both.engine("e"), range(500, 520))
            await both.catch_up()
            assert both.followed_engine("e").core.snapshot() == both.engine("e").core.snapshot()
            await checkpoint_beside(both, later=range(520, 540))
            assert (comparisons.compared, comparisons.differed) == (5, 1)
            assert comparisons.differing == set()

    asyncio.run(run())


@pytest.fixture
def orders(postgres: Pair, tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path, postgres.database(), "execution", execution=ARGUMENTS) as cluster:
        yield cluster


def await_more(follower: Candidate, series: str, engine: ExecutionEngine, numbers: Iterator[int]) -> None:
    """Submits orders, so that there are checkpoints, until the follower has counted one more."""
    before = follower.series()[series]

    def has_more() -> bool:
        engine.submit_orders([an_order(next(numbers)) for _ in range(500)], timeout=30.0)
        return follower.series()[series] > before

    until(has_more, series, seconds=120, every=0.2)


def test_a_follower_that_computed_something_else_takes_over_with_the_primarys_state(
    orders: Cluster, postgres: Pair
) -> None:
    database, numbers = orders.dsn.rpartition("/")[2], itertools.count(1)
    primary, follower = orders.primary("execution"), orders.follower("execution")
    with ExecutionEngine(target=orders.target("execution"), timeout=30.0) as engine:
        await_more(follower, COMPARED, engine, numbers)
        assert follower.series()[DIFFERED] == 0.0
        follower.freeze()
        wanted = an_order(next(numbers))
        engine.submit_order(wanted)
        # The follower will read a different price than the primary has applied.
        _change_last_order(postgres, database)
        follower.thaw()
        await_more(follower, DIFFERED, engine, numbers)
        assert "the state differs from the primary's" in follower.log.read_text()
        await_more(follower, COMPARED, engine, numbers)
        assert follower.series()[DIFFERED] == 1.0, "it has the primary's state now"
        primary.kill()
        order = engine.get_order(wanted.order_id)
        assert order is not None
        assert order.price == wanted.price
        assert follower.is_primary


def _change_last_order(postgres: Pair, database: str) -> None:
    find = (
        "SELECT stream, sequence, kind, time_ns, encode(payload, 'hex') FROM alphaforge.record "
        f"WHERE kind = {SUBMIT_ORDER} ORDER BY sequence DESC LIMIT 1"
    )
    *numbers, payload = postgres.a.sql_in(database, find).split("|")
    stream, sequence, kind, time_ns = map(int, numbers)
    request = SubmitOrderRequest.FromString(bytes.fromhex(payload))
    request.order.price = "7"
    changed = request.SerializeToString()
    crc = crc_of(stream, sequence, kind, time_ns, changed)
    postgres.a.sql_in(
        database,
        f"UPDATE alphaforge.record SET payload = '\\x{changed.hex()}', crc = {crc} "
        f"WHERE stream = {stream} AND sequence = {sequence}",
    )
