"""A connection to one engine: opening, repetition, deadlines and errors."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import grpc
import pytest
from alphaforge_client import errors
from alphaforge_client._calls.connection import Connection
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client._wire.opening import Opening
from alphaforge_client.aio._calls import connection as aio_connection
from grpc import StatusCode

from tests.support.programs import PROGRAMS
from tests.support.waiting import let_pass, until_async

from .conftest import Refusal, Server


class Hanging:
    """A handler that does not answer before the test ends."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ends = threading.Event()

    def __call__(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.begun.set()
        self.ends.wait(120)
        return b""

    def script(self, server: Server) -> None:
        server.calls = {"Open": lambda *_: b"1", "Hang": self}


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.ends.set()


def opening(request: bytes = b"open") -> Opening:
    return Opening("test.Service", "Open", request, lambda answer: int(answer), lambda epoch: b"%d:" % (epoch or 0))


def connect(server: Server, timeout: float = 5.0) -> Connection:
    return Connection(Endpoint("data", server.target), opening(), timeout)


def echo_with_epoch(server: Server) -> list[bytes]:
    """Scripts a server that counts its openings and echoes; returns the openings it sees."""
    openings: list[bytes] = []

    def open_engine(request: bytes, _: object) -> bytes:
        openings.append(request)
        return b"7"

    server.calls = {"Open": open_engine, "Echo": lambda request, _: request}
    return openings


def test_nothing_is_sent_before_the_first_call_which_opens_the_engine_once(server: Server) -> None:
    openings = echo_with_epoch(server)
    server.start()
    connection = connect(server)
    assert openings == []
    assert connection.call("Echo", b"a") == b"7:a"
    assert connection.call("Echo", b"b") == b"7:b"
    assert openings == [b"open"]
    connection.close()


def test_many_threads_open_the_engine_once(server: Server) -> None:
    openings = echo_with_epoch(server)
    server.start()
    connection = connect(server)
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(connection.call("Echo", b"x"))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"7:x"] * 50
    assert len(openings) == 1
    connection.close()


