"""State that several processes share through the cache: run it in two terminals at once.

    python examples/shared_state.py --name left
    python examples/shared_state.py --name right

Values keep their type: a Decimal is returned as a Decimal, a NumPy array as an array.
"""

from __future__ import annotations

import argparse
from decimal import Decimal

import numpy as np
from alphaforge_client.cache import GenericCache


def expensive_limits() -> dict[str, Decimal]:
    """Computed by only one of the processes."""
    print("working the limits out")
    return {"BTCUSDT": Decimal("1.5"), "ETHUSDT": Decimal(20)}


def spend(cache: GenericCache, key: str, amount: Decimal) -> bool:
    """Takes an amount from the budget; False if too little is left. Safe while other processes do the same."""
    while True:
        entry = cache.get_entry(key)
        if entry is None:
            if cache.put_if_absent(key, Decimal(100)):
                print("a budget of 100 for all")
            continue
        left, version, _seconds = entry
        if left < amount:
            return False
        if cache.compare_and_swap(key, version, left - amount):
            return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="one")
    parser.add_argument("--cache", default="shared-state", help="the cache's name")
    arguments = parser.parse_args()
    with GenericCache(name=arguments.cache, default_ttl=600.0) as cache:
        cache.wait_ready(timeout=10)

        limits = cache.get_or_compute("limits", expensive_limits)
        print("limits", limits)

        print("runs so far", cache.increment("runs"))
        while spend(cache, "budget", Decimal(30)):
            print(f"{arguments.name} spent 30")
        print("left", cache.get("budget"))

        cache.put_many({f"signals/{arguments.name}": np.linspace(-1.0, 1.0, 5), "heartbeat": arguments.name}, ttl=60.0)
        for key, signal in cache.get_many(cache.keys("signals/")).items():
            print(key, signal)


if __name__ == "__main__":
    main()
