"""The tokens file: who may call, known by the hashes of their tokens.

One line for each: name, role, SHA-256 of the token in hexadecimal and, where calls are limited, calls per second.
Empty lines and what follows a `#` are ignored.

    momentum  write  9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  500
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from alphaforge_core.errors import EngineError

from services.common.files import Reloaded
from services.common.roles import Role

__all__ = ["TOKENS_MAX", "Caller", "Tokens"]

TOKENS_MAX = 1_000
_ROLES = {role.name.lower(): role for role in Role}


class Caller(NamedTuple):
    """Who calls, and what he may."""

    name: str
    role: Role
    calls_per_second: float | None
    digest: bytes


class Tokens:
    """The callers of a tokens file, which is read again within a second of a change.

    Raises EngineError SETTING_INVALID for a file that can't be read or understood; it quotes nothing of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._callers = Reloaded([path], self._load)

    def find(self, token: str) -> Caller | None:
        """Whose token that is.

        The look-up sees the hash alone, and the hashes are compared in constant time: how long it takes says nothing
        about any token.
        """
        digest = hashlib.sha256(token.encode()).digest()
        caller = self._callers.current().get(digest)
        return caller if caller is not None and hmac.compare_digest(caller.digest, digest) else None

    def knows(self, caller: Caller) -> bool:
        """Whether the file still says of `caller` what it said when he came."""
        return self._callers.current().get(caller.digest) == caller

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
            raise self._problem(len(lines), f"has {len(callers)} tokens; at most {TOKENS_MAX:,}")
        if len({caller.name for caller in callers.values()}) < len(callers):
            raise self._problem(len(lines), "gives one name to two tokens")
        return callers

    def _parse(self, number: int, fields: list[str]) -> Caller:
        if len(fields) not in (3, 4):
            raise self._problem(number, "must be: name, role, SHA-256 in hexadecimal and, optionally, calls per second")
        name, role, digest, *rate = fields
        if role not in _ROLES:
            raise self._problem(number, f"has a role that is none of {', '.join(_ROLES)}")
        try:
            hashed = bytes.fromhex(digest)
            calls_per_second = float(rate[0]) if rate else None
        except ValueError:
            raise self._problem(number, "has a hash or a rate that can't be read") from None
        if len(hashed) != hashlib.sha256().digest_size:
            raise self._problem(number, "has a hash that is no SHA-256: 64 hexadecimal digits")
        if calls_per_second is not None and not 0 < calls_per_second < float("inf"):
            raise self._problem(number, "has a rate that is not above 0")
        return Caller(name, _ROLES[role], calls_per_second, hashed)

    def _problem(self, number: int, text: str) -> EngineError:
        return EngineError(f"tokens file {self._path}, line {number}: {text}", reason="SETTING_INVALID")
