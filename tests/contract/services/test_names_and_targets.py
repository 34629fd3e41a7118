"""Features of services alone: engine names, differing settings, targets, deadlines and network errors."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.stack import NOUNS, Stack

DEAD = "127.0.0.1:1"  # nothing listens there


def opened(remote: Api, noun: str, name: str | None, **settings: Any) -> Any:
    """Opens an engine of the noun, by name, with the settings in the form that the noun takes."""
    more = {key: settings.pop(key) for key in ("reconfigure", "timeout") if key in settings}
    place = remote.place(noun, name) | more
    if noun == "cache":
        engine = remote.cache.GenericCache(**settings, **place)
    elif noun == "data":
        engine = remote.data.DataEngine(remote.data.DataEngineConfig(**settings), **place)
    else:
        engine = remote.execution.ExecutionEngine(remote.execution.ExecutionEngineConfig(**settings), **place)
    remote.cleanup.callback(engine.close)
    return engine


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4()}"


# A setting of each noun, and another value of it.
SETTING = [
    ("cache", "max_size", 7, 8),
    ("data", "max_bars_per_instrument", 7, 8),
    ("execution", "max_open_orders", 7, 8),
]


def test_clients_that_use_one_name_share_one_engine(remote: Api, name: str) -> None:
    first, second = opened(remote, "cache", name), opened(remote, "cache", name)
    first.put("k", [1])
    assert second.get("k") == [1]
    assert opened(remote, "cache", f"{name}-other").get("k") is None
    assert first.statistics().hits == second.statistics().hits == 1


@pytest.mark.parametrize(("noun", "setting", "value", "other"), SETTING)
def test_settings_that_differ_are_named_with_the_remedies(
    remote: Api, name: str, noun: str, setting: str, value: int, other: int
) -> None:
    opened(remote, noun, name, **{setting: value}).statistics()
    opened(remote, noun, name, **{setting: value}).statistics()  # equal: attaches
    opened(remote, noun, name).statistics()  # nothing given: attaches
    with pytest.raises(RuntimeError) as caught:
        opened(remote, noun, name, **{setting: other}).statistics()
    assert caught.value.reason == "SETTINGS_DIFFER"
    for part in (setting, str(value), str(other), "name=", "reconfigure=True"):
        assert part in str(caught.value)
    opened(remote, noun, name, **{setting: other}, reconfigure=True).statistics()
    opened(remote, noun, name, **{setting: other}).statistics()


def test_bar_types_that_an_engine_lacks_are_added(remote: Api, name: str) -> None:
    first = opened(remote, "data", name, bar_types=["1tick"])
    second = opened(remote, "data", name, bar_types=["2tick"])
    model = remote.model
    ticks = [model.TradeTick("X", model.Price(1), model.Quantity(1), "NONE", "", 10**18, 10**18) for _ in range(2)]
    first.start()
    second.start()
    assert [str(bar.bar_type) for bar in second.process_trade_ticks(ticks)] == ["2tick"]  # only the types it named
    assert len(first.get_bars("X", "1tick")) == 2
    assert len(first.get_bars("X", "2tick")) == 1


@pytest.mark.parametrize(("noun", "setting", "value", "other"), SETTING)
def test_a_service_lists_what_it_has_and_opens_nothing_for_that(
    remote: Api, name: str, noun: str, setting: str, value: int, other: int
) -> None:
    opened(remote, noun, name, **{setting: value}).statistics()
    looker = opened(remote, noun, f"{name}-looker", **{setting: other})
    listed = looker.list_caches() if noun == "cache" else looker.list_engines()
    names = [one.name for one in listed]
    assert names == sorted(names)
    assert f"{name}-looker" not in names
    found = next(one for one in listed if one.name == name)
    assert found.settings[setting] == value
    assert found.epoch > 0


def test_listed_settings_are_given_as_options_are(remote: Api, name: str) -> None:
    opened(remote, "data", name, bar_types=["60min"], zero_quantity="price_only").start()
    found = next(one for one in opened(remote, "data", name).list_engines() if one.name == name)
    assert found.settings["bar_types"] == ["1hour"]
    assert found.settings["zero_quantity"] == "price_only"
    assert found.settings["fill_gaps"] is False


def test_an_engine_that_was_reset_or_dropped_is_empty_for_all_its_clients(remote: Api, name: str) -> None:
    first, second = opened(remote, "cache", name, max_size=7), opened(remote, "cache", name)
    first.put("k", 1)
    assert second.contains("k")
    first.reset()
    assert not second.contains("k")
    second.put("k", 2)
    assert second.drop() is True
    assert not first.contains("k")  # it opened the cache again


def test_construction_does_not_touch_the_network() -> None:
    from alphaforge_client.cache import GenericCache

    with GenericCache(name="dead", target=DEAD, timeout=0.5) as cache:
        assert DEAD in repr(cache)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_dead_server_is_reported_within_the_deadline(remote: Api, noun: str, name: str) -> None:
    engine = opened(remote, noun, name)
    dead = type(engine)(name=name, target=DEAD, timeout=0.5)
    remote.cleanup.callback(dead.close)
    with pytest.raises((ConnectionError, TimeoutError)) as caught:
        dead.statistics()
    assert isinstance(caught.value, remote.errors.AlphaForgeError)
    assert caught.value.reason in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    with pytest.raises((ConnectionError, TimeoutError)):
        dead.wait_ready(0.2)


def test_wait_ready_and_calls_after_close(remote: Api, name: str) -> None:
    cache = opened(remote, "cache", name)
    cache.wait_ready(5.0)
    cache.close()
    with pytest.raises(RuntimeError) as caught:
        cache.get("k")
    assert caught.value.reason == "CLIENT_CLOSED"


def in_another_process(stack: Stack, program: str, **environment: str) -> str:
    """Runs a program with an environment that leads to the stack, and returns its output."""
    stack.serve(*NOUNS)
    env = {key: value for key, value in os.environ.items() if not key.startswith("ALPHAFORGE_")}
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        env=env | stack.environment() | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_an_argument_overrides_the_target_in_the_environment(stack: Stack) -> None:
    program = """
