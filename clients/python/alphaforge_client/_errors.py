"""One table from what a service answers to what a caller sees."""

from __future__ import annotations

from typing import Protocol, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from alphaforge_client import errors

__all__ = ["translated"]

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "alphaforge"

_BY_STATUS: dict[grpc.StatusCode, type[errors.AlphaForgeError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgument,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    # From the other side: a service that ends takes calls under way with it.
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
}

# A status is coarser than the tree: these reasons say more than theirs.
_BY_REASON: dict[str, type[errors.AlphaForgeError]] = {
    "VALUE_UNSUPPORTED": errors.UnsupportedValue,
}


class _Failure(Protocol):
    """What sync and asyncio failures have in common; the stubs know no common class."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> object: ...


def translated(error: grpc.RpcError) -> errors.AlphaForgeError:
    """The AlphaForge error for what a call raised.

    Its `reason` is the one the service gave, else the name of the gRPC status.
    """
    failure = cast("_Failure", error)
    status = failure.code()
    reason = _reason(failure) or status.name
    kind = _BY_REASON.get(reason) or _BY_STATUS.get(status, errors.EngineError)
    return kind(failure.details() or f"the service answered {status.name}", reason=reason)


def _reason(failure: _Failure) -> str | None:
    metadata = cast("tuple[tuple[str, bytes], ...] | None", failure.trailing_metadata())
    packed = next((value for key, value in metadata or () if key == _DETAILS_KEY), None)
    if packed is None:
        return None
    try:
        for detail in status_pb2.Status.FromString(packed).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info) and info.domain == _DOMAIN:
                return str(info.reason)
    except DecodeError:
        # A proxy may put anything here; the status alone still says what happened.
        return None
    return None
