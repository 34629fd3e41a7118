"""Addresses of the services, and health checks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

import grpc
from alphaforge_client._grpc.endpoint import Endpoint, checked_target
from alphaforge_client._grpc.placement import listed_shards
from alphaforge_client.credentials import Credentials

__all__ = ["NOUNS", "Service", "services", "serving"]

NOUNS = ("cache", "data", "execution")

# The health protocol's request and its answer SERVING as bytes: the generated classes would bind the command to one
# release of protobuf for two constants.
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVICES = {
    "cache": "alphaforge.cache.v1.CacheService",
    "data": "alphaforge.data.v1.DataService",
    "execution": "alphaforge.execution.v1.ExecutionService",
}
_SERVING = b"\x08\x01"
_CONNECTED_SECONDS = 0.1


class Service(NamedTuple):
    """One service: its noun and the address the client would use."""

    noun: str
    target: str


def services(environment: Mapping[str, str] = os.environ) -> tuple[Service, ...]:
    """The services at the client's own targets: ALPHAFORGE_<NOUN>_TARGETS or _TARGET, else localhost and the default
    port.

    Raises InvalidArgument for an invalid address.
    """
    return tuple(
        Service(noun, checked_target(shard.target))
        for noun in NOUNS
        for shard in listed_shards(noun, environment=environment)
    )


def serving(noun: str, target: str, timeout: float) -> str | None:
    """None if the service of that noun answers at `target` within `timeout` seconds, else the problem."""
    if "," in target:
        # Only one candidate of a cluster serves, so one good answer is enough.
        answers = [serving(noun, seed, timeout) for seed in target.split(",")]
        return None if None in answers else answers[0]
    credentials = Credentials.from_environment().access().credentials
    options = Endpoint(noun, target).options
    with (
        grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)
    ) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_HEALTH_CHECK)
        request = bytes((0x0A, len(_SERVICES[noun]))) + _SERVICES[noun].encode()
        try:
            answer = check(request, timeout=timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            code, _ = _outcome(error)
            if code == "not found":
                return f"this is not the {noun} service"
            return f"no answer{_why_no_connection(check)}" if code == "deadline exceeded" else code
    return None if answer == _SERVING else "not serving"


def _why_no_connection(check: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> str:
    """The channel's last connection error; empty if it is connected and the server does not answer."""
    try:
        check(b"", timeout=_CONNECTED_SECONDS)
    except grpc.RpcError as error:
        code, details = _outcome(error)
        # gRPC writes [::1] as %5B::1%5D.
        return f": {unquote(details.rpartition('last error: ')[2])}" if code == "unavailable" else ""
    return ""


def _outcome(error: grpc.RpcError) -> tuple[str, str]:
    if not isinstance(error, grpc.Call):
        return "unknown", ""
    return error.code().name.lower().replace("_", " "), error.details() or ""
