"""A repeated request id gets its first answer, for a minute."""

from __future__ import annotations

import asyncio

import pytest
from alphaforge.cache.v1.atomics_pb2 import IncrementRequest
from alphaforge.cache.v1.entries_pb2 import ClearRequest, DeleteRequest
from alphaforge_core.errors import InvalidArgument

from services.common.answers import Answers


class Call:
    """Answers with how often it was called; fails the first `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.count = 0
        self.failures = failures

    async def __call__(self) -> bytes:
        self.count += 1
        await asyncio.sleep(0)
        if self.count <= self.failures:
            raise ValueError
        return str(self.count).encode()


async def ask(answers: Answers, call: Call, request_id: str, key: str = "k") -> bytes:
    message = DeleteRequest(request_id=request_id, key=key)
    return await answers.once(message, message.SerializeToString(), call)


def test_a_repeated_id_gets_the_first_answer_and_the_call_is_made_once() -> None:
    async def run() -> None:
        answers, call = Answers(), Call()
        assert await asyncio.gather(*(ask(answers, call, "id") for _ in range(3))) == [b"1", b"1", b"1"]
        assert await ask(answers, call, "id") == b"1"
        assert await ask(answers, call, "other") == b"2"
        other = ClearRequest(request_id="id")
        assert await answers.once(other, other.SerializeToString(), call) == b"3"

    asyncio.run(run())


def test_without_an_id_every_call_is_made() -> None:
    async def run() -> None:
        answers, call = Answers(), Call()
        assert [await ask(answers, call, "") for _ in range(3)] == [b"1", b"2", b"3"]

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
        await asyncio.sleep(0)
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
        message = IncrementRequest(request_id="id", key="k")
        call = Call()
        assert await answers.once(message, b"request", call) == b"1"
        later = Answers(clock=lambda: now)
        later.restore(answers.saved())
        assert await later.once(message, b"request", call) == b"1"
        now = 60.0
        assert later.saved() == []

    asyncio.run(run())