def test_a_new_epoch_is_adopted_and_the_call_repeated(server: Server) -> None:
    epochs = iter([b"1", b"2"])
    seen: list[bytes] = []

    def call(request: bytes, _: object) -> bytes:
        seen.append(request)
        if request.startswith(b"1:"):
            raise Refusal(StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED")
        return request

    server.calls = {"Open": lambda *_: next(epochs), "Call": call}
    server.start()
    connection = connect(server)
    assert connection.call("Call", b"x") == b"2:x"
    assert seen == [b"1:x", b"2:x"]
    assert connection.epoch == 2
    connection.close()


def test_an_engine_that_never_agrees_on_its_epoch_ends_the_call_at_its_deadline(server: Server) -> None:
    def call(*_: object) -> bytes:
        raise Refusal(StatusCode.FAILED_PRECONDITION, "EPOCH_CHANGED")

    server.calls = {"Open": lambda *_: b"1", "Call": call}
    server.start()
    connection = connect(server, timeout=0.5)
    with pytest.raises(errors.EngineError) as caught:
        connection.call("Call", b"")
    assert caught.value.reason == "EPOCH_CHANGED"
    connection.close()


def test_a_call_outlives_a_server_that_comes_back_within_the_deadline(server: Server) -> None:
    echo_with_epoch(server)
    server.start()
    connection = connect(server, timeout=10.0)
    connection.call("Echo", b"")
    server.stop()
    restart = threading.Timer(0.5, server.start)
    restart.start()
    assert connection.call("Echo", b"again") == b"7:again"
    restart.join()
    connection.close()


@pytest.mark.parametrize("timeout", [0.2, 1.0])
def test_a_dead_server_is_reported_within_the_deadline(server: Server, timeout: float) -> None:
    connection = connect(server, timeout=timeout)
    with pytest.raises(ConnectionError) as caught:
        connection.call("Echo", b"")
    assert isinstance(caught.value, errors.Unavailable)
    assert caught.value.reason == "UNAVAILABLE"
    assert server.target in str(caught.value)
    connection.close()


def test_a_server_that_does_not_answer_is_a_timeout(server: Server, hanging: Hanging) -> None:
    hanging.script(server)
    server.start()
    connection = connect(server)
    with pytest.raises(TimeoutError) as caught:
        connection.call("Hang", b"", timeout=0.2)
    assert isinstance(caught.value, errors.DeadlineExceeded)
    assert "Hang" in str(caught.value)
    connection.close()


def test_a_timeout_after_a_refusal_says_why_the_service_refused(server: Server, hanging: Hanging) -> None:
    refused = threading.Event()

    def refuse_once(request: bytes, context: grpc.ServicerContext) -> bytes:
        if refused.is_set():
            return hanging(request, context)
        refused.set()
        raise Refusal(StatusCode.UNAVAILABLE, "UNAVAILABLE", "the engine is read-only")

    server.calls = {"Open": lambda *_: b"1", "Put": refuse_once}
    server.start()
    connection = connect(server)
    with pytest.raises(errors.DeadlineExceeded, match=r"Put in time.*the engine is read-only"):
        connection.call("Put", b"", timeout=1.0)
    connection.close()


@pytest.mark.parametrize(
    ("code", "reason", "kind", "builtin"),
    [
        (StatusCode.INVALID_ARGUMENT, "KEY_INVALID", errors.InvalidArgument, ValueError),
        (StatusCode.INVALID_ARGUMENT, "VALUE_UNSUPPORTED", errors.UnsupportedValue, TypeError),
        (StatusCode.FAILED_PRECONDITION, "SETTINGS_DIFFER", errors.EngineError, RuntimeError),
        (StatusCode.RESOURCE_EXHAUSTED, "ENGINE_LIMIT", errors.ResourceExhausted, RuntimeError),
        (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", errors.Unauthenticated, PermissionError),
        (StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", errors.PermissionDenied, PermissionError),
        (StatusCode.INTERNAL, "INTERNAL", errors.EngineError, RuntimeError),
        (StatusCode.INTERNAL, None, errors.EngineError, RuntimeError),
        (StatusCode.UNKNOWN, None, errors.EngineError, RuntimeError),
    ],
)
def test_a_refusal_is_one_error_of_the_tree_and_not_repeated(
    server: Server, code: StatusCode, reason: str | None, kind: type[Exception], builtin: type[Exception]
) -> None:
    attempts = []

    def call(*_: object) -> bytes:
        attempts.append(1)
        raise Refusal(code, reason, "what was wrong")

    server.calls = {"Open": lambda *_: b"1", "Call": call}
    server.start()
    connection = connect(server)
    with pytest.raises(errors.AlphaForgeError, match="what was wrong") as caught:
        connection.call("Call", b"")
    assert type(caught.value) is kind
    assert isinstance(caught.value, builtin)
    assert caught.value.reason == (reason or code.name)
    assert len(attempts) == 1
    connection.close()


def test_use_after_close_says_so(server: Server) -> None:
    echo_with_epoch(server)
    server.start()
    connection = connect(server)
    connection.call("Echo", b"")
    connection.close()
    connection.close()
    with pytest.raises(errors.EngineError, match="closed") as caught:
        connection.call("Echo", b"")
    assert caught.value.reason == "CLIENT_CLOSED"


def test_closing_ends_a_call_under_way(server: Server, hanging: Hanging) -> None:
    hanging.script(server)
    server.start()
    connection = connect(server, timeout=60.0)

    def close() -> None:
        hanging.begun.wait(30)
        connection.close()

    closing = threading.Thread(target=close)
    closing.start()
    with pytest.raises(errors.EngineError) as caught:
        connection.call("Hang", b"")
    assert caught.value.reason == "CLIENT_CLOSED"
    closing.join()


@pytest.mark.parametrize("timeout", [0, -1.0, float("inf"), float("nan")])
def test_a_timeout_must_be_finite_and_above_zero(server: Server, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        connect(server, timeout=timeout)


def test_forked_children_call_and_follow_on_their_own_while_threads_of_the_parent_do(server: Server) -> None:
    def numbers(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        number = int(request or b"0")
        while context.is_active():
            number += 1
            yield b"%d" % number
            let_pass(0.01)

    server.calls = {"Open": lambda *_: b"7", "Peer": lambda _, context: context.peer().encode()}
    server.streams = {"Numbers": numbers}
    server.start()
    # In a separate process, where alphaforge_client is imported before grpc, and so configures it.
    script = [sys.executable, PROGRAMS / "fork_while_calling.py", server.target]
    run = subprocess.run(script, capture_output=True, text=True, timeout=100, check=False)
    assert run.returncode == 0, run.stderr


def test_endpoints_are_the_argument_then_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALPHAFORGE_DATA_TARGET", raising=False)
    assert Endpoint.of("data", None).target == "localhost:50052"
    monkeypatch.setenv("ALPHAFORGE_DATA_TARGET", "unix:/run/data.sock")
    assert Endpoint.of("data", None).target == "unix:/run/data.sock"
    assert Endpoint.of("data", "host:1").target == "host:1"
    with pytest.raises(ValueError, match="target"):
        Endpoint.of("data", " ")


def test_the_package_sets_grpc_up_before_it_is_imported() -> None:
    assert "event_engine_client" in os.environ["GRPC_EXPERIMENTS"]


def test_the_asyncio_side_behaves_the_same(server: Server, hanging: Hanging) -> None:
    echo_with_epoch(server)
    server.calls["Hang"] = hanging
    server.start()
    connection = aio_connection.Connection(Endpoint("data", server.target), opening(), 5.0)

    async def first_loop() -> None:
        assert await asyncio.gather(*(connection.call("Echo", b"a") for _ in range(20))) == [b"7:a"] * 20
        with pytest.raises(errors.DeadlineExceeded):
            await connection.call("Hang", b"", timeout=0.2)
        # The caller's own timeout raises TimeoutError, not an AlphaForgeError.
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await connection.call("Hang", b"")
        assert not isinstance(caught.value, errors.AlphaForgeError)

    async def second_loop() -> None:
        assert await connection.call("Echo", b"b") == b"7:b"
        hanging.begun.clear()
        call = asyncio.create_task(connection.call("Hang", b""))
        await until_async(hanging.begun.is_set)
        await connection.close()
        with pytest.raises(errors.EngineError) as caught:
            await call
        assert caught.value.reason == "CLIENT_CLOSED"

    asyncio.run(first_loop())
    asyncio.run(second_loop())
