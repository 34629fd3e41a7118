"""The demo keeps trading while an optional service is down."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine

from tests.support.stack import NOUNS, Stack
from tests.support.waiting import until

# More orders than can have been in flight when the cache was killed.
ORDERS = 40


@pytest.mark.timeout(180)
def test_the_demo_trades_on_without_the_cache(own_stack: Stack) -> None:
    own_stack.serve(*NOUNS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
    demo = subprocess.Popen(
        (sys.executable, "-m", "alphaforge_cli", "demo", "--rate", "200"),
        env=environment | own_stack.environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        with (
            ExecutionEngine(name="demo", target=own_stack.target("execution")) as venue,
            DataEngine(name="demo", target=own_stack.target("data")) as data,
        ):
            until(lambda: venue.statistics().orders_submitted > ORDERS, "the first orders", seconds=60)
            own_stack.kill("cache")
            orders, ticks = venue.statistics().orders_submitted, data.statistics().ticks_processed
            until(lambda: venue.statistics().orders_submitted > orders + ORDERS, "orders without a cache", seconds=60)
            assert data.statistics().ticks_processed > ticks
    finally:
        demo.terminate()
        assert demo.wait(60) == 0
