"""First answers, kept for callers that repeat a call because they did not hear the first one."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterable
from hashlib import blake2b
from time import monotonic
from typing import Any, NamedTuple, Self

from alphaforge_core.errors import InvalidArgument
from cachetools import TTLCache

__all__ = ["Answers", "SavedAnswer"]

_SECONDS = 60.0
_ANSWERS_MAX = 100_000


class _Answer(NamedTuple):
    request_hash: bytes
    answer: asyncio.Future[bytes]
    given_at: float


class SavedAnswer(NamedTuple):
    """An answer that outlives its process, for who asked just before the stop and did not hear it."""

    message: str
    """The full name of the request's type."""
    request_id: str
    request_hash: bytes
    answer: bytes
    age_seconds: float

    def as_json(self) -> list[str | float]:
        """What JSON can hold of it: all."""
        binary = (b64encode(self.request_hash).decode(), b64encode(self.answer).decode())
        return [self.message, self.request_id, *binary, self.age_seconds]

    @classmethod
    def from_json(cls, saved: list[Any], passed_seconds: float) -> Self:
        """The same after a while. Raises ValueError or TypeError for what `as_json` did not make."""
        message, request_id, request_hash, answer, age_seconds = saved
        return cls(message, request_id, b64decode(request_hash), b64decode(answer), age_seconds + passed_seconds)


class Answers:
    """The answers to calls that carry a request id, for a minute. Bounded: in a flood the oldest go first."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._answers: TTLCache[tuple[str, str], _Answer] = TTLCache(_ANSWERS_MAX, _SECONDS, timer=clock)

    async def once(self, message: Any, request: bytes, call: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `call` answers; for a repeated request, what it answered first. After an error the call is made again.

        `message` is what `request` decodes to, with a `request_id`. Raises InvalidArgument REQUEST_ID_REUSED for
        another request with the same id, NAME_INVALID for an id of more than 64 bytes.
        """
        if not message.request_id:
            return await call()
        key = (message.DESCRIPTOR.full_name, _checked(message.request_id))
        request_hash = _hash(request)
        first = self._answers.get(key)
        if first is None or (first.answer.done() and first.answer.exception() is not None):
            first = self._answers[key] = _Answer(request_hash, asyncio.ensure_future(call()), self._clock())
        elif first.request_hash != request_hash:
            raise InvalidArgument(
                f"request id {message.request_id!r} came before, with another request", reason="REQUEST_ID_REUSED"
            )
        # A caller that leaves does not take the answer from one who repeats the call.
        return await asyncio.shield(first.answer)

    def answered(self, message: Any, request: bytes, answer: bytes) -> None:
        """A call that was made without `once`, by a restart, is remembered as if it had been."""
        if message.request_id:
            saved = SavedAnswer(message.DESCRIPTOR.full_name, message.request_id, _hash(request), answer, 0.0)
            self.restore((saved,))

    def saved(self) -> list[SavedAnswer]:
        """The answers that are there, for a restart that keeps the state they tell of."""
        now = self._clock()
        return [
            SavedAnswer(*key, kept.request_hash, kept.answer.result(), now - kept.given_at)
            for key, kept in self._answers.items()
            if kept.answer.done() and not kept.answer.cancelled() and kept.answer.exception() is None
        ]

    def restore(self, answers: Iterable[SavedAnswer]) -> None:
        """Takes them in again. They are kept for a minute from now: a little longer than they were meant to be."""
        for each in answers:
            if each.age_seconds < _SECONDS:
                answer = asyncio.get_running_loop().create_future()
                answer.set_result(each.answer)
                key = (each.message, each.request_id)
                self._answers[key] = _Answer(each.request_hash, answer, self._clock() - each.age_seconds)


def _hash(request: bytes) -> bytes:
    return blake2b(request, digest_size=16).digest()


def _checked(request_id: str) -> str:
    if len(request_id.encode()) > 64:
        raise InvalidArgument(f"request id {request_id!r} has more than 64 bytes", reason="NAME_INVALID")
    return request_id
