"""Concurrent single calls share batches: a lone one does not wait, none is lost, errors reach those they concern."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from alphaforge_client import errors
from alphaforge_client._coalescer import Coalescer
from alphaforge_client.aio._coalescer import Coalescer as AioCoalescer


class Doubler:
    """Doubles numbers, slowly; refuses 13, and with it any batch that has it."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.sizes: list[int] = []

    def one(self, item: int) -> int:
        return self.many([item], 0.0)[0]

    def many(self, items: Sequence[int], _: float) -> Sequence[int]:
        self.sizes.append(len(items))
        time.sleep(self.seconds)
        if 13 in items:
            raise errors.InvalidArgument("13", reason="NUMBER_MALFORMED")
        return [2 * item for item in items]


def test_calls_one_after_another_are_never_batched() -> None:
    doubler = Doubler(0.0)
    coalescer = Coalescer(doubler.one, doubler.many, 5.0, 100)
    assert [coalescer.call(item) for item in range(5)] == [0, 2, 4, 6, 8]
    assert doubler.sizes == [1] * 5


def test_calls_at_once_share_batches_and_each_gets_its_answer() -> None:
    doubler = Doubler()
    coalescer = Coalescer(doubler.one, doubler.many, 5.0, 40)
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(coalescer.call, (n for n in range(100, 2020))))
    assert answers == [2 * n for n in range(100, 2020)]
    assert sum(doubler.sizes) == 1920
    assert max(doubler.sizes) <= 40
    assert len(doubler.sizes) < 400


def test_a_bad_item_spoils_no_other() -> None:
    doubler = Doubler()
    coalescer = Coalescer(doubler.one, doubler.many, 5.0, 100)
    with ThreadPoolExecutor(32) as pool:
        futures = {item: pool.submit(coalescer.call, item) for item in range(32)}
    for item, future in futures.items():
        if item == 13:
            with pytest.raises(errors.InvalidArgument):
                future.result()
        else:
            assert future.result() == 2 * item


def test_an_unreachable_service_is_an_error_of_every_call() -> None:
    def unreachable(*_: object) -> int:
        time.sleep(0.02)
        raise errors.Unavailable("gone", reason="UNAVAILABLE")

    coalescer: Coalescer[int, int] = Coalescer(unreachable, unreachable, 5.0, 100)  # type: ignore[arg-type]
    with ThreadPoolExecutor(16) as pool:
        futures = [pool.submit(coalescer.call, item) for item in range(64)]
    raised = [future.exception() for future in futures]
    assert all(isinstance(error, errors.Unavailable) for error in raised)
    assert len({id(error) for error in raised}) == 64


def test_a_hanging_call_takes_those_behind_it_no_further_than_their_deadline() -> None:
    def hang(item: int) -> int:
        time.sleep(0.5)
        raise errors.DeadlineExceeded("slow", reason="DEADLINE_EXCEEDED")

    def many(items: Sequence[int], timeout: float) -> Sequence[int]:
        time.sleep(timeout)
        raise errors.DeadlineExceeded("slow", reason="DEADLINE_EXCEEDED")

    coalescer = Coalescer(hang, many, 0.5, 100)
    lasted = []

    def call(item: int) -> None:
        begin = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            coalescer.call(item)
        lasted.append(time.monotonic() - begin)

    threads = [threading.Thread(target=call, args=(item,)) for item in range(20)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert len(lasted) == 20
    assert max(lasted) < 0.95


def test_tasks_share_batches_and_one_cancellation_ends_no_other_call() -> None:
    sizes = []

    async def many(items: Sequence[int], _: float) -> Sequence[int]:
        sizes.append(len(items))
        await asyncio.sleep(0.02)
        if 13 in items:
            raise errors.InvalidArgument("13", reason="NUMBER_MALFORMED")
        return [2 * item for item in items]

    async def one(item: int) -> int:
        return (await many([item], 0.0))[0]

    async def run() -> None:
        coalescer = AioCoalescer(one, many, 5.0, 1000)
        tasks = [asyncio.create_task(coalescer.call(item)) for item in range(100, 300)]
        await asyncio.sleep(0.005)
        for task in tasks[::10]:
            task.cancel()
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
