"""Access control: tokens, roles, rate limits, stream limits and admission by load.

A call is checked by its metadata, before its message is read. Without a tokens file, every caller that can connect has
all rights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

import grpc
from alphaforge_core.errors import AlphaForgeError, PermissionDenied, ResourceExhausted, Unauthenticated
from cachetools import LRUCache

from services.access.admission import NEVER_REFUSED, Admission
from services.access.roles import Role
from services.access.tokens import TOKENS_MAX, Caller, Tokens
from services.base.durations import Durations

__all__ = ["REFUSALS", "Gate", "caller_name", "require"]

# Reasons to refuse a call before it has done anything.
REFUSALS = (
    *("UNAUTHENTICATED", "PERMISSION_DENIED", "RATE_LIMITED", "STREAM_LIMIT", "SUBSCRIBER_TOO_SLOW"),
    *("OVERLOADED", "AUDIT_FAILED", "JOURNAL_BACKLOG", "JOURNAL_FULL"),
)

_SCHEME = "bearer "

# The caller of the current task, which serves one call; None without a tokens file.
_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass
class _Bucket:
    """A token bucket: a caller's calls per second, with a burst of one second."""

    calls: float
    filled: float


class Gate:
    """Admits calls, or raises Unauthenticated, PermissionDenied or ResourceExhausted. Used on the event loop only.

    `reads` and `writes` are the lanes of admission, each with its own load: a slow disk doesn't refuse reads.
    """

    def __init__(self, tokens: Tokens | None, streams_per_caller: int, clock: Callable[[], float] = monotonic) -> None:
        self._tokens = tokens
        self._streams_per_caller = streams_per_caller
        self._clock = clock
        self._buckets: LRUCache[str, _Bucket] = LRUCache(TOKENS_MAX)
        self._streams: dict[str, int] = {}
        self.refused = dict.fromkeys(REFUSALS, 0)
        """Refused calls, by reason."""
        self.refusals = Durations()
        """How long refusals took, from the gate to handing the error to gRPC."""
        self.reads = Admission(clock())
        self.writes = Admission(clock())

    @property
    def is_open(self) -> bool:
        """Whether every caller may call, because there is no tokens file."""
        return self._tokens is None

    @property
    def tokens_failing_seconds(self) -> float:
        """How long the tokens file has been unusable; 0 while it is usable, and without one."""
        return 0.0 if self._tokens is None else self._tokens.failing_seconds

    def lane(self, method: str, role: Role) -> Admission | None:
        """The lane of a unary method; None if it is never refused because of load."""
        if method in NEVER_REFUSED:
            return None
        return self.reads if role is Role.READ else self.writes

    def count(self, error: AlphaForgeError) -> None:
        """Counts a refusal."""
        if error.reason in self.refused:
            self.refused[error.reason] += 1

    def enter(self, metadata: Metadata, role: Role, method: str) -> None:
        """Checks the caller of a call that needs `role`. Without a tokens file, every caller may call."""
        if self._tokens is None:
            return
        caller = self._authenticated(self._tokens, metadata)
        _caller.set(caller)
        if caller.role < role:
            raise PermissionDenied(
                f"{method} needs role {role.name.lower()}; {caller.name} has {caller.role.name.lower()}",
                reason="PERMISSION_DENIED",
            )
        if caller.calls_per_second is not None:
            self._take(caller.name, caller.calls_per_second)

    def check(self) -> None:
        """Raises Unauthenticated if the token of a stream's caller was revoked or changed since the stream began."""
        caller = _caller.get()
        if caller is not None and self._tokens is not None and not self._tokens.knows(caller):
            raise Unauthenticated(f"the token of {caller.name} was revoked or changed", reason="UNAUTHENTICATED")

    @contextmanager
    def stream(self, name: str) -> Iterator[None]:
        """Counts a stream of the current caller. Raises ResourceExhausted STREAM_LIMIT beyond the limit."""
        count = self._streams.get(name, 0)
        if count >= self._streams_per_caller:
            raise ResourceExhausted(
                f"{name} has {count} open streams, the limit of one caller (max_streams_per_caller)",
                reason="STREAM_LIMIT",
            )
        self._streams[name] = count + 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    def _authenticated(self, tokens: Tokens, metadata: Metadata) -> Caller:
        value = next((value for key, value in metadata if key == "authorization"), None)
        if not isinstance(value, str) or value[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthenticated(
                "no token; send one as metadata `authorization: Bearer TOKEN`", reason="UNAUTHENTICATED"
            )
        caller = tokens.find(value[len(_SCHEME) :].strip())
        if caller is None:
            raise Unauthenticated("unknown token", reason="UNAUTHENTICATED")
        return caller

    def _take(self, name: str, rate: float) -> None:
        now = self._clock()
        most = max(1.0, rate)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(most, now)
        bucket.calls = min(most, bucket.calls + (now - bucket.filled) * rate)
        bucket.filled = now
        if bucket.calls < 1.0:
            raise ResourceExhausted(f"{name} exceeds its limit of {rate:g} calls per second", reason="RATE_LIMITED")
        bucket.calls -= 1.0


def require(role: Role, what: str) -> None:
    """Raises PermissionDenied unless the current caller may do `what`. For permissions that depend on the message."""
    caller = _caller.get()
    if caller is not None and caller.role < role:
        raise PermissionDenied(
            f"role {role.name.lower()} is needed to {what}; {caller.name} has {caller.role.name.lower()}",
            reason="PERMISSION_DENIED",
        )


def caller_name(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    """The name of the current caller: of its token, else of its certificate, else its host."""
    caller = _caller.get()
    if caller is not None:
        return caller.name
    if names := list(context.auth_context().get("x509_common_name", ())):
        return names[0].decode(errors="replace")
    peer = context.peer()
    return peer if peer.startswith("unix:") else peer.rpartition(":")[0]
