"""Who gets in: tokens, roles, calls per second and streams at once.

A call is judged by its metadata, before its message is read. Without a tokens file everybody may do everything, which
only this machine, or a client certificate, can reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

import grpc
from alphaforge_core.errors import PermissionDenied, ResourceExhausted, Unauthenticated
from cachetools import LRUCache

from services.common.roles import Role
from services.common.tokens import TOKENS_MAX, Caller, Tokens

__all__ = ["Gate", "caller_name", "require"]

_SCHEME = "bearer "

# Each call is a task of its own, and so has a value of its own here; None where there are no tokens.
_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)

Metadata = Iterable[tuple[str, str | bytes]]


@dataclass
class _Bucket:
    """Calls that may be made at once: a second's worth, filled at the caller's rate."""

    calls: float
    filled: float


class Gate:
    """Lets calls in or raises Unauthenticated, PermissionDenied or ResourceExhausted. Lives in the event loop."""

    def __init__(self, tokens: Tokens | None, streams_per_caller: int, clock: Callable[[], float] = monotonic) -> None:
        self._tokens = tokens
        self._streams_per_caller = streams_per_caller
        self._clock = clock
        self._buckets: LRUCache[str, _Bucket] = LRUCache(TOKENS_MAX)
        self._streams: dict[str, int] = {}

    def enter(self, metadata: Metadata, role: Role, method: str) -> None:
        """Admits one call that needs `role`. Without tokens there is nothing to ask."""
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
        """Raises Unauthenticated for a stream whose caller's token was revoked or changed since it began."""
        caller = _caller.get()
        if caller is not None and self._tokens is not None and not self._tokens.knows(caller):
            raise Unauthenticated(f"the token of {caller.name} was revoked or changed", reason="UNAUTHENTICATED")

    @contextmanager
    def stream(self, name: str) -> Iterator[None]:
        """One stream of that caller. Raises ResourceExhausted STREAM_LIMIT for one too many."""
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
                "the service wants a token, as metadata `authorization: Bearer TOKEN`", reason="UNAUTHENTICATED"
            )
        caller = tokens.find(value[len(_SCHEME) :].strip())
        if caller is None:
            raise Unauthenticated("the token is none that the service knows", reason="UNAUTHENTICATED")
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
            raise ResourceExhausted(f"{name} makes more than {rate:g} calls a second", reason="RATE_LIMITED")
        bucket.calls -= 1.0


def require(role: Role, what: str) -> None:
    """Raises PermissionDenied where the caller of the present call may not do `what`, which depends on its message."""
    caller = _caller.get()
    if caller is not None and caller.role < role:
        raise PermissionDenied(
            f"to {what} needs role {role.name.lower()}; {caller.name} has {caller.role.name.lower()}",
            reason="PERMISSION_DENIED",
        )


def caller_name(context: grpc.aio.ServicerContext[bytes, bytes]) -> str:
    """Who makes the present call: the name of the token, else of the client's certificate, else the host."""
    caller = _caller.get()
    if caller is not None:
        return caller.name
    if names := list(context.auth_context().get("x509_common_name", ())):
        return names[0].decode(errors="replace")
    peer = context.peer()
    return peer if peer.startswith("unix:") else peer.rpartition(":")[0]
