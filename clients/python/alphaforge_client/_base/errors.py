"""Maps the errors of a service to the exceptions of the client."""

from __future__ import annotations

from typing import Protocol, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from alphaforge_client import errors

__all__ = ["moved_to", "retry_seconds", "translated"]

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "alphaforge"
_RETRY_KEY = "retry_seconds"
_TARGET_KEY = "moved_to"

_BY_STATUS: dict[grpc.StatusCode, type[errors.AlphaForgeError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgument,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    # Cancelled by the server: a stopping service cancels calls in progress.
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
}

# Reasons that determine the class better than their status.
_BY_REASON: dict[str, type[errors.AlphaForgeError]] = {
    "VALUE_UNSUPPORTED": errors.UnsupportedValue,
}


class _Failure(Protocol):
    """The common part of sync and asyncio failures, which the stubs lack."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> object: ...


def translated(error: grpc.RpcError) -> errors.AlphaForgeError:
    """The AlphaForge error for the exception of a call.

    Its `reason` is the service's, or else the name of the gRPC status.
    """
    failure = cast("_Failure", error)
    status = failure.code()
    given, seconds, target = _details(failure)
    reason = given or status.name
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, errors.EngineError)
    problem = kind(failure.details() or f"the service answered {status.name}", reason=reason)
    if seconds is not None:
        problem.__dict__[_RETRY_KEY] = seconds
    if target and reason == "ENGINE_MOVED":
        problem.__dict__[_TARGET_KEY] = target
    return problem


def retry_seconds(problem: errors.AlphaForgeError) -> float | None:
    """The delay in seconds before a retry, if the service gave one."""
    seconds: float | None = problem.__dict__.get(_RETRY_KEY)
    return seconds


def moved_to(problem: errors.AlphaForgeError) -> str | None:
    """The comma-separated addresses of the service to which the engine has moved; None if it hasn't."""
    target: str | None = problem.__dict__.get(_TARGET_KEY)
    return target


def _details(failure: _Failure) -> tuple[str | None, float | None, str | None]:
    """The reason, the retry delay and the other service's addresses in a service's error."""
    metadata = cast("tuple[tuple[str, bytes], ...] | None", failure.trailing_metadata())
    packed = next((value for key, value in metadata or () if key == _DETAILS_KEY), None)
    reason, seconds, target = None, None, None
    if packed is None:
        return reason, seconds, target
    try:
        for detail in status_pb2.Status.FromString(packed).details:
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info) and info.domain == _DOMAIN:
                reason = str(info.reason)
                target = info.metadata.get("target")
            elif detail.Unpack(retry):
                seconds = max(0.0, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
    except DecodeError:
        # A proxy may put anything here; then only the status counts.
        return None, None, None
    return reason, seconds, target
