"""Candlesticks with volume in characters: one column per bar, as many as fit, the newest at the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alphaforge_core.model import Bar
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from alphaforge_cli.tables import moment

__all__ = ["Candles"]

UP, DOWN, FAINT = "green", "red", "bright_black"
HEIGHT_DEFAULT = 24
VOLUME_ROWS = 4
# Title, the line between prices and volumes, the line of times, and the prompt after the picture.
OTHER_ROWS = 4
PRICE_ROWS_MIN = 5
AXIS_EVERY = 4

# What a cell shows: each half, upper and lower, is empty (0), wick (1) or body (2).
_CANDLE = {
    (0, 0): " ", (0, 1): "╷", (1, 0): "╵", (1, 1): "│", (0, 2): "╻", (2, 0): "╹", (2, 2): "┃", (1, 2): "╽", (2, 1): "╿",
}  # fmt: skip
_EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Candles:
    """Candles drawn to the width and height of the console."""

    title: str
    bars: Sequence[Bar]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or (console.height if console.is_terminal else HEIGHT_DEFAULT)
        yield from _picture(self.title, self.bars, options.max_width, height)


def _picture(title: str, bars: Sequence[Bar], width: int, height: int) -> Iterator[Text]:
    if not bars:
        yield Text(f"{title}: no bars yet", style=FAINT)
        return
    axis = max(len(str(price)) for bar in bars for price in (bar.high, bar.low))
    shown = bars[-max(1, width - axis - 2) :]
    rows = max(PRICE_ROWS_MIN, height - VOLUME_ROWS - OTHER_ROWS)
    yield _head(title, shown[-1], width)
    yield from _prices(shown, rows, axis)
    yield Text("─" * len(shown) + "┤", style=FAINT)
    yield from _volumes(shown)
    yield _times(shown, width)


def _head(title: str, last: Bar, width: int) -> Text:
    head = Text(f"{title}  ", style="bold")
    head.append(f"{last.close}", style=_colour(last))
    head.append(f"  high {last.high}  low {last.low}  volume {last.volume}", style=FAINT)
    head.truncate(width)
    return head


def _colour(bar: Bar) -> str:
    return UP if bar.close >= bar.open else DOWN


def _prices(bars: Sequence[Bar], rows: int, axis: int) -> Iterator[Text]:
    low = min(float(bar.low) for bar in bars)
    high = max(float(bar.high) for bar in bars)
    # Half cells from the bottom; if the price never changes, it is drawn in the middle.
    step = (high - low) / (2 * rows - 1) or 1.0
    low = low if high > low else low - rows

    halves = [tuple(round((float(price) - low) / step) for price in (b.low, b.open, b.close, b.high)) for b in bars]
    for row in reversed(range(rows)):
        line = Text()
        for bar, half in zip(bars, halves, strict=True):
            line.append(_CANDLE[_part(2 * row + 1, half), _part(2 * row, half)], style=_colour(bar))
        labelled = (rows - 1 - row) % AXIS_EVERY == 0
        label = f"{low + (2 * row + 0.5) * step:.6g}" if labelled else ""
        line.append(f"{'┤' if labelled else '│'}{label[:axis]:>{axis}}", style=FAINT)
        yield line


def _part(height: int, candle: tuple[int, ...]) -> int:
    least, opened, closed, greatest = candle
    if min(opened, closed) <= height <= max(opened, closed):
        return 2
    return 1 if least <= height <= greatest else 0


def _volumes(bars: Sequence[Bar]) -> Iterator[Text]:
    most = max(float(bar.volume) for bar in bars) or 1.0
    eighths = [round(float(bar.volume) / most * VOLUME_ROWS * 8) for bar in bars]
    for row in reversed(range(VOLUME_ROWS)):
        line = Text()
        for bar, eighth in zip(bars, eighths, strict=True):
            line.append(_EIGHTHS[max(0, min(8, eighth - 8 * row))], style=_colour(bar))
        line.append(f"│{most:.6g}" if row == VOLUME_ROWS - 1 else "│", style=FAINT)
        yield line


def _times(bars: Sequence[Bar], width: int) -> Text:
    first, last = moment(bars[0].ts_open), moment(bars[-1].ts_open)
    space = len(bars) - len(first) - len(last)
    line = Text(f"{first}{' ' * space}{last}" if space > 0 else first, style=FAINT)
    line.truncate(width)
    return line
