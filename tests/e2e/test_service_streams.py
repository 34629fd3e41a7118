"""Streams between real processes resume, and never lose events silently."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.cache.v1.atomics_pb2 import IncrementRequest, PutIfAbsentRequest
from alphaforge.cache.v1.batches_pb2 import PutManyRequest
from alphaforge.cache.v1.cache_service_pb2_grpc import CacheServiceStub
from alphaforge.cache.v1.caches_pb2 import ResetCacheRequest
from alphaforge.cache.v1.entries_pb2 import ClearRequest, DeleteRequest, GetSizeRequest, PutRequest
from alphaforge.cache.v1.invalidations_pb2 import InvalidationCause, SubscribeInvalidationsRequest
from alphaforge.cache.v1.leases_pb2 import AcquireLeaseRequest, FulfillLeaseRequest
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import OpenEngineRequest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest, GetProducerStateRequest, ProcessTradeTickRequest
from alphaforge.execution.v1.engines_pb2 import GetEngineStatusRequest, GetEngineStatusResponse, MarketDataState
from alphaforge.execution.v1.engines_pb2 import OpenEngineRequest as OpenExecutionEngineRequest
from alphaforge.execution.v1.events_pb2 import OrderEventType, SubscribeOrderEventsRequest
from alphaforge.execution.v1.execution_service_pb2_grpc import ExecutionServiceStub
from alphaforge.execution.v1.order_pb2 import NewOrder, OrderStatus
from alphaforge.execution.v1.orders_pb2 import GetOrderRequest, SubmitOrderRequest
from alphaforge.type.v1.market_pb2 import TradeTick
from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.errors import InvalidArgument
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.service import Service, running_service
from tests.support.waiting import until

soon = partial(until, seconds=15.0)

MINUTE_NS = 60_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Service]:
    with running_service("data", tmp_path, "--bar-types", "1min,2tick") as service:
        yield service


def send(service: Service, number: int, instrument_id: str = "X", **fields: Any) -> Any:
    tick = TradeTick(
        instrument_id=instrument_id,
        price=str(100 + number),
        quantity="1",
        trade_id=f"{instrument_id}{number}",
        ts_event_ns=number * MINUTE_NS,
    )
    return DataServiceStub(service.channel).ProcessTradeTick(ProcessTradeTickRequest(tick=tick, **fields), timeout=10)


def events(stream: Iterator[Any], field: str, count: int) -> list[Any]:
    """The first `count` events of a stream, whose responses must join without a gap."""
    got: list[Any] = []
    last: int | None = None
    while len(got) < count:
        message = next(stream)
        assert last is None or message.previous_sequence == last
        last = message.sequence
        got += getattr(message, field)
    return got


def test_bars_arrive_once_in_order_filtered_and_can_be_resumed(data: Service) -> None:
    stub = DataServiceStub(data.channel)
    epoch = stub.OpenEngine(OpenEngineRequest(), timeout=10).epoch
    live = stub.SubscribeBars(SubscribeBarsRequest(bar_types=["1min"], instrument_ids=["X"]), timeout=20)
    next(live)
    for number in range(8):
        send(data, number)
        send(data, number, "Y")
    bars = events(live, "bars", 7)
    assert [(bar.instrument_id, bar.bar_type, bar.open) for bar in bars] == [
        ("X", "1min", f"{100 + number}.00") for number in range(7)
    ]
    everything = stub.SubscribeBars(SubscribeBarsRequest(epoch=epoch, from_sequence=1), timeout=20)
    messages = [next(everything), next(everything)]
    assert list(messages[1].sequences) == list(range(1, len(messages[1].bars) + 1))
    resumed = stub.SubscribeBars(SubscribeBarsRequest(epoch=epoch, from_sequence=5), timeout=20)
    assert events(resumed, "bars", 3) == messages[1].bars[4:]


def test_a_snapshot_shows_what_there_is_and_the_stream_goes_on_from_there(data: Service) -> None:
    stub = DataServiceStub(data.channel)
    for number in range(5):
        send(data, number)
    stream = stub.SubscribeBars(SubscribeBarsRequest(snapshot_bars=2, bar_types=["1min"]), timeout=20)
    closed, unfinished, first = next(stream), next(stream), next(stream)
    assert [bar.open for bar in closed.bars] == ["102.00", "103.00"]
    assert [bar.open for bar in unfinished.open_bars] == ["104.00"]
    assert (closed.is_snapshot, unfinished.is_snapshot, first.is_snapshot) == (True, True, False)
    assert closed.sequence == unfinished.sequence == first.sequence
    stub.AdvanceTime(AdvanceTimeRequest(now_ns=5 * MINUTE_NS), timeout=10)
    assert [bar.open for bar in events(stream, "bars", 1)] == ["104.00"]


def test_every_accepted_trade_is_told_and_no_other(data: Service) -> None:
    stub = DataServiceStub(data.channel)
    stub.OpenEngine(OpenEngineRequest(), timeout=10)
    stream = stub.SubscribeTrades(SubscribeTradesRequest(), timeout=20)
    next(stream)
    send(data, 1)
    send(data, 1)
    tick = TradeTick(instrument_id="X", price="0", quantity="1", ts_event_ns=5)
    rejected = stub.ProcessTradeTick(ProcessTradeTickRequest(tick=tick), timeout=10).rejected
    assert len(rejected) == 1
    send(data, 2)
    times: list[int] = []
    while len(times) < 2:
        times += next(stream).ticks.ts_event_ns
    assert times == [MINUTE_NS, 2 * MINUTE_NS]


def test_a_stream_of_an_unknown_engine_is_refused(data: Service) -> None:
    stub = DataServiceStub(data.channel)
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        next(stub.SubscribeTrades(SubscribeTradesRequest(engine="typo"), timeout=10))


def test_a_stream_of_bars_that_the_engine_does_not_build_is_refused_rather_than_silent(data: Service) -> None:
    send(data, 1)
    with DataEngine(target=data.address) as engine:
        for types in (["1hour"], ["1min", "5tick"]):
            with pytest.raises(InvalidArgument, match=r"not among those of this engine \(1min, 2tick\)") as caught:
                next(engine.subscribe_bars(["X"], types))
            assert caught.value.reason == "BAR_TYPE_UNKNOWN"
    # Opening the engine with a new bar type adds the type.
    with (
        DataEngine(DataEngineConfig(bar_types=["5tick"]), target=data.address) as engine,
        engine.subscribe_bars(["X"], ["5tick"]) as bars,
    ):
        for number in range(2, 12):
            send(data, number)
        bar = next(bars)
        assert not isinstance(bar, Gap)
        assert str(bar.bar_type) == "5tick"


def test_a_stream_says_which_instruments_have_had_no_trade(data: Service, caplog: pytest.LogCaptureFixture) -> None:
    send(data, 1)
    with (
        DataEngine(target=data.address) as engine,
        engine.subscribe_bars(["X", "TYPO"], snapshot_bars=1) as bars,
        engine.subscribe_trades(["LATER", "X"]) as trades,
        engine.subscribe_trades(["X"]) as seen,
        engine.subscribe_trades() as all_of_them,
    ):
        assert (bars.waits_for, trades.waits_for) == (("TYPO",), ("LATER",))
        assert (seen.waits_for, all_of_them.waits_for) == ((), ())
        assert caplog.messages == [
            "SubscribeBars waits for the first trade of TYPO",
            "SubscribeTrades waits for the first trade of LATER",
        ]
        send(data, 2)
        assert next(seen).ts_event == next(trades).ts_event


def test_a_producers_calls_are_applied_once(data: Service) -> None:
    stub = DataServiceStub(data.channel)
    first = send(data, 1, producer_id="p", producer_sequence=1)
    second = send(data, 3, producer_id="p", producer_sequence=2)
    again = send(data, 3, producer_id="p", producer_sequence=2)
    assert (first.is_repeat, second.is_repeat, again.is_repeat) == (False, False, True)
    assert again.bars == second.bars
    assert second.bars
    with pytest.raises(grpc.RpcError, match="expected 3"):
        send(data, 9, producer_id="p", producer_sequence=7)
    state = stub.GetProducerState(GetProducerStateRequest(producer_id="p"), timeout=10)
    assert state.last_sequence == 2


def limit_order(order_id: str, price: str) -> SubmitOrderRequest:
    order = NewOrder(
        order_id=order_id,
        instrument_id="X",
        side="ORDER_SIDE_BUY",
        order_type="ORDER_TYPE_LIMIT",
        quantity="1",
        price=price,
        time_in_force="TIME_IN_FORCE_GOOD_TILL_CANCEL",
        strategy_id="s",
    )
    return SubmitOrderRequest(order=order)


def test_orders_meet_the_trades_of_the_data_service_through_its_restarts(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/data.sock"
    folders = [tmp_path / name for name in ("data", "execution")]
    for folder in folders:
        folder.mkdir()
    with running_service("execution", folders[1], "--data-target", address) as execution:
        stub = ExecutionServiceStub(execution.channel)
        stub.OpenEngine(OpenExecutionEngineRequest(settings={"stale_after_ns": 1_000_000_000}), timeout=10)

        def state() -> GetEngineStatusResponse:
            return stub.GetEngineStatus(GetEngineStatusRequest(), timeout=10)

        def filled(order_id: str) -> bool:
            order = stub.GetOrder(GetOrderRequest(order_id=order_id), timeout=10).order
            return order.status == OrderStatus.ORDER_STATUS_FILLED

        def health() -> int:
            request = health_pb2.HealthCheckRequest(service="market_data")
            return int(health_pb2_grpc.HealthStub(execution.channel).Check(request, timeout=10).status)

        assert state().market_data_state == MarketDataState.MARKET_DATA_STATE_STALE
        soon(lambda: health() == health_pb2.HealthCheckResponse.NOT_SERVING, "word of stale market data")
        for round_ in range(2):
            stub.SubmitOrder(limit_order(f"order-{round_}", "105"), timeout=10)
            with running_service("data", folders[0], "--host", address) as data:
                soon(lambda: state().market_data_state == MarketDataState.MARKET_DATA_STATE_LIVE, "live market data")
                send(data, round_)
                soon(lambda: filled(f"order-{round_}"), "a fill")  # noqa: B023
                assert data.process.poll() is None
                data.process.kill()
                data.process.wait()
            Path(f"{tmp_path}/data.sock").unlink(missing_ok=True)
            soon(lambda: state().market_data_state == MarketDataState.MARKET_DATA_STATE_STALE, "stale market data")
        assert state().market_data_missed == 0


def test_order_events_are_gapless_and_resumable(tmp_path: Path) -> None:
    with running_service("execution", tmp_path, "--market-data", "off") as execution:
        stub = ExecutionServiceStub(execution.channel)
        for number in range(600):
            stub.SubmitOrder(limit_order(f"order-{number}", "100"), timeout=10)
        stream = stub.SubscribeOrderEvents(SubscribeOrderEventsRequest(from_sequence=11), timeout=20)
        got = events(stream, "events", 590)
        assert [event.sequence for event in got] == list(range(11, 601))
        assert {event.type for event in got} == {OrderEventType.ORDER_EVENT_TYPE_SUBMITTED}
        nobody = stub.SubscribeOrderEvents(
            SubscribeOrderEventsRequest(from_sequence=1, strategy_id="other"), timeout=20
        )
        assert next(nobody).sequence == 0
        assert next(nobody).sequence == 600, "a heartbeat says how far the filter has looked"


def test_changes_of_a_cache_are_told_in_order_and_a_reset_ends_the_stream(tmp_path: Path) -> None:
    def put(key: str) -> PutRequest:
        return PutRequest(key=key, value=Value(bool_value=True))

    with running_service("cache", tmp_path) as cache:
        stub = CacheServiceStub(cache.channel)
        stub.Put(put("before"), timeout=10)
        stream = stub.SubscribeInvalidations(SubscribeInvalidationsRequest(prefix="a"), timeout=20)
        next(stream)
        for key in ("a1", "b1", "a2"):
            stub.Put(put(key), timeout=10)
        stub.Delete(DeleteRequest(key="a1"), timeout=10)
        stub.Clear(ClearRequest(), timeout=10)
        keys: list[str] = []
        causes: list[int] = []
        while InvalidationCause.INVALIDATION_CAUSE_CLEAR not in causes:
            message = next(stream)
            keys += message.keys
            causes += message.causes
        assert keys == ["a1", "a2", "a1", ""]
        # A heartbeat comes although nothing changes.
        assert not next(stream).keys
        stub.ResetCache(ResetCacheRequest(), timeout=10)
        with pytest.raises(grpc.RpcError, match="was reset, or lost its state"):
            deque(stream, maxlen=0)


def test_one_caller_computes_and_the_others_wait_for_the_value(tmp_path: Path) -> None:
    with running_service("cache", tmp_path) as cache:
        stub = CacheServiceStub(cache.channel)
        lease = stub.AcquireLease(AcquireLeaseRequest(key="k"), timeout=10).lease
        assert lease.lease_id
        assert stub.AcquireLease(AcquireLeaseRequest(key="k"), timeout=10).WhichOneof("outcome") is None
        waiting = stub.AcquireLease.future(AcquireLeaseRequest(key="k", wait_ns=5_000_000_000), timeout=10)
        fulfil = FulfillLeaseRequest(key="k", lease_id=lease.lease_id, value=Value(int_value=42))
        stub.FulfillLease(fulfil, timeout=10)
        assert waiting.result().value.int_value == 42
        with pytest.raises(grpc.RpcError, match="has ended"):
            stub.FulfillLease(fulfil, timeout=10)


def test_a_caller_that_waits_for_a_lease_gets_a_value_put_by_another_caller(tmp_path: Path) -> None:
    value = Value(int_value=7)
    with running_service("cache", tmp_path) as cache:
        stub = CacheServiceStub(cache.channel)
        puts: list[tuple[str, Callable[[], object]]] = [
            ("put", lambda: stub.Put(PutRequest(key="put", value=value), timeout=10)),
            ("batch", lambda: stub.PutMany(PutManyRequest(keys=["x", "batch"], values=[value, value]), timeout=10)),
            ("absent", lambda: stub.PutIfAbsent(PutIfAbsentRequest(key="absent", value=value), timeout=10)),
            ("sum", lambda: stub.Increment(IncrementRequest(key="sum", amount=value), timeout=10)),
        ]
        for key, put in puts:
            assert stub.AcquireLease(AcquireLeaseRequest(key=key), timeout=10).lease.lease_id
            # `wait_ns` is longer than the call's deadline.
            waiting = stub.AcquireLease.future(AcquireLeaseRequest(key=key, wait_ns=60_000_000_000), timeout=10)
            # Calls of one connection begin in order, so AcquireLease waits once GetSize is answered.
            stub.GetSize(GetSizeRequest(), timeout=10)
            put()
            assert waiting.result().value == value


def test_waiting_for_a_lease_ends_with_the_cache(tmp_path: Path) -> None:
    with running_service("cache", tmp_path) as cache:
        stub = CacheServiceStub(cache.channel)
        stub.AcquireLease(AcquireLeaseRequest(key="k"), timeout=10)
        waiting = stub.AcquireLease.future(AcquireLeaseRequest(key="k", wait_ns=60_000_000_000), timeout=10)
        stub.GetSize(GetSizeRequest(), timeout=10)
        stub.ResetCache(ResetCacheRequest(), timeout=10)
        with pytest.raises(grpc.RpcError, match="was reset, or lost its state"):
            waiting.result()
