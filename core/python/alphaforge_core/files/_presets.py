"""Vendors' formats: names and meanings of columns, as documented by each vendor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

__all__ = ["FIELDS", "PRESETS", "Preset", "SideMeaning", "recognised", "refuse_quotes"]

# The fields. `date` and `time` together are `ts_event`.
FIELDS = ("ts_event", "price", "quantity", "instrument_id", "ts_init", "aggressor_side", "trade_id", "date", "time")

# aggressor: the taker's side; maker: the maker's side; buyer_is_maker, seller_is_taker: true or false.
SideMeaning = Literal["aggressor", "maker", "buyer_is_maker", "seller_is_taker", "one_is_sell"]


@dataclass(frozen=True)
class Preset:
    """One vendor's format.

    columns: the file's name of each field, in lower case.
    signature: names of a header that identify the format.
    positions: column names of a file without a header, and `kinds` the form of its cells: i an integer, n a number,
    b true or false, t any other text.
    """

    name: str
    title: str
    columns: Mapping[str, str]
    signature: frozenset[str] = frozenset()
    positions: tuple[str, ...] = ()
    kinds: str = ""
    side: SideMeaning = "aggressor"
    time_unit: str | None = None
    price_scale: int = 0
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    instrument_in_name: str = ""


def _preset(name: str, title: str, signature: Sequence[str] = (), **more: object) -> Preset:
    return Preset(name, title, signature=frozenset(signature), **more)  # type: ignore[arg-type]


_BINANCE_NAME = r"^([A-Z0-9_]+)-(?:aggT|t)rades-"
_BINANCE_TRADES = {
    "trade_id": "id", "price": "price", "quantity": "qty", "ts_event": "time", "aggressor_side": "is_buyer_maker",
}  # fmt: skip
_BINANCE_AGG = {
    "trade_id": "agg_trade_id", "price": "price", "quantity": "quantity", "ts_event": "transact_time",
    "aggressor_side": "is_buyer_maker",
}  # fmt: skip
_AGG_NAMES = ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker")
_TRADE_NAMES = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker")

_ALL = (
    _preset(
        "alphaforge", "AlphaForge, as `record` writes it", ("instrument_id", "ts_event", "price", "quantity"),
        columns={each: each for each in FIELDS[:7]},
    ),
    _preset(
        "binance-spot-trades", "Binance spot trades", columns=_BINANCE_TRADES, positions=(*_TRADE_NAMES, "is_best"),
        kinds="innnibb", side="buyer_is_maker", instrument_in_name=_BINANCE_NAME,
    ),
    _preset(
        "binance-spot-aggtrades", "Binance spot aggTrades", columns=_BINANCE_AGG, positions=(*_AGG_NAMES, "is_best"),
        kinds="inniiibb", side="buyer_is_maker", instrument_in_name=_BINANCE_NAME,
    ),
    _preset(
        "binance-futures-trades", "Binance futures trades", _TRADE_NAMES, columns=_BINANCE_TRADES,
        positions=_TRADE_NAMES, kinds="innnib", side="buyer_is_maker", instrument_in_name=_BINANCE_NAME,
    ),
    _preset(
        "binance-futures-aggtrades", "Binance futures aggTrades", _AGG_NAMES, columns=_BINANCE_AGG,
        positions=_AGG_NAMES, kinds="inniiib", side="buyer_is_maker", instrument_in_name=_BINANCE_NAME,
    ),
    _preset(
        "bybit", "Bybit derivatives", ("timestamp", "symbol", "side", "size", "price", "trdmatchid"),
        columns={
            "ts_event": "timestamp", "instrument_id": "symbol", "aggressor_side": "side", "quantity": "size",
            "price": "price", "trade_id": "trdmatchid",
        },
    ),
    _preset(
        "bybit-spot", "Bybit spot", ("id", "timestamp", "price", "volume", "side"),
        columns={
            "trade_id": "id", "ts_event": "timestamp", "price": "price", "quantity": "volume", "aggressor_side": "side",
        },
        instrument_in_name=r"^([A-Z0-9]+)_\d{4}-\d{2}",
    ),
    _preset(
        "kraken", "Kraken, and bitcoincharts", columns={"ts_event": "time", "price": "price", "quantity": "volume"},
        positions=("time", "price", "volume"), kinds="inn", time_unit="s", instrument_in_name=r"^\.?([A-Za-z0-9]+)\.",
    ),
    _preset(
        "coinbase", "Coinbase Exchange", ("trade_id", "time", "price", "size", "side"),
        columns={
            "trade_id": "trade_id", "ts_event": "time", "price": "price", "quantity": "size", "aggressor_side": "side",
            "instrument_id": "product_id",
        },
        side="maker",
    ),
    _preset(
        "tardis", "Tardis.dev trades",
        ("exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"),
        columns={
            "instrument_id": "symbol", "ts_event": "timestamp", "ts_init": "local_timestamp", "trade_id": "id",
            "aggressor_side": "side", "price": "price", "quantity": "amount",
        },
        time_unit="us",
    ),
    _preset(
        "databento", "Databento trades, CSV or Parquet", ("ts_event", "rtype", "action", "side", "price", "size"),
        columns={
            "ts_event": "ts_event", "ts_init": "ts_recv", "price": "price", "quantity": "size",
            "aggressor_side": "side", "instrument_id": "symbol", "trade_id": "sequence",
        },
        price_scale=9, where={"action": frozenset({"T", "t"})},
    ),
    _preset(
        "polygon", "Polygon.io trades", ("ticker", "participant_timestamp", "price", "sip_timestamp", "size"),
        columns={
            "instrument_id": "ticker", "ts_event": "participant_timestamp", "ts_init": "sip_timestamp",
            "price": "price", "quantity": "size", "trade_id": "id",
        },
        time_unit="ns",
    ),
    _preset(
        "kaiko", "Kaiko trades", ("id", "exchange", "symbol", "date", "price", "amount", "sell"),
        columns={
            "trade_id": "id", "instrument_id": "symbol", "ts_event": "date", "price": "price", "quantity": "amount",
            "aggressor_side": "sell",
        },
        side="seller_is_taker", time_unit="ms",
    ),
    _preset(
        "bitstamp", "Bitstamp transactions", ("date", "tid", "price", "amount", "type"),
        columns={
            "ts_event": "date", "trade_id": "tid", "price": "price", "quantity": "amount", "aggressor_side": "type",
        },
        side="one_is_sell",
    ),
    _preset(
        "okx", "OKX trades", ("trade_id", "side", "size", "price", "created_time"),
        columns={
            "trade_id": "trade_id", "aggressor_side": "side", "quantity": "size", "price": "price",
            "ts_event": "created_time", "instrument_id": "instrument_name",
        },
        time_unit="ms", instrument_in_name=r"^([A-Z0-9]+-[A-Z0-9]+(?:-[A-Z0-9]+)?)-trades-",
    ),
)  # fmt: skip
PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})


def recognised(names: Sequence[str] | None, first_rows: Sequence[Sequence[str]]) -> Preset | None:
    """The format of a file with this header or, without a header, with these first rows."""
    if names is not None:
        known = [preset for preset in _ALL if preset.signature and preset.signature <= set(names)]
        return max(known, key=lambda preset: len(preset.signature), default=None)
    if not first_rows:
        return None
    kinds = "".join(_kind([row[place] for row in first_rows]) for place in range(len(first_rows[0])))
    return next((preset for preset in _ALL if preset.kinds and _fits(kinds, preset)), None)


def _kind(cells: Sequence[str]) -> str:
    if all(re.fullmatch(r"\d+", cell) for cell in cells):
        return "i"
    if all(re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell) for cell in cells):
        return "n"
    return "b" if all(cell.lower() in {"true", "false"} for cell in cells) else "t"


def _fits(kinds: str, preset: Preset) -> bool:
    """Integers match numbers too."""
    return len(kinds) == len(preset.kinds) and all(
        kind == wanted or (kind == "i" and wanted == "n") for kind, wanted in zip(kinds, preset.kinds, strict=True)
    )


def refuse_quotes(names: Sequence[str] | None, first_rows: Sequence[Sequence[str]]) -> str | None:
    """The error for a file of quotes; None if it isn't one."""
    said = "holds quotes (bid and ask), not trades; bars and fills are made from trades"
    if names is not None:
        has_both = all(any(word in name for name in names) for word in ("bid", "ask"))
        has_price = any(name in {"price", "px", "last", "trade_price"} for name in names)
        return said if has_both and not has_price else None
    # TrueFX: EUR/USD,20240101 22:00:00.123,1.10412,1.10418
    is_truefx = bool(first_rows) and all(
        len(row) == 4 and re.fullmatch(r"[A-Z]{3}/[A-Z]{3}", row[0]) and re.match(r"\d{8} \d\d:", row[1])
        for row in first_rows
    )
    return said if is_truefx else None
