"""Reads files of trades as batches of ticks: vendors' CSV and Parquet, exactly, with every lost row counted.

Needs pyarrow: `pip install 'alphaforge-core[files]'`.
"""

from alphaforge_core.files._bytes import STDIN
from alphaforge_core.files._presets import FIELDS, PRESETS, Preset, SideMeaning
from alphaforge_core.files._report import BadRow, ReadReport, TradeFileError
from alphaforge_core.files._times import TimeUnit, parse_time
from alphaforge_core.files.reader import ReadOptions, TradeBlock, TradeReader, read_trades

__all__ = [
    "FIELDS",
    "PRESETS",
    "STDIN",
    "BadRow",
    "Preset",
    "ReadOptions",
    "ReadReport",
    "SideMeaning",
    "TimeUnit",
    "TradeBlock",
    "TradeFileError",
    "TradeReader",
    "parse_time",
    "read_trades",
]
