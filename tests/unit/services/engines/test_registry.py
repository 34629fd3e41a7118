"""Engines by name: created on first use, opened by equal settings, refused for others."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from alphaforge_core.errors import AlphaForgeError, EngineError, InvalidArgument, ResourceExhausted

from services.engines.engine import NamedEngine
from services.engines.registry import ENGINES_MAX, Registry
from services.engines.rows import Table


class Engine(NamedEngine):
    def __init__(self, name: str, epoch: int, settings: Mapping[str, Any]) -> None:
        super().__init__(name, epoch, {"size": 10, "ttl": 5} | settings, Table([]))
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
    engine = await registry.get("", None, creates=True)
    assert engine.name == "default"
    assert (await registry.get("default", engine.epoch, creates=False)) is engine
    assert registry.engines() == [engine]


@pytest.mark.parametrize(("name", "is_one"), [
    ("x", True), ("x~1", True), ("x~2", True), ("x~3", False), ("x~0", False), ("x~01", False), ("x~1~1", False),
    ("x~" + "9" * 5_000, False),
])  # fmt: skip
@in_loop
async def test_a_partition_is_one_of_those_that_its_engine_has(
    registry: Registry[Engine], name: str, is_one: bool
) -> None:
    if is_one:
        engine, _ = await registry.open(name, {"partitions": 3})
        assert (engine.name, engine.partitions) == (name, 3)
    else:
        with pytest.raises(InvalidArgument) as caught:
            await registry.open(name, {"partitions": 3})
        assert caught.value.reason == "NAME_INVALID"
        assert registry.engines() == []


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
        await registry.get("a", 1, creates=True)
    assert caught.value.reason == "EPOCH_CHANGED"
    assert registry.engines() == []
    before = await registry.get("a", None, creates=True)
    after = await registry.reset("a", None)
    with pytest.raises(EngineError, match="open it again"):
        await registry.get("a", before.epoch, creates=True)
    assert (await registry.get("a", after.epoch, creates=False)) is after


@in_loop
async def test_a_dropped_engine_is_gone_and_its_streams_end(registry: Registry[Engine]) -> None:
    engine = await registry.get("a", None, creates=True)
    assert await registry.drop("a", None)
    assert not await registry.drop("a", None)
    with pytest.raises(EngineError) as caught:
        await registry.get("a", None, creates=False)
    assert caught.value.reason == "ENGINE_UNKNOWN"
    with pytest.raises(EngineError) as caught:
        await registry.get("a", engine.epoch, creates=False)
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
    assert (await registry.open("5", {})) == (registry.find("5", None), False)
    await registry.drop("5", None)
    await registry.open("more", {})


@pytest.mark.parametrize("name", ["x" * 65, "ä" * 33, "a\nb", "\x00"])
@in_loop
async def test_a_name_that_can_not_be_is_refused(name: str, registry: Registry[Engine]) -> None:
    with pytest.raises(InvalidArgument):
        await registry.get(name, None, creates=True)


@in_loop
async def test_a_read_of_a_missing_engine_makes_none_and_names_those_there_are(registry: Registry[Engine]) -> None:
    for name in ("demo", "default"):
        await registry.open(name, {})
    with pytest.raises(EngineError, match="no test engine 'dmeo'; there are: default, demo") as caught:
        await registry.get("dmeo", None, creates=False)
    assert caught.value.reason == "ENGINE_UNKNOWN"
    assert len(registry.engines()) == 2
