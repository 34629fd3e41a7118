"""Finds the primary among the candidates of a service by asking each for its health.

A candidate reports that it serves only while it is the primary and holds the lease, so at most one does at any time.
A candidate's answer counts only for itself.

A client with `read_from="any"` asks one candidate after another; a follower answers from its own state, and says
how old that may be.
"""

from __future__ import annotations

from collections.abc import Iterable

from alphaforge_client.errors import InvalidArgument, Unavailable

__all__ = [
    "HEALTH_CHECK",
    "PROBE_SECONDS",
    "READS",
    "READ_FROM_ANY",
    "SERVING",
    "SILENCE_SECONDS_MAX",
    "WATCH_SECONDS",
    "checked_read_from",
    "health_request",
    "lag_of",
    "moved",
]

HEALTH_CHECK = "/grpc.health.v1.Health/Check"

# HealthCheckResponse with status SERVING.
SERVING = b"\x08\x01"

PROBE_SECONDS = 0.5
# How long a call waits for an answer before the other candidates are asked.
WATCH_SECONDS = 1.0
# The same for streams, which have a heartbeat every two seconds.
SILENCE_SECONDS_MAX = 3.0


# The metadata of a call that a follower may answer.
READ_FROM_ANY = (("alphaforge-read-from", "any"),)
_LAG = "alphaforge-lag-ms"

READS = frozenset(
    (
        "GetBars",
        "GetEngineStatus",
        "GetOpenBars",
        "GetOrder",
        "GetStatistics",
        "ListAccounts",
        "ListFills",
        "ListInstruments",
        "ListOrderEvents",
        "ListOrders",
        "ListPositions",
        "SubscribeBars",
        "SubscribeOrderEvents",
        "SubscribeTrades",
    )
)
"""The calls that a follower may answer; calls that open an engine or are numbered go to the primary."""


def checked_read_from(value: object) -> bool:
    """Whether `read_from` is "any" rather than "primary". Raises InvalidArgument for anything else."""
    if value not in ("primary", "any"):
        raise InvalidArgument(f"read_from is {value!r}; it must be 'primary' or 'any'", reason="SETTING_INVALID")
    return value == "any"


def lag_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> float:
    """The maximum age of a follower's answer, in seconds; 0 for the primary's."""
    value = next((value for key, value in metadata or () if key == _LAG), "0")
    return int(value) / 1000


def health_request(service: str) -> bytes:
    """The HealthCheckRequest for a service of that name, which has less than 128 bytes."""
    name = service.encode()
    return b"\x0a%c%b" % (len(name), name)


def moved() -> Unavailable:
    """The error of a call to a candidate that does not answer while another candidate serves."""
    return Unavailable("another candidate serves now", reason="NOT_PRIMARY")
