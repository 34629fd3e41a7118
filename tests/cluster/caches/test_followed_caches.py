"""A replicated cache and its copy, in this process: what is answered when, and what the copy has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alphaforge.cache.v1.atomics_pb2 import IncrementRequest, IncrementResponse, PutIfAbsentRequest
from alphaforge.cache.v1.entries_pb2 import ClearRequest, DeleteRequest, GetRequest, PutRequest, TouchRequest
from alphaforge.cache.v1.invalidations_pb2 import SubscribeInvalidationsRequest, SubscribeInvalidationsResponse
from alphaforge.cache.v1.value_pb2 import Value
from alphaforge_core.cache_wire import CacheEngine
from alphaforge_core.errors import AlphaForgeError, Unavailable
from google.protobuf.message import Message

from services.cache.engine import NamedCache
from services.cache.memory import Memory
from services.cache.replica import ALONE, Replication
from services.cache.rpcs import CacheService
from services.engines.rows import Answer, settled
from services.streams.feed import Subscribers
from tests.support.followed import Followed, followed_engines
from tests.support.postgres import Pair
from tests.support.waiting import turns, until_async

KEYS = [f"k{number}" for number in range(12)]
TTL_NS = 10**12


@asynccontextmanager
async def followed_caches(
    postgres: Pair, folder: Path, replication: Replication = ALONE
) -> AsyncIterator[Followed[NamedCache]]:
    replication = replication._replace(folder=folder)

    def build(name: str, epoch: int, settings: Mapping[str, Any]) -> NamedCache:
        memory, subscribers = Memory(2**30, "evict"), Subscribers(10, 1.0)
        return NamedCache(name, epoch, settings, CacheService.table, subscribers, memory, None, replication)

    async with followed_engines(postgres, folder, "cache", build) as both:
        yield both


def call(cache: NamedCache, name: str, message: Message) -> Answer:
    row, request = CacheService.table[name], message.SerializeToString()
    decoded = row.decode(request)
    answer = cache.submit(row, request, decoded)
    request_id = getattr(message, "request_id", "")
    return cache.answers.keep(row, request_id, request, answer) if request_id else answer


def put(cache: NamedCache, key: str, number: int) -> Answer:
    return call(cache, "Put", PutRequest(key=key, value=Value(int_value=number), ttl_ns=TTL_NS))


async def one_call(dice: random.Random, both: Followed[NamedCache], name: str, number: int) -> None:
    cache, key = both.engine(name), dice.choice(KEYS)
    chance = dice.random()
    if chance < 0.02:
        await both.engines.reset(name, None)
    elif chance < 0.06:
        await cache.checkpoint()
    elif chance < 0.1:
        await cache.reconfigure({"max_size": dice.randrange(3, 9)})
    elif chance < 0.12:
        await settled(call(cache, "Clear", ClearRequest(request_id=str(number))))
    elif chance < 0.2:
        await settled(call(cache, "Delete", DeleteRequest(key=key, request_id=str(number))))
    elif chance < 0.3:
        await settled(call(cache, "Touch", TouchRequest(key=key, ttl_ns=2 * TTL_NS)))
    elif chance < 0.4:
        await settled(call(cache, "Get", GetRequest(key=key)))
    elif chance < 0.5:
        amount = Value(int_value=1)
        await settled(call(cache, "Increment", IncrementRequest(key=key, amount=amount, request_id=str(number))))
    else:
        await settled(put(cache, key, number))


def content(core: CacheEngine) -> dict[str, tuple[bytes, int]]:
    found = {key: core.get(key) for key in KEYS}
    return {key: entry[:2] for key, entry in found.items() if entry is not None}


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_has_the_primarys_entries_versions_and_answers(postgres: Pair, tmp_path: Path, seed: int) -> None:
    asyncio.run(follow(postgres, tmp_path, random.Random(seed)))


async def follow(postgres: Pair, folder: Path, dice: random.Random) -> None:
    async with followed_caches(postgres, folder) as both:
        for name in ("c", "d"):
            await both.engines.open(name, {"max_size": 6})
        for number in range(200):
            await one_call(dice, both, dice.choice("cd"), number)
            if dice.random() < 0.1:
                await both.catch_up()
                for name in "cd":
                    a, b = both.engine(name), both.followed_engine(name)
                    assert (b.epoch, b.sequence, b.settings) == (a.epoch, a.sequence, a.settings)
                    assert content(b.core) == content(a.core)
                    assert b.core.sequence == a.core.sequence
                    ids = [{each.request_id for each in cache.answers.saved()} for cache in (a, b)]
                    assert ids[0] <= ids[1]
        assert both.memory.comparisons.compared == 0


@asynccontextmanager
async def held_writes(both: Followed[NamedCache]) -> AsyncIterator[None]:
    """Meanwhile PostgreSQL is not asked to write anything."""
    thread, writing = both.held.thread, both.held.store._writing

    async def release() -> None:
        writing.release()

    await thread.run(writing.acquire())
    try:
        yield
    finally:
        await thread.run(release())


def test_whatever_saw_a_change_is_answered_once_the_change_is_in_the_journal(postgres: Pair, tmp_path: Path) -> None:
    asyncio.run(answer_late(postgres, tmp_path))


async def answer_late(postgres: Pair, folder: Path) -> None:
    async with followed_caches(postgres, folder) as both:
        cache, _ = await both.engines.open("c", {})
        other, _ = await both.engines.open("d", {})
        await settled(put(cache, "n", 1))
        stream = cache.subscribe(SubscribeInvalidationsRequest())
        assert not SubscribeInvalidationsResponse.FromString(await anext(stream)).keys
        seen = asyncio.ensure_future(anext(stream))
        async with held_writes(both):
            change = put(cache, "a", 1)
            read = call(cache, "Get", GetRequest(key="a"))
            # Refused, since somebody has the key: somebody who may not have it after a takeover.
            swap = call(cache, "PutIfAbsent", PutIfAbsentRequest(key="a", value=Value(int_value=2)))
            amount = Value(string_value="no number")
            bad = call(cache, "Increment", IncrementRequest(key="a", amount=amount))
            waiting = [each for each in (change, read, swap, bad) if not isinstance(each, bytes)]
            assert len(waiting) == 4
            await turns(50)
            assert not any(each.done() for each in (*waiting, seen))
            # Another cache has nothing to wait for.
            assert isinstance(call(other, "Get", GetRequest(key="a")), bytes)
        assert [await settled(each) for each in waiting[:3]]
        with pytest.raises(AlphaForgeError):
            await settled(waiting[3])
        assert SubscribeInvalidationsResponse.FromString(await seen).keys == ["a"]
        assert isinstance(call(cache, "Get", GetRequest(key="a")), bytes)
        await stream.aclose()


def test_a_change_that_can_not_be_written_leaves_the_cache_to_be_loaded_again(postgres: Pair, tmp_path: Path) -> None:
    asyncio.run(refuse(postgres, tmp_path))


async def refuse(postgres: Pair, folder: Path) -> None:
    reloads: list[int] = []
    async with followed_caches(postgres, folder, Replication(lambda: reloads.append(1))) as both:
        cache, _ = await both.engines.open("c", {})
        await settled(put(cache, "a", 1))
        async with held_writes(both):
            change, read = put(cache, "a", 2), call(cache, "Get", GetRequest(key="a"))
            both.held.store.unsettle()
        with pytest.raises(AlphaForgeError) as refused:
            await settled(change)
        assert refused.value.reason == "UNAVAILABLE"
        with pytest.raises(AlphaForgeError) as unread:
            await settled(read)
        assert unread.value.reason == "UNAVAILABLE"
        assert cache.is_ahead
        assert reloads
        with pytest.raises(AlphaForgeError, match="is being loaded from its journal"):
            call(cache, "Get", GetRequest(key="a"))
        # What the candidate does in its next term.
        both.held.store.settle_term()
        await both.catch_up()
        entry = both.followed_engine("c").core.get("a")
        assert entry is not None
        assert Value.FromString(entry[0]) == Value(int_value=1)


def test_while_postgresql_is_slow_changes_are_refused_and_none_that_was_made_is_lost(
    postgres: Pair, tmp_path: Path
) -> None:
    asyncio.run(wait_long(postgres, tmp_path))


async def wait_long(postgres: Pair, folder: Path) -> None:
    async with followed_caches(postgres, folder) as both:
        cache, _ = await both.engines.open("c", {"max_size": 10**6})
        made: list[Answer] = []

        def refused() -> bool:
            try:
                made.append(put(cache, str(len(made)), len(made)))
            except Unavailable as error:
                return "the journal is slow to write" in str(error)
            return False

        async with held_writes(both):
            await until_async(refused, "changes are refused")
            assert cache.core.size() == len(made)
        assert all([await settled(each) for each in made])
        assert not cache.is_ahead
        await both.catch_up()
        assert both.followed_engine("c").core.size() == len(made)
        await settled(put(cache, "later", 1))


def test_a_repeat_at_the_next_primary_gets_the_first_answer(postgres: Pair, tmp_path: Path) -> None:
    asyncio.run(repeat(postgres, tmp_path))


async def repeat(postgres: Pair, folder: Path) -> None:
    async with followed_caches(postgres, folder) as both:
        cache, _ = await both.engines.open("c", {})
        message = IncrementRequest(key="a", amount=Value(int_value=5), request_id="once")
        first = await settled(call(cache, "Increment", message))
        for _ in range(2):
            await both.catch_up()
            row = CacheService.table["Increment"]
            answer = both.followed_engine("c").answers.first(row, "once", message.SerializeToString())
            assert answer is not None
            assert IncrementResponse.FromString(await answer) == IncrementResponse.FromString(first)
            # Then from a checkpoint.
            await cache.checkpoint()
            both.memory.forget()


def test_a_copy_evicts_and_expires_nothing_of_its_own(postgres: Pair, tmp_path: Path) -> None:
    asyncio.run(copy_only(postgres, tmp_path))


async def copy_only(postgres: Pair, folder: Path) -> None:
    async with followed_caches(postgres, folder) as both:
        cache, _ = await both.engines.open("c", {"max_size": 3})
        await settled(call(cache, "Put", PutRequest(key="brief", value=Value(int_value=1), ttl_ns=1_000_000)))
        await settled(put(cache, "a", 1))
        await both.catch_up()
        await until_async(lambda: not cache.core.contains("brief"), "the entry has expired")
        copy = both.followed_engine("c")
        assert not copy.is_served
        cache.sweep()
        await cache.replica.settle()
        for number in range(5):
            await settled(put(cache, f"k{number}", number))
        await both.catch_up()
        assert copy.core.sequence == cache.core.sequence
        assert content(copy.core) == content(cache.core)
