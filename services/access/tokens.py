"""The tokens file: callers, identified by the hashes of their tokens.

One line per caller: name, role, SHA-256 of the token in hexadecimal and, optionally, calls per second.
Empty lines and text after a `#` are ignored.

    momentum  write  9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  500
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from alphaforge_core.errors import EngineError, Unauthenticated

from services.access.roles import Role
from services.base.files import Reloaded

__all__ = ["TOKENS_MAX", "Caller", "Tokens"]

TOKENS_MAX = 1_000
UNUSABLE_SECONDS_MAX = 300.0
_ROLES = {role.name.lower(): role for role in Role}


class Caller(NamedTuple):
    """An authenticated caller and its role."""

    name: str
    role: Role
    calls_per_second: float | None
    digest: bytes


class Tokens:
    """The callers of a tokens file, which is reloaded within a second of a change.

    If the file is missing or invalid, the last valid tokens keep working for five minutes. After that every token is
    refused until the file is fixed, because tokens may have been revoked meanwhile. The constructor raises EngineError
    SETTING_INVALID for such a file; the error quotes nothing of it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._callers = Reloaded([path], self._load, clock=clock)

    @property
    def failing_seconds(self) -> float:
        """How long the file has been unusable, in seconds; 0 while it is usable."""
        return self._callers.failing_seconds()

    def find(self, token: str) -> Caller | None:
        """The caller with this token. Raises Unauthenticated once the file has been unusable for five minutes.

        Only the hash is looked up, and hashes are compared in constant time, so timing reveals nothing about tokens.
        """
        digest = hashlib.sha256(token.encode()).digest()
        caller = self._callers.current().get(digest)
        if self._is_expired:
            raise Unauthenticated(
                "the service can't read its tokens file and refuses all tokens until it can; see its log",
                reason="UNAUTHENTICATED",
            )
        return caller if caller is not None and hmac.compare_digest(caller.digest, digest) else None

    def knows(self, caller: Caller) -> bool:
        """Whether the file's entry of `caller` is unchanged since the call began."""
        return self._callers.current().get(caller.digest) == caller and not self._is_expired

    @property
    def _is_expired(self) -> bool:
        return self._callers.failing_seconds() > UNUSABLE_SECONDS_MAX

    def _load(self) -> Mapping[bytes, Caller]:
        try:
            lines = self._path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EngineError(f"tokens file {self._path} can't be read: {error}", reason="SETTING_INVALID") from None
        callers = {}
        for number, line in enumerate(lines, start=1):
            if fields := line.partition("#")[0].split():
                caller = self._parse(number, fields)
                callers[caller.digest] = caller
        if len(callers) > TOKENS_MAX:
            raise self._problem(len(lines), f"has {len(callers)} tokens; the limit is {TOKENS_MAX:,}")
        if len({caller.name for caller in callers.values()}) < len(callers):
            raise self._problem(len(lines), "has two tokens with the same name")
        return callers

    def _parse(self, number: int, fields: list[str]) -> Caller:
        if len(fields) not in (3, 4):
            raise self._problem(number, "expected: name, role, SHA-256 in hexadecimal, optionally calls per second")
        name, role, digest, *rate = fields
        if role not in _ROLES:
            raise self._problem(number, f"has an unknown role; the roles are {', '.join(_ROLES)}")
        try:
            hashed = bytes.fromhex(digest)
            calls_per_second = float(rate[0]) if rate else None
        except ValueError:
            raise self._problem(number, "has an invalid hash or rate") from None
        if len(hashed) != hashlib.sha256().digest_size:
            raise self._problem(number, "has a hash that is not a SHA-256, 64 hexadecimal digits")
        if calls_per_second is not None and not 0 < calls_per_second < float("inf"):
            raise self._problem(number, "has a rate that is not above 0 calls per second")
        return Caller(name, _ROLES[role], calls_per_second, hashed)

    def _problem(self, number: int, text: str) -> EngineError:
        return EngineError(f"tokens file {self._path}, line {number}: {text}", reason="SETTING_INVALID")
