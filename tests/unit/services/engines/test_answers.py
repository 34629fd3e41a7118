"""A repeated request id gets its first answer, for a minute."""

from __future__ import annotations

import asyncio

import pytest
from alphaforge.cache.v1.entries_pb2 import ClearRequest, DeleteRequest
from alphaforge_core.errors import InvalidArgument

from services.engines.answers import Answers
from services.engines.rows import Row
from tests.support.waiting import turns


class Call:
    """Answers with the number of its calls; fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures

    async def __call__(self) -> bytes:
        self.count += 1
        await turns()
        if self.count <= self.failures:
            raise ValueError
        return str(self.count).encode()


DELETE = Row("Delete", DeleteRequest, lambda _engine, _message: b"", once=True)
CLEAR = Row("Clear", ClearRequest, lambda _engine, _message: b"", once=True)


async def ask(answers: Answers, call: Call, request_id: str, key: str = "k", row: Row = DELETE) -> bytes:
    request = DeleteRequest(request_id=request_id, key=key).SerializeToString()
    if (first := answers.first(row, request_id, request)) is not None:
        return await asyncio.shield(first)
    return await asyncio.shield(answers.keep(row, request_id, request, asyncio.ensure_future(call())))


def test_a_repeated_id_gets_the_first_answer_and_the_call_is_made_once() -> None:
    async def run() -> None:
        answers, call = Answers(), Call()
        assert await asyncio.gather(*(ask(answers, call, "id") for _ in range(3))) == [b"1", b"1", b"1"]
        assert await ask(answers, call, "id") == b"1"
        assert await ask(answers, call, "other") == b"2"
        assert await ask(answers, call, "id", row=CLEAR) == b"3"

    asyncio.run(run())


def test_answers_are_kept_for_a_minute() -> None:
    async def run() -> None:
        now = 0.0
        answers, call = Answers(clock=lambda: now), Call()
        assert await ask(answers, call, "id") == b"1"
        now = 59.9
        assert await ask(answers, call, "id") == b"1"
        now = 60.1
        assert await ask(answers, call, "id") == b"2"

    asyncio.run(run())


def test_an_error_is_no_answer() -> None:
    async def run() -> None:
        answers, call = Answers(), Call(failures=1)
        with pytest.raises(ValueError):
            await ask(answers, call, "id")
        assert await ask(answers, call, "id") == b"2"

    asyncio.run(run())


def test_a_caller_that_leaves_does_not_take_the_answer_away() -> None:
    async def run() -> None:
        answers, call = Answers(), Call()
        leaving = asyncio.ensure_future(ask(answers, call, "id"))
        await turns()
        leaving.cancel()
        assert await ask(answers, call, "id") == b"1"

    asyncio.run(run())


def test_an_id_belongs_to_one_request() -> None:
    async def run() -> None:
        answers, call = Answers(), Call()
        await ask(answers, call, "id")
        with pytest.raises(InvalidArgument) as caught:
            await ask(answers, call, "id", key="other")
        assert caught.value.reason == "REQUEST_ID_REUSED"
        with pytest.raises(InvalidArgument):
            await ask(answers, call, "x" * 65)

    asyncio.run(run())


def test_answers_that_were_saved_are_given_again_after_a_restart() -> None:
    async def run() -> None:
        now = 0.0
        answers = Answers(clock=lambda: now)
        call = Call()
        assert await ask(answers, call, "id") == b"1"
        later = Answers(clock=lambda: now)
        later.restore(answers.saved())
        assert await ask(later, call, "id") == b"1"
        now = 60.0
        assert list(later.saved()) == []

    asyncio.run(run())


def test_what_is_saved_are_the_answers_of_that_moment_whenever_they_are_read() -> None:
    async def run() -> None:
        answers, loop = Answers(), asyncio.get_running_loop()
        request = DeleteRequest(key="k").SerializeToString()
        before, failed, after = (loop.create_future() for _ in range(3))
        for name, future in (("before", before), ("failed", failed), ("after", after)):
            answers.keep(DELETE, name, request, future)
        answers.keep(DELETE, "at once", request, b"0")
        before.set_result(b"1")
        failed.set_exception(ValueError())
        await turns(5)
        saved = answers.saved()
        after.set_result(b"2")
        await turns(5)
        assert [each.request_id for each in saved] == ["before", "at once"]
        assert [each.request_id for each in answers.saved()] == ["before", "after", "at once"]

    asyncio.run(run())
