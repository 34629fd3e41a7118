"""One surface: the asyncio client, the client and the engines in process have the same names, arguments and words."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLASSES = [("cache", "GenericCache"), ("data", "DataEngine"), ("execution", "ExecutionEngine")]
REMOTE_KEYWORDS = {"name", "target", "timeout", "reconfigure", "credentials", "producer_id"}

PUBLIC = {
    "cache": ["EngineSummary", "GenericCache", "GenericCacheStatistics", "KeyList", "NearCache"],
    "data": [
        "BarList",
        "DataEngine",
        "DataEngineConfig",
        "DataEngineStatistics",
        "EngineSummary",
        "Gap",
        "Subscription",
        "bars_to_arrow",
        "bars_to_pandas",
        "bars_to_polars",
        "combine_bars",
    ],
    "execution": [
        "Account",
        "EngineSummary",
        "ExecutionEngine",
        "ExecutionEngineConfig",
        "ExecutionStatistics",
        "Fill",
        "Gap",
        "Instrument",
        "LiquiditySide",
        "Order",
        "OrderChange",
        "OrderEvent",
        "OrderEventType",
        "OrderGroup",
        "OrderGroupType",
        "OrderSide",
        "OrderStatus",
        "OrderType",
        "Position",
        "StrategySession",
        "Subscription",
        "TickResult",
        "TimeInForce",
        "TrailingOffsetType",
        "events_to_arrow",
        "events_to_pandas",
        "events_to_polars",
        "fills_to_arrow",
        "fills_to_pandas",
        "fills_to_polars",
        "orders_to_arrow",
        "orders_to_pandas",
        "orders_to_polars",
        "positions_to_arrow",
        "positions_to_pandas",
        "positions_to_polars",
        "read_instruments",
    ],
    "model": ["Bar", "BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch", "TradingCalendar"],
    "time": ["nanos_to_millis", "nanos_to_secs", "unix_nanos_now"],
}


def module(package: str, name: str) -> ModuleType:
    return importlib.import_module(f"{package}.{name}")


def public_members(kind: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_names_are_pinned_and_sorted(name: str) -> None:
    assert module("alphaforge_client", name).__all__ == PUBLIC[name]
    assert PUBLIC[name] == sorted(PUBLIC[name])


@pytest.mark.parametrize("name", ["cache", "data", "execution", "model", "time", "errors"])
def test_the_documented_import_name_has_the_same_objects(name: str) -> None:
    documented, actual = module("alphaforge_pyo3", name), module("alphaforge_client", name)
    assert documented.__all__ == actual.__all__
    for public in actual.__all__:
        assert getattr(documented, public) is getattr(actual, public)


@pytest.mark.parametrize("name", ["model", "time", "errors"])
def test_values_times_and_errors_are_those_of_the_core(name: str) -> None:
    client, core = module("alphaforge_client", name), module("alphaforge_core", name)
    assert set(client.__all__) == set(core.__all__)
    for public in client.__all__:
        assert getattr(client, public) is getattr(core, public)


@pytest.mark.parametrize("name", ["cache", "data", "execution"])
def test_both_sides_of_the_client_export_the_same(name: str) -> None:
    sync, aio = module("alphaforge_client", name), module("alphaforge_client.aio", name)
    assert sync.__all__ == aio.__all__


def test_both_sides_have_the_same_methods_arguments_and_docstrings() -> None:
    for name, kind in CLASSES:
        sync, aio = (getattr(module(package, name), kind) for package in ("alphaforge_client", "alphaforge_client.aio"))
        members, others = public_members(sync), public_members(aio)
        assert members.keys() == others.keys()
        for member in members:
            if not callable(members[member]):
                continue
            ours, theirs = inspect.signature(members[member]), inspect.signature(others[member])
            assert list(map(str, ours.parameters.values())) == [
                str(parameter).replace("Awaitable[Any]", "Any") for parameter in theirs.parameters.values()
            ], f"{kind}.{member}"
            without_await = re.sub(r"async (with|for)|await ", r"\1", inspect.getdoc(others[member]) or "")
            assert inspect.getdoc(members[member]) == without_await, f"{kind}.{member}"
            assert inspect.getdoc(members[member]), f"{kind}.{member} has no docstring"


@pytest.mark.parametrize(("name", "kind"), CLASSES)
def test_the_client_has_what_the_engine_has_in_process(name: str, kind: str) -> None:
    core, client = getattr(module("alphaforge_core", name), kind), getattr(module("alphaforge_client", name), kind)
    assert public_members(core).keys() - public_members(client).keys() <= IN_PROCESS_ONLY[kind]
    for member, ours in public_members(client).items():
        theirs = public_members(core).get(member)
        if theirs is None or not callable(ours):
            continue
        assert parameter_names(core, member) == [
            parameter for parameter in parameter_names(client, member) if parameter != "timeout"
        ], f"{kind}.{member}"


@pytest.mark.parametrize(("name", "kind"), CLASSES)
def test_constructors_take_what_the_engine_takes_and_where_it_is(name: str, kind: str) -> None:
    client = getattr(module("alphaforge_client", name), kind)
    parameters = inspect.signature(client).parameters
    assert {"name", "target", "timeout", "reconfigure", "credentials"} <= parameters.keys()
    for parameter in REMOTE_KEYWORDS & parameters.keys():
        assert parameters[parameter].kind is inspect.Parameter.KEYWORD_ONLY


# Methods of an engine for the service that hosts it, and for its tests.
IN_PROCESS_ONLY = {
    "GenericCache": {"keys_page", "release_expired", "resize", "validate"},
    "DataEngine": {
        "add_bar_types",
        "bar_types",
        "epoch",
        "is_running",
        "market_time",
        "reconfigure",
        "restore",
        "snapshot",
        "state_hash",
        "validate",
    },
    "ExecutionEngine": {
        "config",
        "first_event_sequence",
        "is_halted",
        "last_event_sequence",
        "reconfigure",
        "restore",
        "snapshot",
    },
}


def parameter_names(kind: type, member: str) -> list[str]:
    """Native functions tell their signature as text."""
    function = getattr(kind, member)
    if not hasattr(function, "__nb_signature__"):
        return [name for name in inspect.signature(function).parameters if name != "self"]
    definition = ast.parse(function.__nb_signature__[0][0] + ": ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    arguments = definition.args
    return [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs) if argument.arg != "self"]


@pytest.mark.slow
def test_the_sync_client_is_what_the_async_one_makes() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "tools/unasync.py", "--check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr
