"""`alphaforge replay` of a file, compared with polars, which reads it and makes the same bars."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from alphaforge_cli.tables import table
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.files import read_trades

from benchmarks.bench import Bench

__all__ = ["run"]

START_NS = 1_700_000_000 * 10**9
# Target ratios.
AIMS = {"csv": 4, "parquet": 8}


def run(bench: Bench) -> None:
    """Trades of a busy day. The command's start, measured on a file of one trade, is subtracted."""
    count = bench.sizes.growth // 5
    made = table(
        f"replay of {count:,} trades, {bench.sizes.repetitions} repetitions",
        ("file",),
        ("polars s", "replay s", "ratio", "aim", "start s"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trades = _trades(count)
        for kind, aim in AIMS.items():
            path, one = folder / f"trades.{kind}", folder / f"one.{kind}"
            _write(trades, path)
            _write(trades.head(1), one)
            bench.check(f"bars of a {kind} file", len(_polars_bars(path)) - 1, _engine_bars(path))
            polars, replay, start = [], [], []
            for _ in range(bench.sizes.repetitions):
                polars.append(_seconds(partial(_polars_bars, path)))
                replay.append(_seconds(partial(_replay, bench, path)))
                start.append(_seconds(partial(_replay, bench, one)))
            theirs, begun = statistics.median(polars), statistics.median(start)
            ours = statistics.median(replay) - begun
            figures = (f"{theirs:.2f}", f"{ours:.2f}", f"{ours / theirs:.1f}", f"<= {aim}", f"{begun:.2f}")
            made.add_row(kind.upper(), *figures)
    bench.show(made)


def _trades(count: int) -> pl.DataFrame:
    chance = np.random.default_rng(random.Random(1).randrange(2**32))
    return pl.DataFrame(
        {
            "instrument_id": pl.Series(["BTCUSD"]).new_from_index(0, count),
            "trade_id": np.arange(count),
            "ts_event": START_NS + np.sort(chance.integers(0, 86_400 * 10**9, count)),
            "price": (6_000_000 + chance.integers(-100, 101, count).cumsum()) / 100,
            "quantity": chance.integers(1, 10_000, count) / 1000,
            "aggressor_side": np.where(chance.random(count) < 0.5, "BUY", "SELL"),
        }
    )


def _write(trades: pl.DataFrame, path: Path) -> None:
    trades.write_csv(path) if path.suffix == ".csv" else trades.write_parquet(path)


def _polars_bars(path: Path) -> pl.DataFrame:
    """Builds minute bars with the same fields as ours."""
    trades = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    price, quantity, side = pl.col("price"), pl.col("quantity"), pl.col("aggressor_side")
    return (
        trades.with_columns(pl.from_epoch("ts_event", "ns"))
        .group_by_dynamic("ts_event", every="1m", group_by="instrument_id")
        .agg(
            price.first().alias("open"),
            price.max().alias("high"),
            price.min().alias("low"),
            price.last().alias("close"),
            quantity.sum().alias("volume"),
            (price * quantity).sum().alias("value"),
            pl.len().alias("trade_count"),
            quantity.filter(side == "BUY").sum().alias("buy_volume"),
            quantity.filter(side == "SELL").sum().alias("sell_volume"),
        )
    )


def _engine_bars(path: Path) -> int:
    engine = DataEngine(DataEngineConfig(bar_types=["1min"]))
    return sum(len(engine.process_batch(block.batch)) for block in read_trades(path))


def _replay(bench: Bench, path: Path) -> None:
    command = [sys.executable, "-m", "alphaforge_cli", "replay", str(path), "--target", bench.stack.targets["data"]]
    subprocess.run(command, check=True, capture_output=True)


def _seconds(operation: Callable[[], object]) -> float:
    started = time.perf_counter()
    operation()
    return time.perf_counter() - started
