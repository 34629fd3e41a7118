"""Memory: a cache of many entries, and services that do nothing."""

from __future__ import annotations

import json
import subprocess
import sys

from alphaforge_cli.tables import table

from benchmarks.bench import Bench
from benchmarks.measure import resident_bytes

__all__ = ["run"]

# Runs in a separate process, so that no memory freed earlier is reused.
_FILL = """
import json, os
from alphaforge_core.cache import GenericCache
from benchmarks.measure import resident_bytes
count = {count}
cache = GenericCache(max_size=count, default_ttl={ttl})
before = resident_bytes(os.getpid())
for number in range(count):
    cache.put(f"{{number:016}}", b"v" * 64)
print(json.dumps([resident_bytes(os.getpid()) - before, cache.statistics().estimated_memory_bytes]))
"""


def run(bench: Bench) -> None:
    """What a million entries of 16-byte keys and 64-byte values take, and each service before it is used."""
    count = bench.sizes.entries
    made = table(f"memory of {count:,} entries, 16-byte keys and 64-byte values", ("what",), ("MB", "bytes per entry"))
    for what, ttl in (("that expire", "86400.0"), ("that never expire", "float('inf')")):
        fill = [sys.executable, "-c", _FILL.format(count=count, ttl=ttl)]
        grown, estimated = json.loads(subprocess.run(fill, check=True, capture_output=True, text=True).stdout)
        made.add_row(f"growth of the process, entries {what}", f"{grown / 1e6:,.1f}", f"{grown / count:.0f}")
        made.add_row(f"estimated_memory_bytes, entries {what}", f"{estimated / 1e6:,.1f}", f"{estimated / count:.0f}")
    bench.show(made)
    idle = table("memory of a service that just started", ("service",), ("MB",))
    for noun, process in bench.stack.processes.items():
        idle.add_row(noun, f"{resident_bytes(process) / 1e6:,.1f}")
    bench.show(idle)
