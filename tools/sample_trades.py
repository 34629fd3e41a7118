"""Writes examples/trades.csv.gz: twenty minutes of synthetic BTCUSD trades for the documentation's first steps.

    python tools/sample_trades.py

The trades are always the same, because the random generator is seeded and the archive has no date.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

FILE = Path(__file__).parents[1] / "examples/trades.csv.gz"

SEED = 7
COUNT = 12_000
START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
SPAN_NS = 1_200_000_000_000
FIRST_PRICE = 6_400_000  # in cents


def lines() -> Iterator[str]:
    """The lines of the file: the price moves by whole dollars, up after a buy and down after a sell."""
    yield "instrument_id,trade_id,ts_event,price,quantity,aggressor_side"
    generator = random.Random(SEED)
    times = sorted(START_NS + int(generator.random() * SPAN_NS) for _ in range(COUNT))
    price, drift = FIRST_PRICE, 0.0
    for number, time in enumerate(times, start=1):
        # Fading momentum gives a strategy something to find.
        drift = 0.98 * drift + 0.02 * (generator.random() - 0.5)
        is_buy = generator.random() < 0.5 + 2 * drift
        if generator.random() < 0.4:
            price += 100 if is_buy else -100
        quantity = 1 + int(2_000 * generator.random() ** 4)
        side = "BUY" if is_buy else "SELL"
        yield f"BTCUSD,{number},{time},{price // 100}.{price % 100:02},{quantity / 10_000:.4f},{side}"


def content() -> bytes:
    """The compressed file."""
    return gzip.compress("".join(f"{line}\n" for line in lines()).encode(), mtime=0)


if __name__ == "__main__":
    FILE.write_bytes(content())
