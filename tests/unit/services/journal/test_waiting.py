"""What waits for a store with limits: streams share its batches, and each keeps its order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import cast

from services.journal.store import Append, Drop, Limits
from services.journal.waiting import WAITING_BYTES_MAX, WAITING_RECORDS_MAX, FairWaiting, Work

LIMITS = Limits(batch_bytes=8 << 20, batch_records=1_000, record_bytes=16 << 20, patience_seconds=1.5)


def nothing(_: int) -> None:
    """Is called after no write here."""


def an_input(stream: str, number: int, size: int) -> Work:
    return Work(Append(stream, 0, number, bytes(size)), nothing, cast("asyncio.Future[None]", None))


def a_drop(stream: str) -> Work:
    return Work(Drop(stream), nothing, cast("asyncio.Future[None]", None))


def size_of(batch: list[Work]) -> int:
    return sum(len(work.entry.payload) for work in batch if isinstance(work.entry, Append))


def streams_of(batch: list[Work]) -> list[str]:
    return [work.entry.stream for work in batch]


def test_an_input_beside_a_burst_is_in_the_next_batch() -> None:
    waiting = FairWaiting(LIMITS)
    for number in range(20):
        waiting.add(an_input("burst", number, 7_200_000))
    waiting.add(an_input("small", 0, 200))
    assert streams_of(waiting.take()) == ["burst", "small"]
    waiting.add(an_input("small", 1, 200))
    assert sorted(streams_of(waiting.take())) == ["burst", "small"]
    assert streams_of(waiting.take()) == ["burst"]


def test_streams_whose_records_fill_a_batch_take_turns() -> None:
    waiting = FairWaiting(LIMITS)
    for name in "aaabbbccc":
        waiting.add(an_input(name, 0, 7_200_000))
    assert [streams_of(waiting.take()) for _ in range(9)] == [[name] for name in "abcabcabc"]


def test_a_batch_has_as_many_bytes_of_each_stream() -> None:
    waiting = FairWaiting(LIMITS._replace(batch_records=20_000))
    for number in range(100):
        waiting.add(an_input("large", number, 1 << 20))
    for number in range(10_000):
        waiting.add(an_input("small", number, 1 << 10))
    batch = waiting.take()
    assert size_of(batch) > 7 << 20
    assert streams_of(batch).count("large") == 4


def test_what_is_no_input_has_a_batch_of_its_own_after_the_inputs_before_it() -> None:
    waiting = FairWaiting(LIMITS)
    for work in (an_input("a", 0, 1), a_drop("a"), an_input("a", 1, 1), an_input("b", 0, 1)):
        waiting.add(work)
    assert [streams_of(waiting.take()) for _ in range(3)] == [["a", "b"], ["a"], ["a"]]
    assert waiting.take() == []


def test_no_stream_alone_fills_what_may_wait() -> None:
    waiting = FairWaiting(LIMITS)
    size = WAITING_BYTES_MAX // 64
    while waiting.has_room("burst", size):
        waiting.add(an_input("burst", 0, size))
    assert waiting.bytes == WAITING_BYTES_MAX * 3 // 4
    assert waiting.has_room("small", 200)
    while waiting.has_room("small", 0):
        waiting.add(an_input("small", 0, 0))
    assert waiting.count == 48 + WAITING_RECORDS_MAX * 3 // 4
    assert waiting.has_room("third", 0)


def test_random_writes_keep_the_order_of_their_stream_and_the_limits() -> None:
    dice = random.Random(1)
    waiting = FairWaiting(LIMITS._replace(batch_records=50))
    added: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for _ in range(300):
        for _ in range(dice.randrange(60)):
            name = f"{dice.choice('aabcdefg')}"
            waiting.add(
                an_input(name, added[name], int(2 ** dice.uniform(0, 23.5))) if dice.random() < 0.95 else a_drop(name)
            )
            added[name] += isinstance(waiting._streams[name].works[-1].entry, Append)
        batch = waiting.take()
        others = [work for work in batch if not isinstance(work.entry, Append)]
        assert len(batch) == 1 if others else len(batch) <= 50
        assert len(batch) == 1 or size_of(batch) <= LIMITS.batch_bytes
        for work in batch:
            if isinstance(work.entry, Append):
                assert work.entry.time_ns == taken[work.entry.stream]
                taken[work.entry.stream] += 1
    while batch := waiting.take():
        taken.update(work.entry.stream for work in batch if isinstance(work.entry, Append))
    assert taken == added
    assert waiting.count == waiting.bytes == 0
