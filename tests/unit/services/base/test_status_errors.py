"""One table maps exceptions to statuses, and reveals nothing internal."""

from __future__ import annotations

import logging

import grpc
import pytest
from alphaforge_core import errors
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from services.base.errors import DOMAIN, STATUSES, failure_of, with_metadata


def info(trailers: tuple[tuple[str, bytes], ...]) -> tuple[status_pb2.Status, error_details_pb2.ErrorInfo]:
    ((key, value),) = trailers
    assert key == "grpc-status-details-bin"
    status = status_pb2.Status.FromString(value)
    detail = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(detail)
    return status, detail


@pytest.mark.parametrize(("kind", "code"), STATUSES.items(), ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_error_has_its_status_its_text_and_its_reason(
    kind: type[errors.AlphaForgeError], code: grpc.StatusCode
) -> None:
    failure = failure_of(kind("what was wrong", reason="SOME_REASON"), "Method")
    status, detail = info(failure.trailers)
    assert (failure.code, failure.message) == (code, "what was wrong")
    assert (status.code, status.message) == (code.value[0], "what was wrong")
    assert (detail.reason, detail.domain) == ("SOME_REASON", DOMAIN)


def test_every_class_of_the_tree_has_a_status() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not isinstance(kind, type):
            continue
        assert kind is errors.AlphaForgeError or any(ancestor in STATUSES for ancestor in kind.__mro__), name


def test_a_reason_may_say_more_than_its_class() -> None:
    failure = failure_of(errors.EngineError("no such engine", reason="ENGINE_UNKNOWN"), "Method")
    assert failure.code is grpc.StatusCode.NOT_FOUND


def test_values_for_programs_travel_as_metadata() -> None:
    error = with_metadata(errors.EngineError("gap", reason="PRODUCER_SEQUENCE_GAP"), expected_sequence="7")
    assert info(failure_of(error, "Method").trailers)[1].metadata == {"expected_sequence": "7"}


def test_bytes_that_are_no_message_are_an_invalid_argument() -> None:
    failure = failure_of(DecodeError("Error parsing message"), "Method")
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert info(failure.trailers)[1].reason == "MESSAGE_MALFORMED"


@pytest.mark.parametrize("error", [RuntimeError("secret"), ValueError("secret"), KeyError("secret"), OSError("secret")])
def test_an_internal_error_is_logged_and_tells_the_caller_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        failure = failure_of(error, "Method")
    assert failure.code is grpc.StatusCode.INTERNAL
    assert "secret" not in f"{failure}"
    assert info(failure.trailers)[1].reason == "INTERNAL"
    assert caplog.records[0].exc_info
