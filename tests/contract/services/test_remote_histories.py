"""A few random histories over the network too: the services add nothing to the engines' answers and lose nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.api import Api
from tests.support.data_pair import DataPair
from tests.support.execution_pair import ExecutionPair, native_settings
from tests.support.strategies import Operation

few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(options=strategies.data_settings(), history=strategies.data_histories(), columns=st.booleans())
def test_bars_are_the_twins(remote: Api, options: dict[str, Any], history: list[Operation], columns: bool) -> None:
    pair = DataPair(remote.make_data_engine(**options), options)
    for operation in history:
        pair.do(operation, columns=columns)
    pair.compare_state()


@few
@given(options=strategies.execution_settings(), history=strategies.execution_histories())
def test_events_are_the_twins(remote: Api, options: dict[str, Any], history: list[Operation]) -> None:
    pair = ExecutionPair(remote.make_execution_engine(**native_settings(options)), options)
    for operation in history:
        pair.do(operation)
    pair.compare_state()
