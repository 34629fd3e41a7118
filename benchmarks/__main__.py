"""`python -m benchmarks [--quick]`: the engines, the services and a bare echo, side by side in one run."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from benchmarks import (
    cache,
    cluster,
    data,
    durability,
    execution,
    fanout,
    files,
    growth,
    memory,
    overload,
    peers,
    queries,
    relay,
    scale,
    shards,
    spread,
    startup,
    state,
    subscribers,
)
from benchmarks.bench import Bench, Sizes
from benchmarks.echo import echo_server
from benchmarks.measure import work_hash
from benchmarks.results import Run, part_of
from benchmarks.stack import running_stack

FULL = Sizes(
    repetitions=5,
    items=200_000,
    calls=2_000,
    resting=1_000_000,
    entries=1_000_000,
    growth=10_000_000,
    subscribers=(0, 100, 1_000),
)
QUICK = Sizes(repetitions=1, items=5_000, calls=50, resting=5_000, entries=5_000, growth=20_000, subscribers=(0, 3))
# Memory runs first, while the services are still unused.
PARTS = {
    "memory": memory.run,
    "startup": startup.run,
    "cache": cache.run,
    "data": data.run,
    "execution": execution.run,
    "durability": durability.run,
    "growth": growth.run,
    "scale": scale.run,
    "files": files.run,
    "subscribers": subscribers.run,
    "fanout": fanout.run,
    "state": state.run,
    "queries": queries.run,
    "peers": peers.run,
    "overload": overload.run,
    "relay": relay.run,
    "shards": shards.run,
    "spread": spread.run,
    "cluster": cluster.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of everything, to see that it runs")
    parser.add_argument("--only", choices=PARTS, nargs="+", help="these parts alone")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every table to a file too, for benchmarks.page"
    )
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}; compare within a run, not between runs")
    with echo_server() as (echo_target, echo_process), running_stack() as stack:
        bench = Bench(QUICK if arguments.quick else FULL, stack, echo_target, echo_process)
        parts = {}
        if arguments.only and arguments.json and arguments.json.exists():
            # Parts measured again replace those of earlier runs.
            parts = {part.name: part for part in Run.model_validate_json(arguments.json.read_text()).parts}
        for name, run in PARTS.items():
            if name in (arguments.only or PARTS):
                run(bench)
                parts[name] = part_of(name, run, bench.shown)
                bench.shown.clear()
                if arguments.json:
                    # Written after each part, so that an interrupted run keeps its results.
                    done = Run.now([parts[name] for name in PARTS if name in parts], work_hash(bench.work))
                    arguments.json.write_text(done.model_dump_json(indent=1) + "\n")
    print(f"work {work_hash(bench.work)}")


if __name__ == "__main__":
    main()
