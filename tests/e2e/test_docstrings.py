"""The examples in docstrings run in process and remote; every public starting point has one."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.support import examples
from tests.support.stack import Stack

CORE = ("backtest", "cache", "data", "errors", "execution", "files", "model", "time")
IN_PROCESS = [f"alphaforge_core.{name}" for name in CORE]
PACKAGES = ("alphaforge_client", "alphaforge_client.aio")
REMOTE = [f"{package}.{name}" for package in PACKAGES for name in ("cache", "data", "execution")]
# The setup of a method's example: a separate engine, and its input.
BEGIN = {
    "data": """
>>> from alphaforge_client.model import TradeTick
>>> tick = TradeTick("BTCUSD", 45000, 0.1, "BUY", "", ts_event=1)
>>> engine = DataEngine(DataEngineConfig(bar_types=["1tick"]), name="docs")
""",
    "execution": """
>>> order = Order.limit("BTCUSD", OrderSide.Buy, 0.1, 45000, TimeInForce.GoodTillCancel, "my_strategy")
>>> engine = ExecutionEngine(name="docs")
""",
}


def with_examples(modules: list[str], package: str) -> list[Any]:
    """Each docstring with an example, of what the package defines; those of Subscription follow a data engine."""
    return [
        pytest.param(module, name, text, id=f"{module}.{name}")
        for module in modules
        for name, thing, text in examples.docstrings(importlib.import_module(module))
        if examples.of(text) and thing.__module__.startswith(package)
        if not (name.startswith("Subscription") and module.endswith("execution"))
    ]


@pytest.mark.parametrize(("module", "name", "text"), with_examples(IN_PROCESS, "alphaforge_core"))
def test_in_process(module: str, name: str, text: str) -> None:
    examples.run(text, dict(vars(importlib.import_module(module))))


@pytest.mark.parametrize(("module", "name", "text"), with_examples(REMOTE, "alphaforge_client"))
def test_against_the_services(module: str, name: str, text: str, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    noun = module.rpartition(".")[2]
    stack.serve(noun)
    monkeypatch.setenv(f"ALPHAFORGE_{noun.upper()}_TARGET", stack.target(noun))
    if "." in name or name == "Subscription":
        wait = "await " if ".aio." in module else ""
        text = f"{BEGIN[noun]}\n{text}\n>>> dropped = {wait}engine.drop()\n>>> {wait}engine.close()\n"
    examples.run(text, dict(vars(importlib.import_module(module))))


def test_every_public_starting_point_has_an_example() -> None:
    started_from = {
        "alphaforge_core.cache": ["GenericCache"],
        "alphaforge_core.data": ["BarList", "DataEngine", "DataEngineConfig"],
        "alphaforge_core.errors": ["AlphaForgeError", "BatchError", "InvalidArgument"],
        "alphaforge_core.execution": ["ExecutionEngine", "ExecutionEngineConfig", "Order"],
        "alphaforge_core.model": ["BarType", "Price", "Quantity", "TradeTick", "TradeTickBatch"],
        "alphaforge_client.cache": ["GenericCache"],
        "alphaforge_client.data": ["DataEngine", "DataEngine.subscribe_bars", "Subscription", "Subscription.listen"],
        "alphaforge_client.execution": ["ExecutionEngine", "ExecutionEngine.subscribe_order_events"],
    }
    for module, names in started_from.items():
        texts = {name: text for name, _, text in examples.docstrings(importlib.import_module(module))}
        assert [name for name in names if not examples.of(texts[name])] == [], module
