"""Calls refused under load, over a real connection: the error, and the counters."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from time import monotonic

import grpc
import pytest
from alphaforge.data.v1.ticks_pb2 import ProcessTradeTicksRequest
from alphaforge_client._base.errors import retry_seconds, translated
from alphaforge_client.errors import ResourceExhausted
from alphaforge_core.data_wire import ProcessRequest
from alphaforge_core.model import TradeTick

from services.access.admission import UNDER_WAY_BYTES_MAX, Usual
from services.access.gate import Gate
from tests.support.in_process import grpc_target, serving
from tests.support.waiting import let_pass_async

PREFIX = "/alphaforge.data.v1.DataService/"
TICK = TradeTick("BTC", 100, 1, "BUY", "1", 1_700_000_000_000_000_000)
# A batch is refused before it is read; a small request is read first.
BATCH = "ProcessTradeTicks", ProcessTradeTicksRequest().SerializeToString()
SMALL = "ProcessTradeTick", ProcessRequest(TICK).to_wire()


@pytest.mark.parametrize(("method", "request_bytes"), [BATCH, SMALL], ids=["batch", "small"])
def test_a_refusal_says_why_and_for_how_long_and_is_counted(method: str, request_bytes: bytes, tmp_path: Path) -> None:
    async def run() -> None:
        gate = Gate(None, streams_per_caller=1)
        async with (
            serving("data", tmp_path, durability="none") as service,
            grpc_target(service.service, gate) as target,
            grpc.aio.insecure_channel(target) as channel,
        ):
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREFIX + method)
            large = Usual()
            large.bytes = 2.0 * UNDER_WAY_BYTES_MAX
            ticket = gate.writes.enter(large, 5.0, monotonic())
            assert ticket is not None
            for count in (1, 2):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call(request_bytes, timeout=30.0)
                problem = translated(refused.value)
                assert isinstance(problem, ResourceExhausted)
                assert problem.reason == "OVERLOADED"
                assert "nothing was done: the service is overloaded (1 calls with 512 MiB in progress)" in str(problem)
                # Rounded to nanoseconds; another window of admission may have begun since.
                assert retry_seconds(problem) == pytest.approx(gate.writes.retry_seconds, rel=0.9)
                assert gate.refused["OVERLOADED"] == count
                assert gate.refusals.cumulative()[-1] == ("+Inf", count)
            gate.writes.leave(ticket, monotonic(), answered=True)
            await call(request_bytes, timeout=30.0)

    asyncio.run(run())


def test_a_call_that_has_expired_by_its_turn_is_dropped(tmp_path: Path) -> None:
    # Of small requests, gRPC itself drops most that have expired before their handler is called.
    async def run() -> None:
        gate = Gate(None, streams_per_caller=1)
        async with (
            serving("data", tmp_path, durability="none") as service,
            grpc_target(service.service, gate) as target,
        ):
            with grpc.insecure_channel(target) as channel:
                # A call whose deadline passes before it has been sent never arrives.
                while not gate.writes.expired:
                    thread = threading.Thread(target=expire, args=(channel,))
                    thread.start()
                    # Meanwhile, the event loop is blocked.
                    thread.join()
                    await let_pass_async(0.05)
            assert gate.refused["OVERLOADED"] == 0
            assert (gate.writes.calls, gate.writes.bytes) == (0, 0)

    asyncio.run(run())


def expire(channel: grpc.Channel) -> None:
    """Makes a call that exceeds its deadline."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREFIX + BATCH[0])
    with pytest.raises(grpc.RpcError) as late:
        call(BATCH[1], timeout=0.1, wait_for_ready=True)
    assert isinstance(late.value, grpc.Call)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