import os
from alphaforge_pyo3.cache import GenericCache
print(GenericCache(name="env").target, GenericCache(name="env", target="localhost:1").target)
GenericCache(name="env").put("k", 1)
del os.environ["ALPHAFORGE_CACHE_TARGET"]
print(GenericCache(name="env").target)
"""
    printed = in_another_process(stack, program).split()
    assert printed == [stack.target("cache"), "localhost:1", "localhost:50051"]


def test_a_second_unnamed_cache_in_one_process_warns_once(stack: Stack) -> None:
    program = """
from alphaforge_pyo3.cache import GenericCache
caches = [GenericCache(name="a"), GenericCache(name="b"), GenericCache(), GenericCache(), GenericCache()]
"""
    output = in_another_process(stack, program)
    assert output.count("Warning:") == 1
    assert "name=" in output


def test_a_service_that_starts_late_is_reached_once_it_serves(tmp_path: Any) -> None:
    from alphaforge_client.cache import GenericCache

    late = Stack(tmp_path)
    with GenericCache(name="late", target=late.target("cache"), timeout=0.3) as cache:
        with pytest.raises((ConnectionError, TimeoutError)):
            cache.put("k", 1)
        late.start("cache")
        try:
            cache.wait_ready(10.0)
            cache.put("k", 2)
            assert cache.get("k") == 2
        finally:
            assert late.stop("cache") == 0


def test_orders_of_another_process_are_the_same_orders(stack: Stack, remote: Api, name: str) -> None:
    program = f"""
from alphaforge_pyo3.execution import ExecutionEngine, Order, OrderSide, TimeInForce
engine = ExecutionEngine(name={name!r})
order = Order.limit("X", OrderSide.Buy, 1, 100, TimeInForce.GoodTillCancel, "s", order_id="shared")
print(engine.submit_order(order), engine.statistics().orders_submitted)
"""
    assert in_another_process(stack, program).split() == ["shared", "1"]
    x = remote.execution
    engine = opened(remote, "execution", name)
    order = x.Order.limit("X", x.OrderSide.Buy, 1, 100, x.TimeInForce.GoodTillCancel, "s", order_id="shared")
    assert engine.submit_order(order) == "shared"
    assert engine.statistics().orders_submitted == 1


def test_errors_of_the_tree_are_also_built_in_ones(remote: Api) -> None:
    errors = remote.errors
    for name, builtin in {
        "InvalidArgument": ValueError, "UnsupportedValue": TypeError, "EngineError": RuntimeError,
        "Unavailable": ConnectionError, "DeadlineExceeded": TimeoutError, "Unauthenticated": PermissionError,
        "PermissionDenied": PermissionError, "BatchError": ValueError,
    }.items():  # fmt: skip
        kind = getattr(errors, name)
        assert issubclass(kind, builtin)
        assert issubclass(kind, errors.AlphaForgeError)
