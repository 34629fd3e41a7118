"""Candlesticks as a picture: matplotlib, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from alphaforge_core.model import Bar
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from alphaforge_cli._charts.columns import DOWN, UP, ChartColumns, columns_of

__all__ = ["write"]

INCHES = (12.0, 7.0)
DOTS_PER_INCH = 120
_DAY_MILLISECONDS = 86_400_000
BODY_WIDTH = 0.7  # of the space that a bar has


def write(path: Path, title: str, bars: Sequence[Bar], live: bool) -> None:
    """Writes the picture atomically, so that a viewer never reads half of it."""
    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    prices, volumes = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    if bars:
        columns = columns_of(bars)
        places = date2num(columns.places) if columns.is_time else columns.places
        _draw(prices, volumes, columns, places, columns.width / (_DAY_MILLISECONDS if columns.is_time else 1))
        if columns.is_time:
            locator = AutoDateLocator()
            volumes.xaxis.set_major_locator(locator)
            volumes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        else:
            volumes.set_xlabel("bar")
    prices.set_title(title, loc="left")
    prices.set_ylabel("price")
    volumes.set_ylabel("volume")
    for axes in (prices, volumes):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    part = path.with_name(f".{path.name}.part")
    FigureCanvasAgg(figure).print_png(part)
    part.replace(path)


def _draw(prices: Axes, volumes: Axes, columns: ChartColumns, places: np.ndarray, space: float) -> None:
    middle = places + (space / 2 if columns.is_time else 0)
    width = space * BODY_WIDTH
    # A body without height would not be seen.
    least_height = (columns.high.max() - columns.low.min()) / 1000
    for is_up, colour in ((True, UP), (False, DOWN)):
        own = columns.is_up == is_up
        bottom = np.minimum(columns.open, columns.close)[own]
        height = np.maximum(np.abs(columns.close - columns.open)[own], least_height)
        prices.vlines(middle[own], columns.low[own], columns.high[own], colors=colour, linewidth=1.0)
        prices.bar(middle[own], height, width, bottom=bottom, color=colour)
        volumes.bar(middle[own], columns.volume[own], width, color=colour)
