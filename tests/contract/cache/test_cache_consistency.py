"""Several clients of one cache: their answers fit one order of all calls, and the model, counters included."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from alphaforge_client.aio.cache import GenericCache as AsyncGenericCache
from alphaforge_client.cache import GenericCache

from tests.support.linearizability import Call, is_linearizable
from tests.support.stack import Stack
from tests.support.twins import cache as twins

ROUNDS = 60
CALLERS = 4
CALLS_EACH = 8
OPERATIONS = 10_000


def register(value: int | None, name: str, arguments: tuple[Any, ...]) -> tuple[int | None, Hashable]:
    """One key of a cache: the value after a call, and the answer. Values are never None here: that is no entry."""
    match name:
        case "get":
            return value, value
        case "contains":
            return value, value is not None
        case "delete":
            return None, value is not None
        case "put":
            return arguments[0], None
        case "put_if_absent":
            return (arguments[0], True) if value is None else (value, False)
        case "swap":
            expected, new = arguments
            return (new, True) if value == expected else (value, False)
    raise AssertionError(name)


class TestTheChecker:
    """A checker that accepts everything would be useless."""

    PUT = Call(0.0, 1.0, "put", (1,), None)

    def test_overlapping_calls_may_be_in_either_order(self) -> None:
        for answer in (None, 1):
            assert is_linearizable([self.PUT, Call(0.5, 2.0, "get", (), answer)], None, register)

    def test_a_read_after_a_write_must_see_it(self) -> None:
        assert not is_linearizable([self.PUT, Call(1.5, 2.0, "get", (), None)], None, register)

    def test_nothing_goes_back(self) -> None:
        calls = [self.PUT, Call(0.1, 0.2, "get", (), 1), Call(0.3, 0.4, "get", (), None)]
        assert not is_linearizable(calls, None, register)

    def test_of_two_that_put_where_there_is_nothing_one_does(self) -> None:
        both = [Call(0.0, 1.0, "put_if_absent", (value,), True) for value in (1, 2)]
        assert not is_linearizable(both, None, register)


def test_concurrent_calls_on_one_key_are_linearizable(stack: Stack) -> None:
    stack.serve("cache")
    name, target = f"cache-{uuid4()}", stack.target("cache")
    with (
        GenericCache(name=name, target=target) as one,
        GenericCache(name=name, target=target, coalesce=False) as other,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        for number in range(ROUNDS):
            together = threading.Barrier(CALLERS)
            work = [
                pool.submit(call_at_random, cache, f"key{number}", together, number * CALLERS + caller)
                for caller, cache in enumerate((one, one, other, other))
            ]
            calls = [call for each in work for call in each.result()]
            assert is_linearizable(calls, None, register), sorted(calls)


def call_at_random(cache: GenericCache, key: str, together: threading.Barrier, seed: int) -> list[Call]:
    chance = random.Random(seed)
    calls: list[Call] = []
    versions: dict[Hashable, int] = {}

    def swap(expected: Hashable, new: object) -> bool:
        return cache.compare_and_swap(key, versions[expected], new)

    def get_entry() -> object:
        entry = cache.get_entry(key)
        if entry is not None:
            versions[entry[0]] = entry[1]
        return entry and entry[0]

    ways: dict[str, list[Callable[..., Any]]] = {
        "get": [lambda: cache.get(key), lambda: cache.get_many([key]).get(key), get_entry, get_entry],
        "put": [lambda value: cache.put(key, value), lambda value: cache.put_many({key: value})],
        "delete": [lambda: cache.delete(key), lambda: cache.delete_many([key]) == 1],
        "contains": [lambda: cache.contains(key)],
        "put_if_absent": [lambda value: cache.put_if_absent(key, value)],
        "swap": [swap],
    }
    together.wait()
    for number in range(CALLS_EACH):
        name = chance.choice(("get", "get", "put", "put", "delete", "contains", "put_if_absent", "swap", "swap"))
        if name == "swap" and not versions:
            name = "get"
        value = seed * CALLS_EACH + number
        arguments: tuple[Hashable, ...] = (value,) if name in ("put", "put_if_absent") else ()
        if name == "swap":
            # No value is put twice, so if an entry still has the version that a caller knows, it has the value that the
            # caller knows.
            arguments = (chance.choice([*versions]), value)
        way = chance.choice(ways[name])
        began = time.monotonic()
        answer = way(*arguments)
        calls.append(Call(began, time.monotonic(), name, arguments, answer))
    return calls


def test_ten_thousand_operations_of_several_clients_are_the_models(stack: Stack) -> None:
    stack.serve("cache")
    name, target = f"cache-{uuid4()}", stack.target("cache")
    twin = twins.GenericCache(50, math.inf)
    chance = random.Random(7)
    keys = [f"{'even' if number % 2 == 0 else 'odd'}-{number}" for number in range(80)]

    def some(count: int) -> list[str]:
        return chance.sample(keys, chance.randrange(1, count))

    def arguments(operation: str) -> tuple[Any, ...]:
        match operation:
            case "put" | "put_if_absent":
                return chance.choice(keys), chance.choice((1, 2.5, "text", [1, {"a": None}], None))
            case "increment":
                return f"number-{chance.randrange(5)}", chance.randrange(-5, 6)
            case "put_many":
                return (dict.fromkeys(some(20), chance.random()),)
            case "get_many" | "delete_many":
                return (some(20),)
            case "keys":
                return (chance.choice(("", "even", "odd-1")),)
            case "size" | "clear":
                return ()
        return (chance.choice(keys),)

    names: tuple[str, ...] = (
        "get",
        "put",
        "delete",
        "contains",
        "get_many",
        "put_many",
        "delete_many",
        "put_if_absent",
        "increment",
    )
    names = names * 6 + ("get", "put") * 20 + ("touch", "ttl", "keys", "size", "touch", "ttl", "clear")

    async def run() -> None:
        async with AsyncGenericCache(50, math.inf, name=name, target=target) as tasks:
            with (
                GenericCache(50, math.inf, name=name, target=target) as one,
                GenericCache(default_ttl=math.inf, name=name, target=target, coalesce=False) as other,
            ):
                for number in range(OPERATIONS):
                    operation = chance.choice(names)
                    given = arguments(operation)
                    expected = getattr(twin, operation)(*given)
                    client: Any = chance.choice((one, other, tasks))
                    answer = getattr(client, operation)(*given)
                    if client is tasks:
                        answer = await answer
                    found = set(answer) if operation == "keys" else answer
                    assert found == expected, (number, operation, given)
                counted = one.statistics().as_dict()
                assert {name: counted[name] for name in twin.statistics()} == twin.statistics()
                assert one.get_many(keys) == twin.get_many(keys)

    asyncio.run(run())
    assert twin.counts["evictions"] > 100, "the bound must have mattered"
