"""First answers, kept for callers that repeat a call after losing its answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from time import monotonic, time
from typing import Any, NamedTuple, TypeAlias

from alphaforge.journal.v1.checkpoints_pb2 import FirstAnswer
from alphaforge_core.errors import InvalidArgument

from services.engines.rows import Answer, Row, settled

__all__ = ["ANSWER_SECONDS", "Answers", "first_answer"]

ANSWER_SECONDS = 60.0
_ANSWERS_MAX = 100_000


# The message and its request id.
_Key: TypeAlias = tuple[str, str]


class _Answer(NamedTuple):
    key: _Key
    request_hash: bytes
    answer: asyncio.Future[bytes]
    made_at: float

    @property
    def has_failed(self) -> bool:
        return self.answer.done() and (self.answer.cancelled() or self.answer.exception() is not None)


class Answers:
    """The answers to calls with a request id, kept for a minute, across restarts.

    Bounded: beyond the limit the oldest are dropped. The monotonic clock measures the minute, so setting the time of
    day doesn't turn a repeat into a new call. Only across a restart is an answer's age measured by the time of day.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, time_of_day: Callable[[], float] = time) -> None:
        self._clock = clock
        self._time_of_day = time_of_day
        # Answers, oldest first, apart from calls in progress: a checkpoint copies the answers on the event loop, where
        # it must not look at each one.
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()
        self._in_progress: dict[_Key, asyncio.Future[bytes]] = {}

    def first(self, row: Row, request_id: str, request: bytes) -> asyncio.Future[bytes] | None:
        """The answer to a repeated request, or the future of one in progress; None for a new request.

        Raises InvalidArgument: REQUEST_ID_REUSED for a different request with the same id, NAME_INVALID for an id of
        more than 64 bytes.
        """
        kept = self._answers.get(_key(row, request_id))
        if kept is None or kept.made_at <= self._clock() - ANSWER_SECONDS or kept.has_failed:
            # A call that failed is executed again.
            return None
        if kept.request_hash != _hash(request):
            raise InvalidArgument(
                f"request id {request_id!r} was already used for a different request", reason="REQUEST_ID_REUSED"
            )
        return kept.answer

    def keep(self, row: Row, request_id: str, request: bytes, answer: Answer) -> asyncio.Future[bytes]:
        """Keeps the answer of a call for repeats of it."""
        if isinstance(answer, bytes):
            future = asyncio.get_running_loop().create_future()
            future.set_result(answer)
        else:
            future = asyncio.ensure_future(settled(answer))
        key = _key(row, request_id)
        self._add(_Answer(key, _hash(request), future, self._clock()))
        if not future.done():
            self._in_progress[key] = future
            future.add_done_callback(partial(self._on_answer, key))
        return future

    def _on_answer(self, key: _Key, future: asyncio.Future[bytes]) -> None:
        if self._in_progress.get(key) is future:
            del self._in_progress[key]

    def _add(self, answer: _Answer) -> None:
        answers, expired = self._answers, self._clock() - ANSWER_SECONDS
        answers[answer.key] = answer
        answers.move_to_end(answer.key)
        while answers and (len(answers) > _ANSWERS_MAX or next(iter(answers.values())).made_at <= expired):
            answers.popitem(last=False)

    def answered(self, message: Any, request: bytes, answer: bytes, time_ns: int) -> None:
        """Keeps the answer of a call that recovery has replayed."""
        if message.request_id:
            self.restore((first_answer(message, request, answer, time_ns),))

    def saved(self) -> Iterator[FirstAnswer]:
        """The answers kept now, for a checkpoint or cache file with the matching state; encoded as they are read."""
        kept, expired = list(self._answers.values()), self._clock() - ANSWER_SECONDS
        # Later answers belong to a later state.
        later = {key for key, future in self._in_progress.items() if not future.done()}
        offset = self._time_of_day() - self._clock()
        return (
            FirstAnswer(
                message=each.key[0],
                request_id=each.key[1],
                request_hash=each.request_hash,
                answer=each.answer.result(),
                time_ns=round((offset + each.made_at) * 1e9),
            )
            for each in kept
            if each.key not in later and each.made_at > expired and not each.has_failed
        )

    def restore(self, answers: Iterable[FirstAnswer]) -> None:
        """Restores answers from before a restart."""
        for each in answers:
            answer = asyncio.get_running_loop().create_future()
            answer.set_result(each.answer)
            # Answers written by earlier releases have no time.
            age = max(0.0, self._time_of_day() - each.time_ns / 1e9) if each.time_ns else 0.0
            self._add(_Answer((each.message, each.request_id), each.request_hash, answer, self._clock() - age))


def first_answer(message: Any, request: bytes, answer: bytes, time_ns: int) -> FirstAnswer:
    """The first answer to `message`, decoded from `request` and received at `time_ns`."""
    return FirstAnswer(
        message=message.DESCRIPTOR.full_name,
        request_id=message.request_id,
        request_hash=_hash(request),
        answer=answer,
        time_ns=time_ns,
    )


def _hash(request: bytes) -> bytes:
    return blake2b(request, digest_size=16).digest()


def _key(row: Row, request_id: str) -> _Key:
    if len(request_id.encode()) > 64:
        raise InvalidArgument(f"request id {request_id!r} has more than 64 bytes", reason="NAME_INVALID")
    return row.request.DESCRIPTOR.full_name, request_id
