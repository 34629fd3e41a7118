"""An overloaded service suggests a delay; the client waits at least that long, or gives up immediately."""

from __future__ import annotations

import grpc
import pytest
from alphaforge_client._base.errors import retry_seconds
from alphaforge_client._calls.attempts import Attempts
from alphaforge_client._calls.connection import Connection, Opening
from alphaforge_client._grpc.endpoint import Endpoint
from alphaforge_client.errors import ResourceExhausted
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from .conftest import Server


def overloaded(seconds: float | None) -> ResourceExhausted:
    problem = ResourceExhausted("busy", reason="OVERLOADED")
    if seconds is not None:
        problem.__dict__["retry_seconds"] = seconds
    return problem


def test_the_pause_is_as_long_as_the_service_says_or_half_as_long_again() -> None:
    for _ in range(100):
        pause = Attempts(60.0).pause_after(overloaded(0.4))
        assert 0.4 <= pause.asleep_seconds <= 0.6
        assert pause.connecting_seconds == 0


def test_a_pause_that_does_not_fit_into_the_deadline_is_not_begun() -> None:
    with pytest.raises(ResourceExhausted):
        Attempts(1.0).pause_after(overloaded(0.95))


def test_without_a_hint_it_backs_off() -> None:
    assert 0 < Attempts(60.0).pause_after(overloaded(None)).asleep_seconds < 0.1


@pytest.mark.parametrize("reason", ["RATE_LIMITED", "JOURNAL_FULL", "STREAM_LIMIT"])
def test_other_limits_do_not_pass_by_themselves(reason: str) -> None:
    with pytest.raises(ResourceExhausted):
        Attempts(60.0).pause_after(ResourceExhausted("no", reason=reason))


def test_a_call_is_repeated_after_a_refusal_for_overload(server: Server) -> None:
    calls: list[bytes] = []

    def busy_once(request: bytes, context: grpc.ServicerContext) -> bytes:
        calls.append(request)
        if len(calls) == 1:
            details = [Any(), Any()]
            details[0].Pack(error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="alphaforge"))
            details[1].Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=10_000_000)))
            code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            status = status_pb2.Status(code=code, message="busy", details=details)
            context.abort_with_status(rpc_status.to_status(status))
        return b"done"

    server.calls = {"Open": lambda *_: b"1", "Busy": busy_once}
    server.start()
    opening = Opening("test.Service", "Open", b"", int, lambda _: b"")
    connection = Connection(Endpoint("data", server.target), opening, 10.0)
    assert connection.call("Busy", b"request") == b"done"
    assert len(calls) == 2
    connection.close()


def test_an_error_without_a_hint_has_none() -> None:
    assert retry_seconds(overloaded(None)) is None
