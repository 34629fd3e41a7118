"""Runs every block of the API reference, in order, in one namespace.

The blocks share names as a reader's session would: `engine` is whichever engine was made last, and the names that the
reference uses without making them (`orders`, `data`, `data_engine`, `execution_engine`) are seeded with what a reader
would have by then. Where a line says in a comment what it prints, that is what it must print.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import NOUNS, Stack

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "API_REFERENCE.md"
MODULES = ("cache", "data", "execution", "model", "time")

# The first value that a block must give to these names, by the rules: the reference alone doesn't say.
FIRST_VALUES: dict[str, Callable[[Any], bool]] = {
    "price": lambda value: value == 45000.0,
    "removed": lambda value: value is False,  # it never existed
    "exists": lambda value: value is False,  # the cache was cleared
    "entry_count": lambda value: value == 0,
    "bars": lambda value: value == [],  # the first tick of an engine closes nothing
    "success": lambda value: value is False,  # an unknown order
    "millis": lambda value: value == 1640995200123,
    "secs": lambda value: value == 1640995200,
    "timestamp": lambda value: abs(value - time.time_ns()) < 10**9,
}


def blocks() -> list[tuple[int, str]]:
    """(line number, code) of each Python block."""
    if not REFERENCE.exists():
        pytest.skip(f"the reference is not at {REFERENCE}")
    text = REFERENCE.read_text()
    return [
        (text.count("\n", 0, found.start(1)), found[1])
        for found in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


def promised_output(code: str) -> list[str]:
    """What the block's print calls are said to print, where that does not depend on the clock."""
    said = re.findall(r"^print\(.*\)  # (.+)$", code, re.MULTILINE)
    return [] if "now()" in code else said


def assigned_names(code: str) -> set[str]:
    return {
        target.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


class Reader:
    """Types the reference's blocks into one session."""

    def __init__(self, package: str) -> None:
        execution = importlib.import_module(f"{package}.execution")
        self.data_engine = importlib.import_module(f"{package}.data").DataEngine
        self.execution_engine = execution.ExecutionEngine
        side, good = execution.OrderSide.Buy, execution.TimeInForce.GoodTillCancel
        self.namespace: dict[str, Any] = {
            "orders": [execution.Order.limit("SOLUSD", side, n, 150.0, good, "reader") for n in (1, 2, 3)],
            "data": {"a": 1, "b": [1.5, "x"], "c": None},
        }
        self.seen: set[str] = set()

    def run(self, line: int, code: str) -> None:
        output = io.StringIO()
        compiled = compile("\n" * line + code, str(REFERENCE), "exec")
        with redirect_stdout(output):
            exec(compiled, self.namespace)
        printed = output.getvalue().splitlines()
        for promise in promised_output(code):
            assert promise in printed, f"line {line}: {promise!r} is not among {printed}"
        for name in assigned_names(code) - self.seen:
            self.seen.add(name)
            if name in FIRST_VALUES:
                value = self.namespace[name]
                assert FIRST_VALUES[name](value), f"line {line}: {name} is {value!r}"
        engine = self.namespace.get("engine")
        if isinstance(engine, self.data_engine):
            self.namespace["data_engine"] = engine
        elif isinstance(engine, self.execution_engine):
            self.namespace["execution_engine"] = engine
        if "check_performance" in code:
            self.namespace["check_performance"]()


def read_all(package: str) -> dict[str, Any]:
    """Run every block against a package; the reader's namespace afterwards."""
    reader = Reader(package)
    for line, code in blocks():
        reader.run(line, code)
    assert set(FIRST_VALUES) <= reader.seen, "the reference no longer has these names"
    return reader.namespace


def test_every_block_runs_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alphaforge_pyo3", importlib.import_module("alphaforge_core"))
    for name in MODULES:
        monkeypatch.setitem(sys.modules, f"alphaforge_pyo3.{name}", importlib.import_module(f"alphaforge_core.{name}"))
    namespace = read_all("alphaforge_core")
    assert len(namespace["active_orders"]) == 2  # a market order before any tick, and a resting limit
    assert namespace["data_engine"].statistics().ticks_processed == 0  # an engine made later than the one with a tick


def test_every_block_runs_against_the_services(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.serve(*NOUNS)
    for name, target in stack.environment().items():
        monkeypatch.setenv(name, target)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a second remote GenericCache without a name", UserWarning)
        namespace = read_all("alphaforge_pyo3")
    # The market order fills if the execution service already has the tick that the data service was given.
    assert len(namespace["active_orders"]) in (1, 2)
    with importlib.import_module("alphaforge_pyo3.data").DataEngine() as engine:
        assert engine.statistics().ticks_processed == 1  # all data engines were one: the unnamed one of the service
    assert namespace["cache"].get("b") == [1.5, "x"]
    for name in ("cache", "execution_engine"):
        namespace[name].close()
