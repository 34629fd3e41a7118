"""Candlesticks as a page: plotly, with its script in the file, so that it works offline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from alphaforge_core.model import Bar
from plotly.subplots import make_subplots

from alphaforge_cli._charts.columns import DOWN, UP, columns_of

__all__ = ["write"]

RELOAD_SECONDS = 2


def write(path: Path, title: str, bars: Sequence[Bar], live: bool) -> None:
    """Writes the page atomically, so that a browser never reads half of it. A live page keeps reloading itself."""
    page = _figure(title, bars).to_html(
        include_plotlyjs=True, div_id="chart", default_height="95vh", config={"scrollZoom": True, "responsive": True}
    )
    if live:
        page = page.replace("<head>", f'<head><meta http-equiv="refresh" content="{RELOAD_SECONDS}">', 1)
    part = path.with_name(f".{path.name}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _figure(title: str, bars: Sequence[Bar]) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.03)
    if bars:
        columns = columns_of(bars)
        texts = [f"#{bar.sequence} {moment}" for bar, moment in zip(bars, columns.moments.astype(str), strict=True)]
        candles = go.Candlestick(
            x=columns.places, open=columns.open, high=columns.high, low=columns.low, close=columns.close,
            increasing_line_color=UP, decreasing_line_color=DOWN, text=texts, name="price", showlegend=False,
        )  # fmt: skip
        colours = [UP if is_up else DOWN for is_up in columns.is_up]
        volume = go.Bar(
            x=columns.places, y=columns.volume, marker_color=colours, marker_line_width=0, text=texts,
            textposition="none", name="volume", showlegend=False,
        )  # fmt: skip
        figure.add_trace(candles, row=1, col=1)
        figure.add_trace(volume, row=2, col=1)
        if not columns.is_time:
            figure.update_xaxes(title_text="bar", row=2, col=1)
    figure.update_layout(
        title=title,
        template="plotly_white",
        hovermode="x unified",
        dragmode="pan",
        xaxis_rangeslider_visible=False,
        margin={"l": 60, "r": 30, "t": 60, "b": 50},
    )
    figure.update_yaxes(exponentformat="none", separatethousands=True)
    figure.update_yaxes(title_text="price", row=1, col=1)
    figure.update_yaxes(title_text="volume", row=2, col=1)
    return figure
