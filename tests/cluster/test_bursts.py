"""200 MB of inputs at once: the primary stays, nothing times out for good, and followers catch up in bounded memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from alphaforge.data.v1.ticks_pb2 import ProcessTradeTicksRequest, ProcessTradeTicksResponse
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_core.data_wire import encode_ticks_request
from alphaforge_core.model import TradeTickBatch

from tests.support.cluster import Candidate, running_cluster
from tests.support.cluster_load import START_NS, Writer
from tests.support.postgres import Pair
from tests.support.waiting import let_pass, until

REQUESTS, BYTES = 28, 7_200_000
TICKS = 300_000
# A waiting request is kept as it came, decoded, and once more on its way to PostgreSQL.
PRIMARY_BYTES_MAX = 4 * REQUESTS * BYTES
FOLLOWER_BYTES_MAX = 100 << 20
# No checkpoint comes between, so that the follower has to read all of it.
ARGUMENTS = ("--bar-types", "1day", "--journal-checkpoint-bytes", str(1 << 30))
METHOD = "/alphaforge.data.v1.DataService/ProcessTradeTicks"


def a_request() -> bytes:
    """Random trades, which hardly compress."""
    dice = np.random.default_rng(1)
    batch = TradeTickBatch.from_columns(
        instrument_id="BTC",
        prices=dice.integers(10**8, 10**9, TICKS),
        quantities=dice.integers(1, 10**9, TICKS),
        ts_event=START_NS + np.cumsum(dice.integers(0, 10**9, TICKS)),
        price_scale=4,
        quantity_scale=4,
    )
    return encode_ticks_request(batch, 0, TICKS, [])


def kib(candidate: Candidate, line: str) -> int:
    assert candidate.process is not None
    status = Path(f"/proc/{candidate.process.pid}/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0])


def forget_peak(candidate: Candidate) -> int:
    """Forgets the peak of its memory; returns its memory now, in bytes."""
    assert candidate.process is not None
    Path(f"/proc/{candidate.process.pid}/clear_refs").write_text("5")
    return kib(candidate, "VmRSS") * 1024


def peak(candidate: Candidate) -> int:
    """Returns the peak of its memory, in bytes."""
    return kib(candidate, "VmHWM") * 1024


def send(target: str, ticks: bytes, number: int, answered: threading.Semaphore) -> int:
    """Sends one request of a producer's, again if it was refused, as a client does; returns how many it applied."""
    own = ProcessTradeTicksRequest(engine="burst", producer_id=str(number), producer_sequence=1)
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options) as channel:
        call = channel.unary_unary(METHOD, response_deserializer=ProcessTradeTicksResponse.FromString)
        while True:
            try:
                answer = call(ticks + own.SerializeToString(), timeout=60.0)
            except grpc.RpcError as error:
                refused = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
                assert error.code() in refused, error  # noqa: PT017
                let_pass(0.2)
            else:
                answered.release()
                return int(answer.processed_count)


@pytest.mark.slow
def test_a_burst_of_200_megabytes_deposes_nobody_and_followers_catch_up(postgres: Pair, tmp_path: Path) -> None:
    ticks = a_request()
    assert BYTES <= len(ticks) < 8 << 20
    with running_cluster(tmp_path, postgres.database(), "data", count=3, data=ARGUMENTS) as cluster:
        primary = cluster.primary("data")
        # One follower runs all the time; the other still has to apply most of the burst when it wakes.
        hot, late = (each for each in cluster.candidates["data"] if each is not primary)
        config = DataEngineConfig(bar_types=["1day"])
        with DataEngine(config, name="other", target=cluster.target("data"), timeout=30.0) as engine:
            other = Writer(engine)
            other.await_more()
            before = [forget_peak(each) for each in (primary, hot, late)]
            answered = threading.Semaphore(0)
            late.freeze()
            with ThreadPoolExecutor(REQUESTS) as pool:
                sent = [pool.submit(send, primary.address, ticks, number, answered) for number in range(REQUESTS)]
                for _ in range(REQUESTS - 4):
                    assert answered.acquire(timeout=120)
                late.thaw()
                assert [each.result() for each in sent] == [TICKS] * REQUESTS
            other.await_more()
            other.end()
            assert not other.failed
        for each in (hot, late):
            until(lambda: each.series()["alphaforge_cluster_lag_batches"] == 0.0, "it has caught up", 120)  # noqa: B023
        grown = [peak(each) - memory for each, memory in zip((primary, hot, late), before, strict=True)]
        for each in (primary, hot, late):
            series = each.series()
            assert series["alphaforge_cluster_term"] == 1.0
            assert series["alphaforge_cluster_lost_sessions_total"] == 0.0
            assert series["alphaforge_cluster_unknown_outcomes_total"] == 0.0
        primary.kill()
        until(lambda: hot.is_primary or late.is_primary, "a follower has taken over")
        with DataEngine(config, name="burst", target=cluster.target("data")) as engine:
            assert engine.statistics().ticks_processed == TICKS * REQUESTS
        # A start loads all of it.
        primary.start()
        grown.append(peak(primary) - before[0])
        assert grown[0] < PRIMARY_BYTES_MAX, grown
        assert max(grown[1:]) < FOLLOWER_BYTES_MAX, grown
