"""Concurrent single calls share batches: a single call does not wait, none is lost, each error reaches its caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from alphaforge_client import errors
from alphaforge_client._calls.coalescer import Coalescer
from alphaforge_client.aio._calls.coalescer import Coalescer as AioCoalescer

from tests.support.waiting import let_pass, turns, until


class Doubler:
    """Doubles numbers; refuses 13, and any batch with it. Its first call blocks until `callers` calls have come."""

    def __init__(self, callers: int = 0) -> None:
        self.callers = callers
        self.sizes: list[int] = []
        self.came: list[int] = []

    def one(self, item: int) -> int:
        return self.many([item], 0.0)[0]

    def many(self, items: Sequence[int], _: float) -> Sequence[int]:
        self.sizes.append(len(items))
        until(lambda: len(self.came) >= self.callers)
        if 13 in items:
            raise errors.InvalidArgument("13", reason="NUMBER_MALFORMED")
        return [2 * item for item in items]

    def call(self, coalescer: Coalescer[int, int], item: int) -> int:
        self.came.append(item)
        return coalescer.call(item)


def test_calls_one_after_another_are_never_batched() -> None:
    doubler = Doubler()
    coalescer = Coalescer(doubler.one, doubler.many, 5.0, 100)
    assert [coalescer.call(item) for item in range(5)] == [0, 2, 4, 6, 8]
    assert doubler.sizes == [1] * 5


def test_calls_at_once_share_batches_and_each_gets_its_answer() -> None:
    doubler = Doubler(callers=64)
    coalescer = Coalescer(doubler.one, doubler.many, 60.0, 40)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(partial(doubler.call, coalescer), range(100, 2020)))
    assert answers == [2 * n for n in range(100, 2020)]
    assert sum(doubler.sizes) == 1920
    assert 1 < max(doubler.sizes) <= 40


def test_a_bad_item_spoils_no_other() -> None:
    doubler = Doubler(callers=32)
    coalescer = Coalescer(doubler.one, doubler.many, 60.0, 100)
    with ThreadPoolExecutor(32) as pool:
        futures = {item: pool.submit(doubler.call, coalescer, item) for item in range(32)}
    for item, future in futures.items():
        if item == 13:
            with pytest.raises(errors.InvalidArgument):
                future.result()
        else:
            assert future.result() == 2 * item


def test_an_unreachable_service_is_an_error_of_every_call() -> None:
    def one(_: int) -> int:
        let_pass(0.02)
        raise errors.Unavailable("gone", reason="UNAVAILABLE")

    def many(items: Sequence[int], _: float) -> Sequence[int]:
        return [one(item) for item in items]

    coalescer = Coalescer(one, many, 60.0, 100)
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(coalescer.call, item) for item in range(64)]
    raised = [future.exception() for future in futures]
    assert all(isinstance(error, errors.Unavailable) for error in raised)
    assert len({id(error) for error in raised}) == 64


def test_a_hanging_call_takes_those_behind_it_no_further_than_their_deadline() -> None:
    # The time that the batch's first call has waited is subtracted from the batch's time limit.
    waited = threading.Event()
    given: list[float] = []

    def hang(item: int) -> int:
        assert waited.wait(30)
        raise errors.DeadlineExceeded("slow", reason="DEADLINE_EXCEEDED")

    def many(items: Sequence[int], timeout: float) -> Sequence[int]:
        given.append(timeout)
        raise errors.DeadlineExceeded("slow", reason="DEADLINE_EXCEEDED")

    coalescer = Coalescer(hang, many, 60.0, 100)
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(coalescer.call, item) for item in range(20)]
        let_pass(0.5)
        waited.set()
    assert all(isinstance(future.exception(), errors.DeadlineExceeded) for future in futures)
    assert all(timeout < 60.0 for timeout in given)


def test_a_call_that_has_waited_too_long_is_given_up_and_not_sent() -> None:
    sent: list[int] = []

    def one(item: int) -> int:
        sent.append(item)
        let_pass(0.5)
        return item

    def many(items: Sequence[int], _: float) -> Sequence[int]:
        sent.extend(items)
        return items

    coalescer = Coalescer(one, many, 0.3, 100)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(coalescer.call, 0)
        until(lambda: sent)
        late = [pool.submit(coalescer.call, item) for item in (1, 2, 3)]
    assert first.result() == 0
    # Only a late call that came after the end of the first is sent.
    given_up = [future.exception() for future in late if future.exception()]
    assert all(isinstance(error, errors.DeadlineExceeded) for error in given_up)
    assert len(sent) + len(given_up) == 4


def test_tasks_share_batches_and_one_cancellation_ends_no_other_call() -> None:
    sizes = []
    released = asyncio.Event()

    async def many(items: Sequence[int], _: float) -> Sequence[int]:
        sizes.append(len(items))
        await released.wait()
        if 13 in items:
            raise errors.InvalidArgument("13", reason="NUMBER_MALFORMED")
        return [2 * item for item in items]

    async def one(item: int) -> int:
        return (await many([item], 0.0))[0]

    async def run() -> None:
        coalescer = AioCoalescer(one, many, 5.0, 1000)
        tasks = [asyncio.create_task(coalescer.call(item)) for item in range(100, 300)]
        await turns(2)
        for task in tasks[::10]:
            task.cancel()
        released.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for place, answer in enumerate(answers):
            if place % 10 == 0:
                assert isinstance(answer, asyncio.CancelledError)
            else:
                assert answer == 2 * (100 + place)
        assert len(sizes) == 2
        results = await asyncio.gather(*(coalescer.call(item) for item in range(20)), return_exceptions=True)
        assert isinstance(results[13], errors.InvalidArgument)
        assert [result for place, result in enumerate(results) if place != 13] == [2 * n for n in range(20) if n != 13]

    asyncio.run(run())
