"""Where the services are, and whether they serve."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import grpc
from alphaforge_client.credentials import Credentials

__all__ = ["NOUNS", "Service", "services", "serving"]

NOUNS = ("cache", "data", "execution")

# The health protocol's request for the whole server, and its answer SERVING, as bytes: the generated classes would bind
# the command to one release of protobuf for two constants.
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_REQUEST = b""
_SERVING = b"\x08\x01"
_CONNECTED_SECONDS = 0.1


class Service(NamedTuple):
    """One service of the stack: its noun and the address the client would use."""

    noun: str
    target: str


def services(environment: Mapping[str, str] = os.environ) -> tuple[Service, ...]:
    """The three services at the client's own targets: ALPHAFORGE_<NOUN>_TARGET, else localhost and the default port."""
    return tuple(
        Service(noun, environment.get(f"ALPHAFORGE_{noun.upper()}_TARGET") or f"localhost:{50051 + index}")
        for index, noun in enumerate(NOUNS)
    )


def serving(target: str, timeout: float) -> str | None:
    """None where the server at `target` says within `timeout` seconds that it serves, else what is wrong."""
    credentials = Credentials.from_environment().access().credentials
    with grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target) as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_HEALTH_CHECK)
        try:
            answer = check(_REQUEST, timeout=timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            code, _ = _outcome(error)
            return f"no answer{_why_no_connection(check)}" if code == "deadline exceeded" else code
    return None if answer == _SERVING else "not serving"


def _why_no_connection(check: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> str:
    """What the channel last met on its way to the server; empty where it is connected and the server keeps silent."""
    try:
        check(_REQUEST, timeout=_CONNECTED_SECONDS)
    except grpc.RpcError as error:
        code, details = _outcome(error)
        return f": {details.rpartition('last error: ')[2]}" if code == "unavailable" else ""
    return ""


def _outcome(error: grpc.RpcError) -> tuple[str, str]:
    if not isinstance(error, grpc.Call):
        return "unknown", ""
    return error.code().name.lower().replace("_", " "), error.details() or ""
