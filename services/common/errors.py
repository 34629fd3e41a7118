"""From an exception to what the caller sees: a status, a text, and an ErrorInfo with the stable reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import grpc
from alphaforge_core.errors import (
    AlphaForgeError,
    DeadlineExceeded,
    EngineError,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    UnsupportedValue,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

__all__ = ["DOMAIN", "STATUSES", "STATUSES_BY_REASON", "Failure", "failure_of", "with_metadata"]

DOMAIN = "alphaforge"

# The one table. A class that is not here has the status of its nearest ancestor that is.
STATUSES: Mapping[type[Exception], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    UnsupportedValue: grpc.StatusCode.INVALID_ARGUMENT,
    EngineError: grpc.StatusCode.FAILED_PRECONDITION,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
}

# Where a reason says more than the class does.
STATUSES_BY_REASON: Mapping[str, grpc.StatusCode] = {
    "ENGINE_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "JOURNAL_FAILED": grpc.StatusCode.UNAVAILABLE,
}

_logger = logging.getLogger(__name__)


class Failure(NamedTuple):
    """What a failed call ends with."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, bytes], ...]


E = TypeVar("E", bound=AlphaForgeError)


def with_metadata(error: E, **metadata: str) -> E:
    """Lets an error carry values for programs, which travel as metadata of its ErrorInfo."""
    error.__dict__["metadata"] = metadata
    return error


def failure_of(error: Exception, method: str) -> Failure:
    """How `error` is told to the caller of `method`.

    Whatever is not an error of our own tree is a bug: it is logged with its traceback, and the caller learns only that.
    """
    if isinstance(error, DecodeError):
        error = InvalidArgument("the request is no valid message of this RPC", reason="MESSAGE_MALFORMED")
    code = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    if code is None or not isinstance(error, AlphaForgeError):
        _logger.error("internal error", extra={"method": method}, exc_info=error)
        return _failure(grpc.StatusCode.INTERNAL, "internal error; the service's log has the details", "INTERNAL", {})
    code = STATUSES_BY_REASON.get(error.reason, code)
    return _failure(code, str(error), error.reason, error.__dict__.get("metadata", {}))


def _failure(code: grpc.StatusCode, message: str, reason: str, metadata: Mapping[str, str]) -> Failure:
    detail = Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))
    number: int = code.value[0]
    status = status_pb2.Status(code=number, message=message, details=[detail])
    return Failure(code, message, (("grpc-status-details-bin", status.SerializeToString()),))
