"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from alphaforge_core.model import Bar
from rich.table import Table

__all__ = ["bars_table", "moment", "totals_table"]


def moment(ts_ns: int) -> str:
    """A time in nanoseconds since the Unix epoch as UTC text, to the millisecond."""
    seconds = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    return f"{seconds:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03}"


def bars_table(bar_type: str, closed: Iterable[Bar], unfinished: Iterable[Bar]) -> Table:
    """Closed bars, oldest first, then the open ones."""
    table = Table(title=f"{bar_type} bars", title_justify="left")
    for heading in ("instrument", "open time (UTC)", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("open", "high", "low", "close", "volume", "trades", "vwap"):
        table.add_column(heading, justify="right", no_wrap=True)
    for state, bars in (("closed", closed), ("open", unfinished)):
        for bar in bars:
            flags = [name for name in ("partial", "gap_fill", "oversize") if getattr(bar, f"is_{name}")]
            prices = (str(price) for price in (bar.open, bar.high, bar.low, bar.close))
            table.add_row(
                bar.instrument_id, moment(bar.ts_open), " ".join([state, *flags]), *prices,
                str(bar.volume), str(bar.trade_count), "" if bar.vwap is None else str(bar.vwap),
            )  # fmt: skip
    return table


def totals_table(closed: Mapping[str, tuple[int, Decimal]], unfinished: Iterable[Bar]) -> Table:
    """Per bar type: how many bars closed, and where all the volume is."""
    table = Table(title="volume, closed and open", title_justify="left")
    table.add_column("bars", no_wrap=True)
    for heading in ("closed bars", "closed volume", "open volume", "total"):
        table.add_column(heading, justify="right", no_wrap=True)
    open_volume = dict.fromkeys(closed, Decimal(0))
    for bar in unfinished:
        open_volume[str(bar.bar_type)] += bar.volume.as_decimal()
    for name, (count, volume) in closed.items():
        volumes = (volume, open_volume[name], volume + open_volume[name])
        table.add_row(name, f"{count:,}", *(f"{number.normalize():,f}" for number in volumes))
    return table
