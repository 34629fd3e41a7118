"""An execution engine applies each followed trade of an epoch once, and counts gaps."""

from __future__ import annotations

import pytest
from alphaforge.type.v1.stream_pb2 import Gap
from alphaforge_client.model import TradeTick
from alphaforge_core.data_wire import TradesResponse
from alphaforge_core.model import TradeTickBatch

from services.data.wire import trades_response
from services.engines.rows import Table
from services.execution.engine import NamedExecutionEngine
from services.streams.feed import Delivery, Subscribers

EPOCH = 7
START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def engine() -> NamedExecutionEngine:
    return NamedExecutionEngine("e", 1, {}, Table([]), Subscribers(10, 1.0), 1_000)


def trades(
    first: int, last: int, *, epoch: int = EPOCH, previous: int | None = None, only: list[int] | None = None
) -> TradesResponse:
    """A message of the data service with the trades of these numbers; each has its number as its quantity."""
    sequences = only or list(range(first, last + 1))
    ticks = TradeTickBatch.from_ticks(
        [TradeTick("BTC", 100, number, "BUY", "", START_NS + number) for number in sequences]
    )
    delivery = Delivery(epoch, last, first - 1 if previous is None else previous, ticks, sequences)
    return TradesResponse.from_wire(trades_response(delivery))


def heartbeat(sequence: int, *, epoch: int = EPOCH, gap: Gap | None = None) -> TradesResponse:
    delivery = Delivery(epoch, sequence, 2 if gap else sequence, gap=gap)
    return TradesResponse.from_wire(trades_response(delivery))


def taken(engine: NamedExecutionEngine) -> int:
    return engine.core.statistics().ticks_processed


@pytest.mark.parametrize(
    ("messages", "ticks", "missed"),
    [
        pytest.param([trades(1, 4), trades(5, 6)], 6, 0, id="in order"),
        pytest.param([trades(1, 4), trades(1, 4)], 4, 0, id="the same again"),
        pytest.param([trades(1, 4), trades(1, 2)], 4, 0, id="from the beginning again"),
        pytest.param([trades(1, 4), trades(3, 6)], 6, 0, id="an overlap"),
        pytest.param([trades(1, 4), trades(1, 8, only=[2, 4, 5, 8])], 6, 0, id="an overlap with numbers of its own"),
        pytest.param([trades(1, 4), heartbeat(0), trades(5, 6)], 6, 0, id="a heartbeat from the beginning"),
        pytest.param([trades(1, 4), trades(7, 8)], 6, 2, id="some were lost"),
        pytest.param([trades(1, 4), trades(1, 2, epoch=8)], 6, 0, id="another epoch"),
        pytest.param([trades(1, 4), trades(3, 4, epoch=8)], 6, 2, id="another epoch whose first trades are lost"),
        pytest.param(
            [trades(1, 4), heartbeat(6, gap=Gap(first_sequence=3, last_sequence=6))], 4, 2, id="a gap that overlaps"
        ),
    ],
)
def test_each_trade_of_an_epoch_acts_once(
    engine: NamedExecutionEngine, messages: list[TradesResponse], ticks: int, missed: int
) -> None:
    for message in messages:
        engine.follow(message)
    assert (taken(engine), engine.market_data.missed) == (ticks, missed)


def test_an_old_message_moves_no_place_back(engine: NamedExecutionEngine) -> None:
    engine.follow(trades(1, 4))
    engine.follow(trades(1, 2))
    assert (engine.market_data.epoch, engine.market_data.sequence) == (EPOCH, 4)
