"""Shards on one machine, started by `alphaforge up --shards`: one is killed and restarted, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from alphaforge_client.data import DataEngineConfig, Gap
from alphaforge_client.errors import BatchError, Unavailable
from alphaforge_client.execution import ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_core.data import DataEngine as CoreDataEngine

from tests.support.native import plain_bar
from tests.support.partitioned import NAMES, clients_of, real_ticks
from tests.support.shards import Shards
from tests.support.stack import NOUNS, consecutive_ports
from tests.support.waiting import until


def test_a_shard_that_is_killed_and_comes_back_loses_nothing(own_shards: Shards) -> None:
    ticks = real_ticks(3_000)
    config = DataEngineConfig(bar_types=["1min", "50tick"])
    one = CoreDataEngine(config)
    one.start()
    received: list[Any] = []
    with clients_of(own_shards) as clients:
        data = clients.data(config, name="binance", partitions=4, timeout=120.0)
        data.start()
        subscription = data.subscribe_trades().listen(received.append)
        for start in range(0, len(ticks), 500):
            restart = None
            if start in (1_000, 3_000):
                stack = own_shards.stacks[start == 3_000]
                stack.kill("data")
                restart = threading.Thread(target=stack.start, args=("data",))
                restart.start()
            # The call waits for the shard, and its repeat is recognized.
            found, expected = (
                data.process_trade_ticks(ticks[start : start + 500]),
                one.process_trade_ticks(ticks[start : start + 500]),
            )
            if restart is not None:
                restart.join()
            assert list(map(plain_bar, found)) == list(map(plain_bar, expected))
        for name in NAMES:
            assert data.get_bars(name, "50tick") == one.get_bars(name, "50tick")
            assert data.open_bars(name) == one.open_bars(name)
        assert data.statistics().ticks_processed == len(ticks)
        until(lambda: len(received) >= len(ticks), lambda: f"{len(received)} of {len(ticks)} trades", 60)
        subscription.close()
        subscription.wait()
    by_name: dict[str, list[Any]] = defaultdict(list)
    for tick in received:
        assert not isinstance(tick, Gap)
        by_name[tick.instrument_id].append(tick)
    assert by_name == {name: [tick for tick in ticks if tick.instrument_id == name] for name in NAMES}


def test_orders_of_a_shard_that_is_down_are_named_and_may_be_submitted_again(own_shards: Shards) -> None:
    with clients_of(own_shards) as clients:
        settings = ExecutionEngineConfig(subscribe_market_data=False)
        venue = clients.execution(settings, name="paper", partitions=4, timeout=2.0)
        other = clients.execution(settings, name="paper", partitions=4, timeout=2.0)
        venue.wait_ready(60.0)
        other.wait_ready(60.0)
        orders = [Order.limit(name, OrderSide.Buy, 1, 5, TimeInForce.GoodTillCancel, "s") for name in NAMES]
        down = own_shards.stacks[1]
        down.kill("execution")
        with pytest.raises(BatchError) as caught:
            venue.submit_orders(orders)
        results = caught.value.results
        failed = [order for order, result in zip(orders, results, strict=True) if not isinstance(result, str)]
        assert 0 < len(failed) < len(orders)
        assert all(isinstance(result, (str, Unavailable)) for result in results)
        assert down.target("execution") in str(caught.value)
        # Returning None would be wrong: the shard that does not answer may have the order.
        with pytest.raises(Unavailable):
            other.get_order("unknown")
        down.start("execution")
        assert venue.submit_orders(orders, timeout=60.0) == [order.order_id for order in orders]
        assert venue.statistics().orders_open == len(orders)


def alphaforge(*words: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a verb of the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "alphaforge_cli", *words],
        capture_output=True, text=True, env=environment, cwd=folder, timeout=120, check=False,
    )  # fmt: skip


def test_up_starts_shards_and_says_what_clients_need(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
    log = tmp_path / "up.log"
    base = consecutive_ports(20)
    command = ["up", "--shards", "2", "--port-base", str(base), "--metrics-base", str(base + 10)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "alphaforge_cli", *command], cwd=tmp_path, stdout=file, stderr=file, env=environment
        )

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        return "\nalphaforge ready\n" in log.read_text()

    try:
        until(is_ready, log.read_text, 120, every=0.05)
        variables = dict(re.findall(r"export (ALPHAFORGE_\w+_TARGETS)=(\S+)", log.read_text()))
        assert sorted(variables) == sorted(f"ALPHAFORGE_{noun.upper()}_TARGETS" for noun in NOUNS)
        environment |= variables
        pinged = alphaforge("ping", environment=environment, folder=tmp_path)
        assert pinged.stdout.count(" serving") == 6, pinged.stdout + pinged.stderr
        for key in ("a", "b"):
            stored = alphaforge("cache", "put", key, "1", environment=environment, folder=tmp_path)
            assert stored.returncode == 0, stored.stderr
        shown = alphaforge("cache", "keys", environment=environment, folder=tmp_path)
        assert sorted(shown.stdout.split()) == ["a", "b"]
        missing = alphaforge("orders", "--engine", "none", environment=environment, folder=tmp_path)
        assert missing.returncode == 1
        assert "no engine none" in missing.stderr
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()
    other = alphaforge("up", "--shards", "3", environment=environment, folder=tmp_path)
    assert other.returncode != 0
    assert "2 shards" in " ".join(other.stderr.split())
