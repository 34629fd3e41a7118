"""Prints the engines' counters every few seconds, with a warning for unusual values.

    python examples/monitoring.py --interval 5

Prometheus reads the same numbers from the services' /metrics; this example shows how a program reads them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.execution import ExecutionEngine


def warnings(cache: GenericCache, data: DataEngine, execution: ExecutionEngine) -> Iterator[str]:
    """Prints one line per engine and yields warnings about unusual values."""
    entries = cache.statistics()
    print(f"cache      {entries.entries:,} entries, hit ratio {entries.hit_ratio:.0%}, {entries.evictions:,} evictions")
    if entries.total_operations > 1000 and entries.hit_ratio < 0.8:
        yield f"only {entries.hit_ratio:.0%} of the cache's reads find something"

    ticks = data.statistics()
    print(f"data       {ticks.ticks_processed:,} ticks, {ticks.processing_rate:,.0f}/s, {ticks.bars_generated:,} bars")
    if ticks.ticks_rejected:
        yield f"{ticks.ticks_rejected:,} ticks were refused"
    if ticks.late_ticks > ticks.ticks_processed // 100:
        yield f"{ticks.late_ticks:,} ticks came too late for their bar"

    orders = execution.statistics()
    print(
        f"execution  {orders.orders_submitted:,} orders, {orders.fill_ratio:.0%} filled, "
        f"{orders.avg_execution_latency_ms:.3f} ms each"
    )
    if orders.avg_execution_latency_ms > 10.0:
        yield f"an order takes {orders.avg_execution_latency_ms:.1f} ms"
    if orders.orders_rejected:
        yield f"{orders.orders_rejected:,} orders were rejected"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="default", help="the name of the three engines")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds")
    parser.add_argument("--rounds", type=int, help="number of rounds; without it, it runs until stopped")
    arguments = parser.parse_args()
    name = arguments.engine
    cache, data, execution = GenericCache(name=name), DataEngine(name=name), ExecutionEngine(name=name)
    done = 0
    while True:
        try:
            for warning in warnings(cache, data, execution):
                print("WARNING   ", warning)
        except AlphaForgeError as error:
            # If the service restarts, the next call finds it again.
            print("WARNING   ", error)
        done += 1
        if done == arguments.rounds:
            break
        time.sleep(arguments.interval)
    for client in (cache, data, execution):
        client.close()


if __name__ == "__main__":
    main()
