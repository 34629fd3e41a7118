"""A user's program with worker processes: `python program_with_workers.py fork`, or spawn, forkserver, asyncio.

It finds the services by the environment, and ends with 0 if all went well.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import threading

from alphaforge_client.aio.cache import GenericCache as AsyncGenericCache
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import EngineError
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig, Order, OrderSide, TimeInForce
from alphaforge_client.model import TradeTick

WORKERS = 4


def work(number: int, bars: DataEngineConfig, venue: ExecutionEngineConfig) -> None:
    """Runs in a worker: uses its own clients, created from its parent's configurations."""
    name = f"worker-{number}"
    with (
        GenericCache(name="workers") as cache,
        DataEngine(bars, name="workers") as data,
        ExecutionEngine(venue, name="workers") as execution,
    ):
        [bar] = data.process_trade_tick(TradeTick(name, 100, 1, "BUY", "", 10**18))
        order = Order.limit(name, OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, name)
        cache.put(name, [bar.sequence, execution.submit_order(order) == order.order_id])


def with_threads(method: str) -> None:
    """Starts workers while threads of the parent call, and continues."""
    stop = threading.Event()
    failed: list[BaseException] = []
    with GenericCache(name="workers") as cache:

        def keep_calling(number: int) -> None:
            while not stop.is_set():
                try:
                    cache.put(f"parent-{number}", number)
                    assert cache.get(f"parent-{number}") == number
                except BaseException as error:
                    failed.append(error)
                    return

        threads = [threading.Thread(target=keep_calling, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        configurations = DataEngineConfig(bar_types=["1tick"]), ExecutionEngineConfig(max_open_orders=100)
        context = multiprocessing.get_context(method)
        workers = [context.Process(target=work, args=(number, *configurations)) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
            assert worker.exitcode == 0, worker
        stop.set()
        for thread in threads:
            thread.join()
        assert failed == []
        assert [cache.get(f"worker-{number}") for number in range(WORKERS)] == [[1, True]] * WORKERS


def try_both() -> None:
    """Tries what a child can't do while its parent has an aio client open."""
    for make in (lambda: GenericCache(name="workers").size(), lambda: asyncio.run(AsyncGenericCache(name="w").size())):
        try:
            make()
            reason = None
        except EngineError as error:
            reason = error.reason
        assert reason == "FORK_UNSAFE", "a client in a child that would break its parent"


async def with_tasks() -> None:
    """Forks workers while tasks of the parent call, and continues."""
    stop = False
    calls = 0
    called = asyncio.Event()
    async with AsyncGenericCache(name="workers") as cache:

        async def keep_calling(number: int) -> None:
            nonlocal calls
            while not stop:
                await cache.put(f"task-{number}", number)
                assert await cache.get(f"task-{number}") == number
                calls += 1
                called.set()

        tasks = [asyncio.create_task(keep_calling(number)) for number in range(8)]
        for target in (sum, try_in_child):
            worker = multiprocessing.get_context("fork").Process(target=target, args=((),))
            worker.start()
            await asyncio.to_thread(worker.join, 60)
            assert worker.exitcode == 0, worker
            before = calls
            while calls < before + 100:
                await called.wait()
                called.clear()
        stop = True
        await asyncio.gather(*tasks)


def try_in_child(_: object) -> None:
    # A forked child inherits the flag that says a loop runs.
    asyncio._set_running_loop(None)
    try_both()


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio.run(with_tasks())
    else:
        with_threads(sys.argv[1])
