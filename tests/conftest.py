"""What several kinds of tests need once per session."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The services on free ports, with a temporary data directory; shared by all tests of the session."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


def _landed(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


# Until the engines and the client are complete: what can't be imported yet is not collected.
_DATA = _landed("alphaforge_core.data", "DataEngine")
_EXECUTION = _landed("alphaforge_core._native.model", "TradeTickBatch") and hasattr(
    importlib.import_module("alphaforge_core.execution").ExecutionEngine, "process_trade_ticks"
)
collect_ignore = [] if _DATA else ["property/test_data_histories.py"]
collect_ignore += [] if _EXECUTION else ["property/test_execution_histories.py"]
collect_ignore += (
    [] if _DATA and _EXECUTION and _landed("alphaforge_client.execution", "Order") else ["contract", "e2e"]
)
