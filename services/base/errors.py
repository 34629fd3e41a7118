"""Maps exceptions to gRPC errors: a status, a message, and an ErrorInfo with a stable reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
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
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

__all__ = [
    "DOMAIN",
    "STATUSES",
    "STATUSES_BY_REASON",
    "Failure",
    "failure_of",
    "info_of",
    "reason_of",
    "with_metadata",
    "with_retry_after",
]

DOMAIN = "alphaforge"
_DETAILS_KEY = "grpc-status-details-bin"

# A class that is not in this table has the status of its nearest ancestor in it.
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

# Reasons whose status differs from that of their class.
STATUSES_BY_REASON: Mapping[str, grpc.StatusCode] = {
    "ENGINE_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "JOURNAL_FAILED": grpc.StatusCode.UNAVAILABLE,
    "AUDIT_FAILED": grpc.StatusCode.UNAVAILABLE,
}

_logger = logging.getLogger(__name__)


class Failure(NamedTuple):
    """The outcome of a failed call."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, bytes], ...]


E = TypeVar("E", bound=AlphaForgeError)


def with_metadata(error: E, **metadata: str) -> E:
    """Adds values that programs read to an error; they travel as metadata of its ErrorInfo."""
    error.__dict__["metadata"] = metadata
    return error


def with_retry_after(error: E, seconds: float) -> E:
    """Adds the delay before a retry to an error; it travels as google.rpc.RetryInfo."""
    error.__dict__["retry_seconds"] = seconds
    return error


def failure_of(error: Exception, method: str) -> Failure:
    """The failure sent to the caller of `method`.

    Any error outside our own tree is a bug: it is logged with its traceback, and the caller gets INTERNAL.
    """
    if isinstance(error, DecodeError):
        error = InvalidArgument("the request could not be decoded", reason="MESSAGE_MALFORMED")
    code = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    if code is None or not isinstance(error, AlphaForgeError):
        _logger.error("internal error", extra={"method": method}, exc_info=error)
        return _failure(grpc.StatusCode.INTERNAL, "internal error; see the service's log", "INTERNAL")
    code = STATUSES_BY_REASON.get(error.reason, code)
    more = error.__dict__
    metadata = tuple(more.get("metadata", {}).items())
    return _failure(code, str(error), error.reason, metadata, more.get("retry_seconds"))


# Under overload most calls get the same refusal.
@lru_cache(maxsize=16)
def _failure(
    code: grpc.StatusCode,
    message: str,
    reason: str,
    metadata: tuple[tuple[str, str], ...] = (),
    retry_seconds: float | None = None,
) -> Failure:
    number: int = code.value[0]
    status = status_pb2.Status(code=number, message=message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=dict(metadata)))
    if retry_seconds is not None:
        delay = Duration(seconds=int(retry_seconds), nanos=int(retry_seconds % 1 * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return Failure(code, message, ((_DETAILS_KEY, status.SerializeToString()),))


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in another AlphaForge service's error; empty if there is none, as when a proxy answered."""
    info = info_of(error)
    return "" if info is None else str(info.reason)


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    """The ErrorInfo in another AlphaForge service's error; None if there is none."""
    packed = dict(error.trailing_metadata() or ()).get(_DETAILS_KEY)
    if not isinstance(packed, bytes):
        return None
    info = error_details_pb2.ErrorInfo()
    try:
        for detail in status_pb2.Status.FromString(packed).details:
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info
    except DecodeError:
        return None
    return None
