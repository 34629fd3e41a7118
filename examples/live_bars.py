"""Prints bars as they close, until it is stopped.

Start the services (`make run`) and this program, and replay trades in a third terminal:

    python examples/live_bars.py --bar-types 1min,100tick
    alphaforge replay trades.csv.gz --engine default --bars 1min,100tick --speed 10x

If the service restarts, the subscription continues where it stopped; lost events are reported as a Gap.
"""

from __future__ import annotations

import argparse
from itertools import islice

from alphaforge_client.data import DataEngine, DataEngineConfig, Gap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instrument", action="append", default=[], help="may be repeated; all if none is named")
    parser.add_argument("--bar-types", default="1min", help="comma separated")
    parser.add_argument("--engine", default="default")
    parser.add_argument("--count", type=int, help="number of bars to receive")
    arguments = parser.parse_args()
    bar_types = arguments.bar_types.split(",")
    with DataEngine(DataEngineConfig(bar_types=bar_types), name=arguments.engine) as engine:
        engine.wait_ready(timeout=10)
        print("waiting for bars", flush=True)
        for bar in islice(engine.subscribe_bars(arguments.instrument, bar_types), arguments.count):
            if isinstance(bar, Gap):
                print("missed some bars:", bar)
            else:
                print(
                    f"{bar.instrument_id} {bar.bar_type} {bar.sequence}: {bar.open} {bar.high} {bar.low} {bar.close}, "
                    f"{bar.volume} in {bar.trade_count} trades, vwap {bar.vwap}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
