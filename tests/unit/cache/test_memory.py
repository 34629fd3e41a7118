"""A cache's reported memory is the growth of the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# In a separate process, so that no memory freed earlier is reused.
FILL = """
import json, os, sys
from alphaforge_core.cache import GenericCache
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
count, size, ttl = 200_000, int(sys.argv[1]), float(sys.argv[2])
cache = GenericCache(count, ttl)
value = b"v" * size
before = resident()
for number in range(count):
    cache.put(f"{number:016}", value)
print(json.dumps([resident() - before, cache.statistics().estimated_memory_bytes]))
"""


@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer's allocator takes more than the system's")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("size", [8, 64, 1_000])
@pytest.mark.parametrize("ttl", ["3600", "inf"])
def test_the_estimate_is_within_fifteen_per_cent_of_the_growth(size: int, ttl: str) -> None:
    done = subprocess.run([sys.executable, "-c", FILL, str(size), ttl], check=True, capture_output=True, text=True)
    grown, estimated = json.loads(done.stdout)
    assert 0.85 < estimated / grown < 1.15
