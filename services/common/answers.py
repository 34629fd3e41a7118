"""First answers, kept for callers that repeat a call because they did not hear the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from hashlib import blake2b
from time import monotonic
from typing import Any, NamedTuple

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge_core.errors import InvalidArgument
from cachetools import TTLCache

__all__ = ["ANSWER_SECONDS", "Answers", "first_answer"]

ANSWER_SECONDS = 60.0
_ANSWERS_MAX = 100_000


class _Answer(NamedTuple):
    request_hash: bytes
    answer: asyncio.Future[bytes]


class Answers:
    """The answers to calls that carry a request id, for a minute. Bounded: in a flood the oldest go first."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._answers: TTLCache[tuple[str, str], _Answer] = TTLCache(_ANSWERS_MAX, ANSWER_SECONDS, timer=clock)

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
            first = self._answers[key] = _Answer(request_hash, asyncio.ensure_future(call()))
        elif first.request_hash != request_hash:
            raise InvalidArgument(
                f"request id {message.request_id!r} came before, with another request", reason="REQUEST_ID_REUSED"
            )
        # A caller that leaves does not take the answer from one who repeats the call.
        return await asyncio.shield(first.answer)

    def answered(self, message: Any, request: bytes, answer: bytes) -> None:
        """A call that was made without `once`, by a restart, is remembered as if it had been."""
        if message.request_id:
            self.restore((first_answer(message, request, answer),))

    def saved(self) -> list[FirstAnswer]:
        """The answers that are there, for a restart that keeps the state they tell of."""
        done = {
            key: kept
            for key, kept in self._answers.items()
            if kept.answer.done() and not kept.answer.cancelled() and kept.answer.exception() is None
        }
        return [
            FirstAnswer(
                message=name, request_id=request_id, request_hash=each.request_hash, answer=each.answer.result()
            )
            for (name, request_id), each in done.items()
        ]

    def restore(self, answers: Iterable[FirstAnswer]) -> None:
        """Takes them in again. Their minute begins anew."""
        for each in answers:
            answer = asyncio.get_running_loop().create_future()
            answer.set_result(each.answer)
            self._answers[each.message, each.request_id] = _Answer(each.request_hash, answer)


def first_answer(message: Any, request: bytes, answer: bytes) -> FirstAnswer:
    """What was answered to `message`, which `request` decodes to."""
    return FirstAnswer(
        message=message.DESCRIPTOR.full_name,
        request_id=message.request_id,
        request_hash=_hash(request),
        answer=answer,
    )


def _hash(request: bytes) -> bytes:
    return blake2b(request, digest_size=16).digest()


def _checked(request_id: str) -> str:
    if len(request_id.encode()) > 64:
        raise InvalidArgument(f"request id {request_id!r} has more than 64 bytes", reason="NAME_INVALID")
    return request_id
