"""Every environment variable of the product, in one list: services, client and command line.

A misspelt variable would be ignored without a word, so an `ALPHAFORGE_*` variable that is not listed here stops a
service at its start. A test holds the list against the settings of the three services.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from alphaforge_core.errors import InvalidArgument
from dotenv import dotenv_values

__all__ = ["KNOWN", "PER_SERVICE", "PREFIX", "SERVICES", "SHARED", "check_environment"]

PREFIX = "ALPHAFORGE_"
SERVICES = ("CACHE", "DATA", "EXECUTION")

# Settings that a service takes only under its own name, `ALPHAFORGE_CACHE_PORT`: one value can't fit all three.
PER_SERVICE = ("AUDIT_FILE", "METRICS_PORT", "PORT")

# Settings that all services share, `ALPHAFORGE_LOG_LEVEL`; `ALPHAFORGE_DATA_LOG_LEVEL` wins for one of them.
SHARED = (
    "DATA_DIR",
    "DRAIN_SECONDS",
    "HEARTBEAT_SECONDS",
    "HOST",
    "INSECURE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "MAX_CONNECTIONS",
    "MAX_MESSAGE_BYTES",
    "MAX_STREAMS_PER_CALLER",
    "MAX_SUBSCRIBERS",
    "METRICS_HOST",
    "TLS_CERTIFICATE_FILE",
    "TLS_CLIENT_CA_FILE",
    "TLS_KEY_FILE",
    "TOKENS_FILE",
)

# How clients know the services and prove who they are; the execution service is a client of the data service.
CLIENT = (
    "TLS_CA_FILE",
    "TLS_CLIENT_CERTIFICATE_FILE",
    "TLS_CLIENT_KEY_FILE",
    "TOKEN_FILE",
)

# Settings that only one service has.
OWN = (
    "CACHE_DURABILITY",
    "CACHE_MAX_MEMORY_BYTES",
    "CACHE_WARM_RESTART",
    "CACHE_WHEN_FULL",
    "DATA_ALLOWED_LATENESS_NS",
    "DATA_BAR_TYPES",
    "DATA_CLOSE_GRACE_NS",
    "DATA_DUPLICATE_WINDOW",
    "DATA_DURABILITY",
    "DATA_ENABLE_STATISTICS",
    "DATA_FILL_GAPS",
    "DATA_FLUSH_ON_STOP",
    "DATA_JOURNAL_CHECKPOINT_BYTES",
    "DATA_JOURNAL_CHECKPOINT_SECONDS",
    "DATA_JOURNAL_SIZE_BYTES_MAX",
    "DATA_LIVE_CLOCK",
    "DATA_MAX_BARS_PER_INSTRUMENT",
    "DATA_MAX_BARS_PER_TICK",
    "DATA_MAX_DUPLICATE_ENTRIES",
    "DATA_MAX_GAP_BARS",
    "DATA_MAX_INSTRUMENTS",
    "DATA_MAX_MEMORY_BYTES",
    "DATA_MAX_REPLAY_BARS",
    "DATA_MAX_REPLAY_TRADES",
    "DATA_ORIGIN_OFFSET_NS",
    "DATA_SKIP_FIRST_PARTIAL",
    "DATA_ZERO_QUANTITY",
    "EXECUTION_DATA_TARGET",
    "EXECUTION_DURABILITY",
    "EXECUTION_EVENT_BACKLOG",
    "EXECUTION_JOURNAL_CHECKPOINT_BYTES",
    "EXECUTION_JOURNAL_CHECKPOINT_SECONDS",
    "EXECUTION_JOURNAL_SIZE_BYTES_MAX",
    "EXECUTION_LIVE_CLOCK",
    "EXECUTION_MARKET_DATA",
    *(f"EXECUTION_{name}" for name in CLIENT),
)

# Where the client and the command line look for the services; the execution service finds the data service by it too.
TARGETS = tuple(f"{service}_TARGET" for service in SERVICES)

KNOWN = frozenset(
    PREFIX + name
    for name in (
        *SHARED,
        *(f"{service}_{name}" for service in SERVICES for name in (*PER_SERVICE, *SHARED)),
        *OWN,
        *CLIENT,
        *TARGETS,
    )
)


def check_environment(environment: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> None:
    """Raises InvalidArgument that names each ALPHAFORGE_* variable of the environment or `.env` that nothing reads."""
    names = {*environment, *(dotenv_values(dotenv) if dotenv.is_file() else ())}
    unknown = sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in KNOWN)
    if unknown:
        raise InvalidArgument(
            "; ".join(f"{name} is no variable of AlphaForge{_suggestion(name)}" for name in unknown),
            reason="SETTING_INVALID",
        )


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name.upper(), KNOWN, n=1)
    return f", did you mean {close[0]}?" if close else ""
