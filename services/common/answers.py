"""First answers, kept for callers that repeat a call because they did not hear the first one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NamedTuple, Protocol

from alphaforge_core.errors import InvalidArgument
from cachetools import TTLCache
from google.protobuf.descriptor import Descriptor

__all__ = ["Answers"]

_SECONDS = 60.0
_ANSWERS_MAX = 100_000


class _Request(Protocol):
    request_id: str

    @property
    def DESCRIPTOR(self) -> Descriptor: ...  # noqa: N802


class _Answer(NamedTuple):
    request_hash: int
    answer: asyncio.Future[bytes]


class Answers:
    """The answers to calls that carry a request id, for a minute. Bounded: in a flood the oldest go first."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._answers: TTLCache[tuple[str, str], _Answer] = TTLCache(_ANSWERS_MAX, _SECONDS, timer=clock)

    async def once(self, message: _Request, request: bytes, call: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `call` answers; for a repeated request, what it answered first. After an error the call is made again.

        `message` is what `request` decodes to. Raises InvalidArgument REQUEST_ID_REUSED for another request with the
        same id, NAME_INVALID for an id of more than 64 bytes.
        """
        if not message.request_id:
            return await call()
        key = (message.DESCRIPTOR.full_name, _checked(message.request_id))
        first = self._answers.get(key)
        if first is None or (first.answer.done() and first.answer.exception() is not None):
            first = self._answers[key] = _Answer(hash(request), asyncio.ensure_future(call()))
        elif first.request_hash != hash(request):
            raise InvalidArgument(
                f"request id {message.request_id!r} came before, with another request", reason="REQUEST_ID_REUSED"
            )
        # A caller that leaves does not take the answer from one who repeats the call.
        return await asyncio.shield(first.answer)


def _checked(request_id: str) -> str:
    if len(request_id.encode()) > 64:
        raise InvalidArgument(f"request id {request_id!r} has more than 64 bytes", reason="NAME_INVALID")
    return request_id
