"""A checkpoint written while calls continue has the state at its beginning."""

from __future__ import annotations

from functools import partial
from typing import Any

from alphaforge_core.data import DataEngineConfig
from alphaforge_core.data_wire import ServiceEngine
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.checkpoints import checksum_of, written_beside
from tests.support.strategies import Operation
from tests.unit.data.test_snapshot import do

LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_bars_per_instrument": st.sampled_from((1, 2, 5)),
        "duplicate_window": st.sampled_from((1, 3)),
        "allowed_lateness_ns": st.just(10**15),
        "max_memory_bytes": st.just(2**20),
    },
)


@given(
    strategies.data_settings(), LIMITS, strategies.data_histories(max_size=80), st.integers(0, 80), st.integers(1, 400)
)
def test_it_is_the_state_in_which_it_began(
    settings: dict[str, Any], limits: dict[str, int], history: list[Operation], cut: int, piece: int
) -> None:
    config = DataEngineConfig(**{**settings, **limits, "max_duplicate_entries": 8})
    engine, twin, other = (ServiceEngine(config) for _ in range(3))
    for operation in history[:cut]:
        do(engine, operation)
    later = history[cut:]
    calls = [partial(do, engine, each) for each in later]
    checkpoint, checksum, begun = written_beside(engine, calls, piece, piece_bytes=1)
    for operation in history[:cut] + later[:begun]:
        do(twin, operation)
    other.restore(checkpoint)
    other.validate()
    assert other.state_hash() == twin.state_hash()
    # Wherever the pieces were cut.
    assert checksum == checksum_of(twin) == checksum_of(other)
    for operation in later[begun:]:
        assert do(other, operation) == do(twin, operation)
    assert other.state_hash() == twin.state_hash() == engine.state_hash()
    assert checksum_of(other) == checksum_of(twin) == checksum_of(engine)
