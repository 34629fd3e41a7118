"""Every kind of worker process and a thousand threads work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

from tests.support.programs import PROGRAMS
from tests.support.stack import NOUNS, Stack, running_stack

THREADS = 1_000


@pytest.mark.parametrize("kind", ["fork", "forkserver", "spawn", "asyncio"])
def test_programs_with_worker_processes_work(tmp_path: Path, kind: str) -> None:
    with running_stack(tmp_path) as stack:
        stack.serve(*NOUNS)
        program = [sys.executable, "-W", "error", str(PROGRAMS / "program_with_workers.py"), kind]
        environment = os.environ | stack.environment()
        run = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


PROGRAM_THAT_CLOSES_NOTHING = """
import asyncio
from alphaforge_client.aio.data import DataEngine, DataEngineConfig
from alphaforge_client.model import TradeTick

async def main():
    engine = DataEngine(DataEngineConfig(bar_types=["1tick"]), name="unclosed")
    bars = []
    subscription = await engine.subscribe_bars().listen(bars.append)
    while len(bars) < 10:
        await engine.process_trade_tick(TradeTick("X", 1, 1, "BUY", "", 1))
    print("the end")

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_a_program_that_closes_nothing_ends_all_the_same(stack: Stack, kind: str) -> None:
    stack.serve("data")
    program = PROGRAM_THAT_CLOSES_NOTHING
    if kind == "threads":
        for old, new in ((".aio", ""), ("async ", ""), ("await ", ""), ("asyncio.run(main())", "main()")):
            program = program.replace(old, new)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | stack.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "the end\n", "")


PROGRAM_THAT_SENDS_AT_ITS_EXIT = """
import atexit
from alphaforge_client._wire.ticks import CHUNK_TICKS_MAX
from alphaforge_client.data import DataEngine, DataEngineConfig

engine = DataEngine(DataEngineConfig(bar_types=["100tick"]), name="exit")
count = 3 * CHUNK_TICKS_MAX

@atexit.register
def send():
    columns = {"prices": [1] * count, "quantities": [1] * count, "ts_event": range(count)}
    print(len(engine.process_trade_ticks(instrument_id="X", **columns)) == count // 100)
"""


def test_a_large_batch_can_be_sent_while_the_interpreter_ends(stack: Stack) -> None:
    # At exit, Python starts no more threads, so none can prepare the next piece concurrently.
    stack.serve("data")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM_THAT_SENDS_AT_ITS_EXIT],
        env=os.environ | stack.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "True\n", "")


def all_at_once(work: Callable[[int], None]) -> None:
    """Runs `work` in a thousand threads that start together. Raises an error that one of them raised."""
    begin = threading.Event()
    failed: list[BaseException] = []

    def run(number: int) -> None:
        begin.wait(60)
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    begin.set()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.parametrize("coalesce", [True, False])
def test_a_thousand_threads_on_one_client_each_get_their_own_answers(stack: Stack, coalesce: bool) -> None:
    stack.serve(*NOUNS)
    name = f"threads-{uuid.uuid4()}"
    cache = GenericCache(name=name, target=stack.target("cache"), timeout=60, coalesce=coalesce)
    data = DataEngine(
        DataEngineConfig(bar_types=["1tick"]), name=name, target=stack.target("data"), timeout=60, coalesce=coalesce
    )
    execution = ExecutionEngine(name=name, target=stack.target("execution"), timeout=60, coalesce=coalesce)
    before = threading.active_count()

    def work(number: int) -> None:
        cache.put(f"key-{number}", number)
        assert cache.get(f"key-{number}") == number
        for nth in (1, 2):
            [bar] = data.process_trade_tick(TradeTick(f"I-{number}", 100 + nth, 1, "BUY", "", 10**18 + nth))
            assert (bar.instrument_id, bar.sequence) == (f"I-{number}", nth)
        order = Order.limit(f"I-{number}", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "s")
        assert execution.submit_order(order) == order.order_id
        assert execution.cancel_order(order.order_id) is True

    all_at_once(work)
    assert cache.size() == THREADS
    assert data.statistics().ticks_processed == 2 * THREADS
    assert execution.statistics().orders_cancelled == THREADS
    assert threading.active_count() <= before + 2
    for client in (cache, data, execution):
        client.close()
