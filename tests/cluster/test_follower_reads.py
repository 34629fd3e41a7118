"""A follower answers reads if the caller asks for it, gives their maximum age, and refuses what it can't know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from alphaforge.data.v1.data_service_pb2_grpc import DataServiceStub
from alphaforge.data.v1.engines_pb2 import OpenEngineRequest
from alphaforge.data.v1.queries_pb2 import GetBarsRequest, GetStatisticsRequest
from alphaforge.data.v1.subscriptions_pb2 import SubscribeBarsRequest, SubscribeTradesRequest
from alphaforge.data.v1.ticks_pb2 import AdvanceTimeRequest
from alphaforge_client.data import DataEngine, DataEngineConfig, Gap
from alphaforge_client.errors import InvalidArgument
from alphaforge_client.model import TradeTick
from google.rpc import error_details_pb2, status_pb2

from tests.support.cluster import Candidate, Cluster, running_cluster
from tests.support.postgres import Pair
from tests.support.waiting import until

START_NS = 1_700_000_000_000_000_000
ANY = (("alphaforge-read-from", "any"),)
NAME = "e"


@pytest.fixture(scope="module")
def cluster(postgres: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with running_cluster(folder, postgres.database(), "data") as cluster:
        yield cluster


def engine_of(cluster: Cluster, **options: Any) -> closing[DataEngine]:
    config = DataEngineConfig(bar_types=["1tick"])
    return closing(DataEngine(config, name=NAME, target=cluster.target("data"), timeout=30.0, **options))


def feed(engine: DataEngine, numbers: range) -> None:
    ticks = [TradeTick("BTC", 100 + n % 9, 1, "BUY", str(n), START_NS + n) for n in numbers]
    engine.process_trade_ticks(ticks)


def reason(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    assert isinstance(error, grpc.Call)
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(info)
    return error.code(), info.reason


NOT_HERE = (grpc.StatusCode.UNAVAILABLE, "NOT_PRIMARY")


def refused(call: Any, request: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    def answer() -> object:
        found = call(request, timeout=20, **options)
        return next(found) if isinstance(found, Iterator) else found

    with pytest.raises(grpc.RpcError) as error:
        answer()
    return reason(error.value)


def caught_up(stub: DataServiceStub, count: int) -> bool:
    try:
        answer = stub.GetStatistics(GetStatisticsRequest(engine=NAME), metadata=ANY, timeout=10)
    except grpc.RpcError:
        return False
    return bool(answer.statistics.ticks_processed == count)


def test_a_follower_answers_reads_and_nothing_else(cluster: Cluster) -> None:
    with engine_of(cluster) as engine, grpc.insecure_channel(cluster.follower("data").address) as channel:
        engine.reset()
        feed(engine, range(20))
        stub = DataServiceStub(channel)
        until(lambda: caught_up(stub, 20), "the follower has caught up")
        bars, call = stub.GetBars.with_call(
            GetBarsRequest(engine=NAME, instrument_id="BTC", bar_type="1tick"), metadata=ANY, timeout=10
        )
        assert len(bars.bars) == 20
        lag_ms = int(dict(call.initial_metadata())["alphaforge-lag-ms"])
        assert 0 <= lag_ms <= 2_000
        # A caller that doesn't ask for old answers gets none.
        assert refused(stub.GetStatistics, GetStatisticsRequest(engine=NAME)) == NOT_HERE
        # A follower can't tell an unknown engine from one that it doesn't have yet, nor an old epoch from a new one.
        assert refused(stub.GetStatistics, GetStatisticsRequest(engine="other"), metadata=ANY) == NOT_HERE
        assert refused(stub.GetStatistics, GetStatisticsRequest(engine=NAME, epoch=1), metadata=ANY) == NOT_HERE
        unknown = SubscribeBarsRequest(engine=NAME, bar_types=["7tick"])
        assert refused(stub.SubscribeBars, unknown, metadata=ANY) == NOT_HERE
        assert refused(stub.SubscribeTrades, SubscribeTradesRequest(engine="other"), metadata=ANY) == NOT_HERE
        # A follower opens and changes nothing.
        assert refused(stub.OpenEngine, OpenEngineRequest(engine=NAME), metadata=ANY) == NOT_HERE
        assert refused(stub.AdvanceTime, AdvanceTimeRequest(engine=NAME, now_ns=START_NS), metadata=ANY) == NOT_HERE


def test_a_stream_of_a_follower_has_each_event_and_ends_with_its_epoch(cluster: Cluster) -> None:
    with engine_of(cluster) as engine, grpc.insecure_channel(cluster.follower("data").address) as channel:
        engine.reset()
        feed(engine, range(5))
        stub = DataServiceStub(channel)
        until(lambda: caught_up(stub, 5), "the follower has caught up")
        stream = stub.SubscribeTrades(SubscribeTradesRequest(engine=NAME, from_sequence=1), metadata=ANY, timeout=60)
        feed(engine, range(5, 40))
        last = 0
        while last < 40:
            message = next(stream)
            assert message.previous_sequence == last
            assert not message.HasField("gap")
            last = message.sequence
        engine.reset()
        with pytest.raises(grpc.RpcError) as ended:
            for _ in stream:
                pass
        assert reason(ended.value) == NOT_HERE


def test_a_client_reads_from_any_candidate_whichever_is_killed(postgres: Pair, tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, postgres.database(), "data") as cluster,
        engine_of(cluster) as engine,
        engine_of(cluster, read_from="any") as reader,
    ):
        feed(engine, range(10))
        seen: list[str] = []
        subscription = reader.subscribe_trades(from_sequence=1)
        ended = threading.Event()

        def read() -> None:
            seen.extend("gap" if isinstance(trade, Gap) else trade.trade_id for trade in subscription)
            ended.set()

        thread = threading.Thread(target=read)
        thread.start()
        try:
            count = 10
            for role in ("follower", "primary"):
                killed: Candidate = getattr(cluster, role)("data")
                killed.kill()
                feed(engine, range(count, count + 10))
                count += 10
                # Every running candidate answers; the killed one delays no call.
                until(lambda: reader.statistics().ticks_processed == count, "a read of all", seconds=60)  # noqa: B023
                assert reader.lag_seconds <= 2.0
                until(lambda: len(seen) == count, "all events", seconds=60)  # noqa: B023
                killed.start()
                cluster.primary("data")
                feed(engine, range(count, count + 10))
                count += 10
                until(lambda: len(seen) == count, "all events again", seconds=60)  # noqa: B023
            assert seen == [str(number) for number in range(count)]
            # The primary has the new epoch at once, a follower a little later.
            engine.reset()
            feed(engine, range(3))
            until(lambda: reader.statistics().ticks_processed == 3, "a read of the new epoch", seconds=60)
            until(lambda: seen[count:] == ["gap", "0", "1", "2"], "the new epoch", seconds=60)
        finally:
            subscription.close()
            thread.join(60)
        assert ended.is_set()


def test_a_client_says_where_it_reads_from() -> None:
    with pytest.raises(InvalidArgument, match="read_from"):
        DataEngine(read_from="nearest")
