"""A checkpoint written while calls continue has the state at its beginning."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from alphaforge_core.execution import ExecutionEngineConfig
from alphaforge_core.execution_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.checkpoints import checksum_of, written_beside
from tests.support.execution_pair import ExecutionPair, native_settings
from tests.support.strategies import Operation
from tests.unit.execution.test_restore import LIMITS


def ask(pair: ExecutionPair, operation: Operation) -> None:
    with suppress(ValueError, RuntimeError):
        pair.ask_engine(*operation)


@given(
    strategies.execution_settings(),
    LIMITS,
    strategies.execution_histories(max_size=80),
    st.integers(0, 80),
    st.integers(1, 400),
)
def test_it_is_the_state_in_which_it_began(
    settings: dict[str, Any], limits: dict[str, int], history: list[Operation], cut: int, piece: int
) -> None:
    config = ExecutionEngineConfig(**native_settings(settings), **limits)
    pair, twin, other = (ExecutionPair(ServiceEngine(config), settings) for _ in range(3))
    for operation in history[:cut]:
        ask(pair, operation)
    later = history[cut:]
    calls = [partial(ask, pair, each) for each in later]
    checkpoint, checksum, begun = written_beside(pair.engine, calls, piece, piece_bytes=1)
    for operation in history[:cut] + later[:begun]:
        ask(twin, operation)
    other.engine.restore(checkpoint)
    assert other.engine.state_hash() == twin.engine.state_hash()
    assert checksum == checksum_of(twin.engine) == checksum_of(other.engine)
    assert other.engine.events() == twin.engine.events()
    for operation in later[begun:]:
        ask(other, operation)
    assert other.engine.validate() == []
    assert other.engine.state_hash() == pair.engine.state_hash()
    assert checksum_of(other.engine) == checksum_of(pair.engine)
