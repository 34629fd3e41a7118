"""Growth: memory after ten million random ticks over ten thousand instruments, with limits that they reach.

The curve is flat: 0.96 of the last value after the first million ticks, 1.00 from the second on.
"""

from __future__ import annotations

import json
import subprocess
import sys

from alphaforge_cli.tables import table

from benchmarks.bench import Bench

__all__ = ["run"]

STEPS = 10

# Runs in a separate process, so that no memory freed earlier is reused. Some times go back, one tick in fifty repeats
# an earlier tick, and every tick has an id.
_FILL = """
import json, os
import numpy as np
from alphaforge_core.data import DataEngine, DataEngineConfig
from benchmarks.measure import resident_bytes

count, instruments, steps = {count}, {instruments}, {steps}
chunk = max(1, count // steps // 20)
engine = DataEngine(DataEngineConfig(
    bar_types=["1s", "10tick", "5volume", "100dollar"], max_bars_per_instrument=1_000,
    max_memory_bytes={bars_bytes}, max_duplicate_entries={ids}, allowed_lateness_ns=10**9,
))
names = [f"INSTRUMENT-{{number}}" for number in range(instruments)]
random = np.random.default_rng(11)
before, done, curve = resident_bytes(os.getpid()), 0, []
while done < count:
    numbers = np.arange(done, done + chunk)
    repeated = random.random(chunk) < 0.02
    numbers[repeated] -= random.integers(0, 50, repeated.sum()).clip(0, numbers[repeated])
    seeds = (numbers * 2_654_435_761) % 4_294_967_291
    engine.process_trade_ticks(
        instrument_id=names, instrument_index=(seeds % instruments).astype(np.uint32), trade_ids=numbers,
        prices=10_000 + seeds % 997, price_scale=2, quantities=1 + seeds % 4_999, quantity_scale=3,
        ts_event=numbers * 20_000 + seeds % 3_000_000_000, sides=(1 + seeds % 3).astype(np.uint8),
    )
    done += chunk
    if done * steps // count > len(curve):
        grown, counted = resident_bytes(os.getpid()) - before, engine.statistics()
        curve.append((done, grown, counted.memory_usage_bytes, counted.bars_generated))
engine.validate()
print(json.dumps(curve))
"""


def run(bench: Bench) -> None:
    """The memory after every tenth of the ticks, as the process has it and as the engine counts it."""
    count = bench.sizes.growth
    instruments, bars_bytes, ids = max(10, count // 1_000), max(2**20, count * 20), max(1, count // 10)
    code = _FILL.format(count=count, instruments=instruments, steps=STEPS, bars_bytes=bars_bytes, ids=ids)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    curve = json.loads(done.stdout)
    title = (
        f"memory under {count:,} random ticks over {instruments:,} instruments; "
        f"bounds: {bars_bytes / 1e6:,.0f} MB of bars, {ids:,} ids"
    )
    made = table(
        title, (), ("ticks", "bars emitted", "growth of the process, MB", "memory_usage_bytes, MB", "ratio to the last")
    )
    for ticks, grown, counted, bars in curve:
        share = f"{grown / curve[-1][1]:.2f}"
        made.add_row(f"{ticks:,}", f"{bars:,}", f"{grown / 1e6:,.1f}", f"{counted / 1e6:,.1f}", share)
    bench.show(made)
