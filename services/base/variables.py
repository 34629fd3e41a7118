"""Every environment variable of the product, in one list: services, client and command line.

A misspelt variable would be silently ignored, so an `ALPHAFORGE_*` variable that is not listed here stops a
service at its start. A test compares the list with the settings of the services.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from alphaforge_core.errors import InvalidArgument
from dotenv import dotenv_values

__all__ = ["KNOWN", "NOUNS", "OF_ENGINES", "PER_SERVICE", "PREFIX", "SERVICES", "SHARED", "check_environment"]

PREFIX = "ALPHAFORGE_"
NOUNS = ("CACHE", "DATA", "EXECUTION")
SERVICES = (*NOUNS, "RELAY")

# Those of the settings below that only services with engines have.
OF_ENGINES = (
    "ADVERTISE",
    "AUDIT_FILE",
    "AUDIT_FILES_MAX",
    "AUDIT_REQUIRED",
    "AUDIT_SIZE_BYTES_MAX",
    "CLUSTER",
    "DATA_DIR",
    "JOURNAL",
    "JOURNAL_FILE",
    "SHARD",
    "UNREPLICATED",
)

# Settings that a service reads only under its own name, such as `ALPHAFORGE_CACHE_PORT`: one value can't fit all.
PER_SERVICE = ("ADVERTISE", "AUDIT_FILE", "METRICS_PORT", "PORT", "SHARD")

# Shared settings, such as `ALPHAFORGE_LOG_LEVEL`; `ALPHAFORGE_DATA_LOG_LEVEL` overrides it for one service.
SHARED = (
    "AUDIT_FILES_MAX",
    "AUDIT_REQUIRED",
    "AUDIT_SIZE_BYTES_MAX",
    "CLUSTER",
    "DATA_DIR",
    "DRAIN_SECONDS",
    "HEARTBEAT_SECONDS",
    "HOST",
    "INSECURE",
    "JOURNAL",
    "JOURNAL_FILE",
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
    "UNREPLICATED",
)

# TLS and tokens of clients; the execution service and the relay are clients of the data service.
CLIENT = (
    "TLS_CA_FILE",
    "TLS_CLIENT_CERTIFICATE_FILE",
    "TLS_CLIENT_KEY_FILE",
    "TOKEN_FILE",
)

# Settings of one service.
OWN = (
    "CACHE_DURABILITY",
    "CACHE_JOURNAL_CHECKPOINT_BYTES",
    "CACHE_JOURNAL_CHECKPOINT_SECONDS",
    "CACHE_JOURNAL_SIZE_BYTES_MAX",
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
    "DATA_MAX_TIME_JUMP_NS",
    "DATA_NEGATIVE_PRICE_INSTRUMENTS",
    "DATA_ORIGIN_OFFSET_NS",
    "DATA_SKIP_FIRST_PARTIAL",
    "DATA_ZERO_QUANTITY",
    "EXECUTION_DATA_TARGET",
    "EXECUTION_DATA_TARGETS",
    "EXECUTION_DURABILITY",
    "EXECUTION_EVENT_BACKLOG",
    "EXECUTION_JOURNAL_CHECKPOINT_BYTES",
    "EXECUTION_JOURNAL_CHECKPOINT_SECONDS",
    "EXECUTION_JOURNAL_SIZE_BYTES_MAX",
    "EXECUTION_LIVE_CLOCK",
    "EXECUTION_MARKET_DATA",
    "EXECUTION_MAX_TIME_JUMP_NS",
    "EXECUTION_METRICS_POSITIONS_MAX",
    *(f"EXECUTION_{name}" for name in CLIENT),
    "RELAY_MAX_REPLAY_BARS",
    "RELAY_MAX_REPLAY_TRADES",
    "RELAY_OF",
    *(f"RELAY_{name}" for name in CLIENT),
)

# Addresses of the services, for clients, the command line and the execution service.
TARGETS = tuple(f"{service}_{name}" for service in NOUNS for name in ("TARGET", "TARGETS"))

KNOWN = frozenset(
    PREFIX + name
    for name in (
        *SHARED,
        *(f"{service}_{name}" for service in NOUNS for name in (*PER_SERVICE, *SHARED)),
        *(f"RELAY_{name}" for name in (*PER_SERVICE, *SHARED) if name not in OF_ENGINES),
        *OWN,
        *CLIENT,
        *TARGETS,
    )
)


def check_environment(environment: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> None:
    """Raises InvalidArgument if the environment or `.env` has unknown ALPHAFORGE_* variables; it names each."""
    names = {*environment, *(dotenv_values(dotenv) if dotenv.is_file() else ())}
    unknown = sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in KNOWN)
    if unknown:
        raise InvalidArgument(
            "; ".join(f"unknown setting {name}{_suggestion(name)}" for name in unknown),
            reason="SETTING_INVALID",
        )


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name.upper(), KNOWN, n=1)
    return f"; did you mean {close[0]}?" if close else ""
