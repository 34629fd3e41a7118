"""Leases: who computes, who waits, and when they end."""

from __future__ import annotations

import asyncio

import pytest
from alphaforge_core.errors import EngineError

from services.cache.leases import Leases
from tests.support.waiting import turns

SECOND = 1_000_000_000


def test_one_caller_has_the_lease_until_its_time_is_over() -> None:
    now = 0
    leases = Leases(lambda _: False, clock_ns=lambda: now)
    first = leases.grant("k", SECOND)
    assert first is not None
    assert leases.grant("k", SECOND) is None
    assert leases.grant("other", SECOND) is not None
    now = SECOND
    second = leases.grant("k", SECOND)
    assert second is not None
    assert second.lease_id != first.lease_id
    with pytest.raises(EngineError, match="has ended"):
        leases.check("k", first.lease_id)
    assert leases.end("k", second.lease_id)
    assert not leases.end("k", second.lease_id)


def test_leases_of_two_lives_of_a_cache_are_not_confused() -> None:
    first, second = (Leases(lambda _: False).grant("k", SECOND) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.lease_id != second.lease_id


def test_those_who_wait_are_woken_by_a_value_and_by_nothing_else() -> None:
    async def run() -> None:
        found: set[str] = set()
        leases = Leases(found.__contains__)
        for key in "ab":
            leases.grant(key, 60 * SECOND)
        waiting = {key: asyncio.ensure_future(leases.wait(key, 60 * SECOND)) for key in "ab"}
        await turns()
        leases.notify()
        await turns(10)
        assert not any(each.done() for each in waiting.values())
        found.add("a")
        leases.notify()
        await asyncio.wait_for(waiting["a"], 10)
        assert not waiting["b"].done()
        leases.close(EngineError("the end", reason="EPOCH_CHANGED"))
        with pytest.raises(EngineError, match="the end"):
            await asyncio.wait_for(waiting["b"], 10)

    asyncio.run(run())


def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    async def run() -> None:
        leases = Leases(lambda _: False)
        lease = leases.grant("k", 60 * SECOND)
        assert lease is not None
        await asyncio.gather(*(leases.wait("k", 1) for _ in range(100)))
        leaving = asyncio.ensure_future(leases.wait("k", 60 * SECOND))
        await turns()
        assert len(lease.waiters) == 1
        leaving.cancel()
        await asyncio.wait([leaving])
        assert not lease.waiters

    asyncio.run(run())
