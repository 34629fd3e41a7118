"""An input that kills the process while it is applied blocks its own engine only."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from alphaforge.execution.v1 import engines_pb2, orders_pb2
from alphaforge_core.execution import Order, OrderSide, TimeInForce
from alphaforge_core.execution_wire import encode_submit_orders

from tests.support.service import Service, command, environment, running_service

FLAWED = "tests.programs.service_with_a_flaw"
ARGUMENTS = ("--market-data", "off")


def call(service: Service, method: str, request: bytes) -> bytes:
    answer: bytes = service.channel.unary_unary(f"/alphaforge.execution.v1.ExecutionService/{method}")(
        request, timeout=30
    )
    return answer


def submit(service: Service, engine: str, order_id: str) -> None:
    order = Order.limit("X", OrderSide.Buy, 1, 1, TimeInForce.GoodTillCancel, "s", order_id=order_id, created_at=1)
    head = orders_pb2.SubmitOrderRequest(engine=engine).SerializeToString()
    call(service, "SubmitOrder", head + encode_submit_orders([order]))


def status_of(service: Service, engine: str, order_id: str) -> int:
    request = orders_pb2.GetOrderRequest(engine=engine, order_id=order_id)
    return orders_pb2.GetOrderResponse.FromString(call(service, "GetOrder", request.SerializeToString())).order.status


def start_that_ends(folder: Path) -> int:
    return subprocess.run(
        command("execution", "--data-dir", str(folder), *ARGUMENTS, module=FLAWED),
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)), cwd=folder, capture_output=True, timeout=60, check=False,
    ).returncode  # fmt: skip


def refusal(service: Service, engine: str) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        status_of(service, engine, "first")
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return str(refused.value.details())


def test_an_input_that_ends_every_start_keeps_its_own_engine_alone_from_being_served(tmp_path: Path) -> None:
    with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
        for engine in ("good", "bad"):
            submit(service, engine, "first")
        with pytest.raises(grpc.RpcError):
            submit(service, "bad", "fatal")
        assert service.process.wait(30) == -signal.SIGKILL
    assert [start_that_ends(tmp_path) for _ in range(2)] == [-signal.SIGKILL] * 2
    for _ in range(2):
        with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
            assert status_of(service, "good", "first")
            assert "input 3 of 'bad' ended the process 2 times while it was applied" in refusal(service, "bad")
    # A release without the flaw applies it, when it is told to try again.
    with running_service("execution", tmp_path, *ARGUMENTS) as service:
        assert "remove" in refusal(service, "bad")
    (tmp_path / "execution.suspects").unlink()
    with running_service("execution", tmp_path, *ARGUMENTS) as service:
        assert status_of(service, "bad", "fatal")


def skip(folder: Path, engine: str, sequence: int) -> subprocess.CompletedProcess[str]:
    told = ("--because", "it ends every start", "--to", str(folder / "skipped"))
    command = (sys.executable, "-m", "services.journal", "skip", str(folder), engine, str(sequence), *told)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_operator_skips_the_input_and_the_engine_goes_on_in_a_new_epoch(tmp_path: Path) -> None:
    def epoch(service: Service) -> int:
        answer = engines_pb2.ListEnginesResponse.FromString(call(service, "ListEngines", b""))
        return next(each.epoch for each in answer.engines if each.engine == "bad")

    with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
        submit(service, "bad", "first")
        before = epoch(service)
        assert skip(tmp_path, "execution/bad", 2).returncode == 1
        with pytest.raises(grpc.RpcError):
            submit(service, "bad", "fatal")
    assert [start_that_ends(tmp_path) for _ in range(2)] == [-signal.SIGKILL] * 2
    for engine, sequence, why in (
        ("execution/bad", 1, "opens or drops the engine"),
        ("execution/bad", 4, "has inputs 1 to 3"),
        ("execution/other", 3, "no journal of execution/other"),
        ("bad", 3, "expected a name such as"),
    ):
        refused = skip(tmp_path, engine, sequence)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
    assert not (tmp_path / "skipped").exists()
    done = skip(tmp_path, "execution/bad", 3)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "skipped").read_text())
    assert (kept["engine"], kept["sequence"], kept["because"]) == ("execution/bad", 3, "it ends every start")
    assert b"fatal" in base64.b64decode(kept["payload"])
    for _ in range(2):
        with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
            assert epoch(service) != before
            assert status_of(service, "bad", "first")
            assert not status_of(service, "bad", "fatal")
            submit(service, "bad", "second")


def test_the_next_engine_of_that_name_is_above_suspicion(tmp_path: Path) -> None:
    with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service, pytest.raises(grpc.RpcError):
        submit(service, "bad", "fatal")
    assert [start_that_ends(tmp_path) for _ in range(2)] == [-signal.SIGKILL] * 2
    with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
        call(service, "DropEngine", engines_pb2.DropEngineRequest(engine="bad").SerializeToString())
        for order_id in ("first", "second", "third"):
            submit(service, "bad", order_id)
        service.kill()
    with running_service("execution", tmp_path, *ARGUMENTS, module=FLAWED) as service:
        assert status_of(service, "bad", "third")
