"""Tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from alphaforge_core.model import Bar
from rich.console import Console
from rich.table import Table

__all__ = ["bars_table", "counted", "counters_table", "exact", "moment", "money", "output", "table", "totals_table"]

# Used if the output isn't a terminal: no cell wraps, so that programs can read the output.
_PIPE_COLUMNS = 1000


def output() -> Console:
    """Standard output. Prints every digit of a number, on several lines if the terminal is narrow."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_COLUMNS)


def table(title: str, words: Iterable[str] = (), numbers: Iterable[str] = ()) -> Table:
    """An empty table with left-aligned columns of words, then right-aligned columns of numbers."""
    made = Table(title=title, title_justify="left")
    for heading in words:
        made.add_column(heading, overflow="fold")
    for heading in numbers:
        made.add_column(heading, justify="right", overflow="fold")
    return made


def counted(count: int, singular: str) -> str:
    """`1 row`, `2 rows`, `1,000 rows`. Of a phrase, the first word takes the s: `2 trades refused`."""
    noun, space, rest = singular.partition(" ")
    return f"{count:,} {noun}{'' if count == 1 else 's'}{space}{rest}"


def exact(number: Decimal | float | None) -> str:
    """All digits, with thousands separators and no exponent; empty for None."""
    return "" if number is None else f"{Decimal(str(number)).normalize():,f}"


def money(number: Decimal | float | None) -> str:
    """An amount to read: six digits that matter and at least cents, without zeros at the end; nothing for None."""
    if number is None or not number:
        return exact(number)
    value = Decimal(str(number))
    return exact(round(value, max(2, 5 - value.adjusted())))


def moment(ts_ns: int) -> str:
    """A time in nanoseconds since the Unix epoch as UTC text, to the millisecond."""
    seconds = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    return f"{seconds:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03}"


def counters_table(title: str, counters: Mapping[str, int | float]) -> Table:
    """Statistics by name."""
    made = table(title, ("statistic",), ("value",))
    for name, value in counters.items():
        made.add_row(name, f"{value:,.6g}" if isinstance(value, float) else f"{value:,}")
    return made


def bars_table(bar_type: str, closed: Iterable[Bar], unfinished: Iterable[Bar]) -> Table:
    """Closed bars, oldest first, then the open ones."""
    words = ("instrument", "open time (UTC)", "state")
    made = table(f"{bar_type} bars", words, ("open", "high", "low", "close", "volume", "trades", "vwap"))
    for state, bars in (("closed", closed), ("open", unfinished)):
        for bar in bars:
            flags = [name for name in ("partial", "gap_fill", "oversize") if getattr(bar, f"is_{name}")]
            prices = (str(price) for price in (bar.open, bar.high, bar.low, bar.close))
            made.add_row(
                bar.instrument_id, moment(bar.ts_open), " ".join([state, *flags]), *prices,
                str(bar.volume), str(bar.trade_count), "" if bar.vwap is None else str(bar.vwap),
            )  # fmt: skip
    return made


def totals_table(closed: Mapping[str, tuple[int, Decimal]], unfinished: Iterable[Bar]) -> Table:
    """The number of closed bars per bar type, and where all the volume is."""
    numbers = ("closed bars", "closed volume", "open volume", "total")
    made = table("volume, closed and open", ("bars",), numbers)
    open_volume = dict.fromkeys(closed, Decimal(0))
    for bar in unfinished:
        open_volume[str(bar.bar_type)] += bar.volume.as_decimal()
    for name, (count, volume) in closed.items():
        volumes = (volume, open_volume[name], volume + open_volume[name])
        made.add_row(name, f"{count:,}", *(f"{number.normalize():,f}" for number in volumes))
    return made
