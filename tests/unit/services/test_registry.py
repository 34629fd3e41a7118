"""Engines by name: made on first use, attached to by equal settings, refused by others."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from alphaforge.data.v1.engines_pb2 import DropEngineRequest
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

from services.common.engine import NamedEngine
from services.common.registry import ENGINES_MAX, Registry

LARGE = 400_000


def echo(answer: bytes) -> bytes:
    return answer


class Engine(NamedEngine):
    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any]) -> None:
        super().__init__(name, epoch, {"size": 10, "ttl": 5} | settings)
        self.closed: AlphaForgeError | None = None

    async def reconfigure(self, given: Mapping[str, Any]) -> bool:
        if "size" in given:
            return False
        self.settings.update(given)
        return True

    def close(self, error: AlphaForgeError) -> None:
        self.closed = error


@pytest.fixture
def registry() -> Registry[Engine]:
    return Registry("test", Engine)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        asyncio.run(test(*arguments, **keywords))

    return run


@in_loop
async def test_the_first_call_makes_the_engine_and_an_empty_name_is_default(registry: Registry[Engine]) -> None:
    engine = await registry.get("", None)
    assert engine.name == "default"
    assert (await registry.get("default", engine.epoch)) is engine
    assert registry.engines() == [engine]


@in_loop
async def test_only_given_settings_are_compared(registry: Registry[Engine]) -> None:
    engine, created = await registry.open("a", {"size": 20})
    assert created
    assert engine.settings == {"size": 20, "ttl": 5}
    assert (await registry.open("a", {})) == (engine, False)
    assert (await registry.open("a", {"ttl": 5})) == (engine, False)


@in_loop
async def test_other_settings_are_refused_with_both_values_and_the_remedies(registry: Registry[Engine]) -> None:
    await registry.open("a", {"size": 20})
    with pytest.raises(EngineError, match=r"size is 20, not 30.*name=.*reconfigure=True") as caught:
        await registry.open("a", {"size": 30})
    assert caught.value.reason == "SETTINGS_DIFFER"


@in_loop
async def test_reconfigure_changes_an_engine_that_can_change(registry: Registry[Engine]) -> None:
    before, _ = await registry.open("a", {"ttl": 9})
    assert (await registry.open("a", {"ttl": 6}, reconfigure=True)) == (before, False)
    assert before.settings == {"size": 10, "ttl": 6}
    assert before.closed is None


@in_loop
async def test_reconfigure_replaces_an_engine_that_can_not_and_keeps_its_other_settings(
    registry: Registry[Engine],
) -> None:
    before, _ = await registry.open("a", {"ttl": 9})
    after, created = await registry.open("a", {"size": 30}, reconfigure=True)
    assert created
    assert after.settings == {"size": 30, "ttl": 9}
    assert after.epoch != before.epoch
    assert before.closed is not None
    assert (await registry.open("a", {"size": 30}, reconfigure=True)) == (after, False)


@in_loop
async def test_an_epoch_that_is_no_more_is_refused_and_makes_nothing(registry: Registry[Engine]) -> None:
    with pytest.raises(EngineError) as caught:
        await registry.get("a", 1)
    assert caught.value.reason == "EPOCH_CHANGED"
    assert registry.engines() == []
    before = await registry.get("a", None)
    after = await registry.reset(DropEngineRequest(engine="a"))
    with pytest.raises(EngineError, match="open it again"):
        await registry.get("a", before.epoch)
    assert (await registry.get("a", after.epoch)) is after


@in_loop
async def test_a_dropped_engine_is_gone_and_its_streams_end(registry: Registry[Engine]) -> None:
    engine = await registry.get("a", None)
    assert await registry.drop(DropEngineRequest(engine="a"))
    assert not await registry.drop(DropEngineRequest(engine="a"))
    with pytest.raises(EngineError) as caught:
        registry.existing_of(DropEngineRequest(engine="a"))
    assert caught.value.reason == "ENGINE_UNKNOWN"
    with pytest.raises(EngineError) as caught:
        registry.existing_of(DropEngineRequest(engine="a", epoch=engine.epoch))
    assert caught.value.reason == "EPOCH_CHANGED"
    assert engine.closed is not None
    assert engine.closed.reason == "EPOCH_CHANGED"


@in_loop
async def test_a_thousand_engines_and_no_more(registry: Registry[Engine]) -> None:
    for number in range(ENGINES_MAX):
        await registry.open(str(number), {})
    with pytest.raises(ResourceExhausted) as caught:
        await registry.open("more", {})
    assert caught.value.reason == "ENGINE_LIMIT"
    assert (await registry.open("5", {})) == (registry.existing_of(DropEngineRequest(engine="5")), False)
    await registry.drop(DropEngineRequest(engine="5"))
    await registry.open("more", {})


@pytest.mark.parametrize("name", ["x" * 65, "ä" * 33, "a\nb", "\x00"])
@in_loop
async def test_a_name_that_can_not_be_is_refused(name: str, registry: Registry[Engine]) -> None:
    with pytest.raises(InvalidArgument):
        await registry.get(name, None)


def test_calls_reach_the_engine_in_the_order_in_which_they_came() -> None:
    async def run() -> None:
        engine = Engine("a", 1, {})
        order: list[int] = []

        def call(number: int) -> bytes:
            time.sleep(0.01)
            order.append(number)
            return str(number).encode()

        sizes = [LARGE if number % 3 == 0 else 0 for number in range(10)]
        answers = await asyncio.gather(*(engine.apply(call, n, size, echo) for n, size in enumerate(sizes)))
        assert order == list(range(10))
        assert answers == [str(number).encode() for number in range(10)]

    asyncio.run(run())


def test_a_large_request_does_not_hold_up_the_event_loop() -> None:
    async def run() -> None:
        engine = Engine("a", 1, {})
        done = threading.Event()
        large = asyncio.ensure_future(engine.apply(lambda _: done.wait(5), None, LARGE, lambda _: b"done"))
        await asyncio.sleep(0.02)
        assert not large.done()
        done.set()
        assert await large == b"done"

    asyncio.run(run())


def test_a_caller_that_leaves_stops_nothing_and_lets_nobody_overtake() -> None:
    async def run() -> None:
        engine = Engine("a", 1, {})
        release = threading.Event()
        order: list[str] = []

        def first(name: bytes) -> bytes:
            release.wait(5)
            return name

        def publish(name: bytes) -> bytes:
            order.append(name.decode())
            return name

        leaving = asyncio.ensure_future(engine.apply(first, b"first", LARGE, publish))
        await asyncio.sleep(0.02)
        leaving.cancel()
        second = asyncio.ensure_future(engine.apply(echo, b"second", 0, publish))
        await asyncio.sleep(0.02)
        release.set()
        await second
        assert order == ["first", "second"]

    asyncio.run(run())
