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
            code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
            return "no answer" if code is grpc.StatusCode.DEADLINE_EXCEEDED else code.name.lower().replace("_", " ")
    return None if answer == _SERVING else "not serving"
