"""Ticks as plain values, and the real trades that tests replay."""

from __future__ import annotations

import csv
import gzip
from fractions import Fraction
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest
from alphaforge_core.model import TradeTick

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NANO = Fraction(1, 10**9)  # the step of prices and quantities

REAL_TRADES = Path(__file__).resolve().parents[3] / "shared" / "data"
BTCUSDT = "binance_usdm_btcusdt_20240808_trades.csv.gz"
SPY = "lean_spy_20131008_trades.csv.gz"

# The start of `zigzag`, in seconds; a three-second bar begins here.
ZIGZAG_START = 1_700_000_001
_ZIGZAG_PRICES = (100, 101, 103, 102, 99, 98, 101, 104, 103, 100)


def zigzag(count: int = 60) -> list[TradeTick]:
    """Trades of BTCUSD, one a second, whose prices rise and fall."""
    return [
        TradeTick("BTCUSD", price, 5, "BUY", f"t{number}", ts_event=(ZIGZAG_START + number) * SECOND)
        for number, price in zip(range(count), cycle(_ZIGZAG_PRICES), strict=False)
    ]


class Tick(NamedTuple):
    """A trade as the twins see it: exact numbers, times in nanoseconds since the Unix epoch."""

    instrument_id: str
    price: Fraction
    quantity: Fraction
    aggressor_side: str = "NONE"
    trade_id: str = ""
    ts_event: int = 0
    ts_init: int = 0


def half_even(number: Fraction, places: int) -> Fraction:
    """Round to `places` decimal places, ties to the even digit (as Python rounds a fraction to an integer)."""
    return Fraction(round(number * 10**places), 10**places)


def decimal_text(number: Fraction) -> str:
    """The number as a decimal string; it must have at most 18 decimal places."""
    scaled = number * 10**18
    if scaled.denominator != 1:
        raise AssertionError(f"{number} has more than 18 decimal places")
    digits = f"{abs(scaled.numerator):019d}"
    text = f"{digits[:-18]}.{digits[-18:]}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text


@cache
def real_trades(name: str) -> tuple[dict[str, str], ...]:
    """Returns every row of a file of real trades, as strings; skips the test if the file is missing."""
    path = REAL_TRADES / name
    if not path.exists():
        pytest.skip(f"the real trades {name} are not in {REAL_TRADES}")
    with gzip.open(path, "rt", newline="") as file:
        return tuple(csv.DictReader(file))
