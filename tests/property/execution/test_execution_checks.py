"""An engine checked piece by piece while calls continue is valid, and its hash is that of one of its states."""

from __future__ import annotations

import threading
from typing import Any

from alphaforge_core.execution import ExecutionEngineConfig
from alphaforge_core.execution_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.property.execution.test_execution_checkpoints import ask
from tests.support import strategies
from tests.support.execution_pair import ExecutionPair, native_settings
from tests.support.strategies import Operation
from tests.unit.execution.test_restore import LIMITS


@given(
    strategies.execution_settings(),
    LIMITS,
    strategies.execution_histories(max_size=80),
    st.integers(0, 80),
    st.integers(1, 40),
)
def test_it_is_found_in_a_state_that_it_had(
    settings: dict[str, Any], limits: dict[str, int], history: list[Operation], cut: int, items: int
) -> None:
    config = ExecutionEngineConfig(**native_settings(settings), **limits)
    pair, twin = (ExecutionPair(ServiceEngine(config), settings) for _ in range(2))
    for operation in history[:cut]:
        ask(pair, operation)
        ask(twin, operation)
    states, found = [twin.engine.state_hash()], []
    assert pair.engine.check(items=items) == (states[0], [])
    checking = threading.Thread(target=lambda: found.append(pair.engine.check(items=items)))
    checking.start()
    for operation in history[cut:]:
        ask(pair, operation)
        ask(twin, operation)
        states.append(twin.engine.state_hash())
    checking.join()
    state_hash, violations = found[0]
    assert violations == []
    assert state_hash in states
    assert pair.engine.check(items=items) == (pair.engine.state_hash(), []) == (states[-1], [])
