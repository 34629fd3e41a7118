"""An engine applies each followed trade once: no refusal of the data service makes old prints fill orders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest, GetEngineStatusResponse
from alphaforge.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.data_front import DataFront, data_front
from tests.support.service import running_service
from tests.support.waiting import until

START_NS = 1_700_000_000_000_000_000


class Market:
    """A data engine behind a front, and an execution engine that follows it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        data = stack.enter_context(running_service("data", folder))
        self.front: DataFront = stack.enter_context(data_front(data.address))
        execution = stack.enter_context(running_service("execution", folder, "--data-target", self.front.address))
        config = DataEngineConfig(bar_types=["1tick"])
        self.engine = stack.enter_context(DataEngine(config, name="e", target=data.address))
        self.venue = stack.enter_context(ExecutionEngine(name="e", target=execution.address))
        self._stub = ExecutionServiceStub(execution.channel)
        self._number = 0

    def status(self) -> GetEngineStatusResponse:
        status: GetEngineStatusResponse = self._stub.GetEngineStatus(GetEngineStatusRequest(engine="e"))
        return status

    def print_at(self, price: float) -> None:
        """A trade without an id, which no search for duplicates can find again; returns when the venue has it."""
        self._number += 1
        self.engine.process_trade_tick(TradeTick("BTC", price, 5, "SELL", "", START_NS + self._number))
        until(lambda: self.status().market_data_sequence == self._number, lambda: f"trade {self._number} at the venue")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    with ExitStack() as stack:
        market = Market(stack, tmp_path)
        market.venue.wait_ready()
        until(lambda: market.front.subscriptions == 1)
        until(lambda: market.status().market_data_epoch)
        yield market


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        # The data engine's journal is unreadable for a while.
        (grpc.StatusCode.FAILED_PRECONDITION, "JOURNAL_DAMAGED"),
        # A proxy does not know its backend for a while.
        (grpc.StatusCode.NOT_FOUND, ""),
        (grpc.StatusCode.FAILED_PRECONDITION, ""),
        # A false report of a new epoch: the engine still has its old epoch and its old trades.
        (grpc.StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED"),
        (grpc.StatusCode.NOT_FOUND, "ENGINE_UNKNOWN"),
    ],
)
def test_old_prints_fill_no_order_after_a_refusal(market: Market, code: grpc.StatusCode, reason: str) -> None:
    market.print_at(99)
    market.print_at(105)
    buy = Order.limit("BTC", OrderSide.Buy, 1, 100, TimeInForce.GoodTillCancel, "s")
    market.venue.submit_order(buy)
    market.front.refuse(code, reason)
    until(lambda: market.front.refused == 1 and market.front.subscriptions == 2, "another subscription")
    market.print_at(106)
    order = market.venue.get_order(buy.order_id)
    assert order is not None
    assert order.status == OrderStatus.Submitted
    assert market.status().market_data_missed == 0
    market.print_at(100)
    order = market.venue.get_order(buy.order_id)
    assert order is not None
    assert order.status == OrderStatus.Filled
