"""Candles with the fills on them, equity and drawdown, as one plotly figure with its script in the page."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from alphaforge_core.backtest import BacktestResult
from alphaforge_core.execution import OrderSide
from alphaforge_core.model import Bar
from plotly.subplots import make_subplots

from alphaforge_cli._charts.columns import DOWN, UP

__all__ = ["figure_html"]

_PRICE, _EQUITY, _DRAWDOWN = 1, 2, 3


def figure_html(result: BacktestResult, candles_max: int) -> str:
    """The figure as a part of a page."""
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, row_heights=[0.55, 0.25, 0.2], vertical_spacing=0.04,
        subplot_titles=("price and fills", "earned after commission", "fall from the high"),
    )  # fmt: skip
    for name in dict.fromkeys(bar.instrument_id for bar in result.bar_list):
        first = str(next(bar.bar_type for bar in result.bar_list if bar.instrument_id == name))
        bars = [bar for bar in result.bar_list if bar.instrument_id == name and str(bar.bar_type) == first]
        _add_candles(figure, f"{name} {first}", bars[-candles_max:])
    for side, symbol, colour in ((OrderSide.Buy, "triangle-up", UP), (OrderSide.Sell, "triangle-down", DOWN)):
        fills = [fill for fill in result.fill_list if fill.side is side]
        marks = go.Scatter(
            x=_moments([fill.ts_event for fill in fills]), y=[float(fill.price) for fill in fills], mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1, "color": "#222"}},
            text=[f"{fill.side.name} {fill.quantity} @ {fill.price} {fill.symbol}" for fill in fills],
            name=side.name,
        )  # fmt: skip
        figure.add_trace(marks, row=_PRICE, col=1)
    moments = _moments([point.ts_event for point in result.curve])
    equity = np.array([float(point.equity) for point in result.curve])
    fall = equity - np.maximum.accumulate(np.maximum(equity, 0.0)) if len(equity) else equity
    figure.add_trace(go.Scatter(x=moments, y=equity, name="equity", line_color="#1f6feb"), row=_EQUITY, col=1)
    shaded = go.Scatter(x=moments, y=fall, name="drawdown", line_color=DOWN, fill="tozeroy")
    figure.add_trace(shaded, row=_DRAWDOWN, col=1)
    figure.update_layout(
        template="plotly_white", hovermode="x unified", dragmode="pan", xaxis_rangeslider_visible=False,
        height=900, margin={"l": 60, "r": 30, "t": 80, "b": 40}, legend={"orientation": "h", "y": -0.06},
    )  # fmt: skip
    figure.update_yaxes(exponentformat="none", separatethousands=True)
    page: str = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="figure",
        config={"scrollZoom": True, "responsive": True, "displaylogo": False},
    )
    return page


def _add_candles(figure: go.Figure, name: str, bars: list[Bar]) -> None:
    candles = go.Candlestick(
        x=_moments([bar.ts_event for bar in bars]),
        open=[float(bar.open) for bar in bars], high=[float(bar.high) for bar in bars],
        low=[float(bar.low) for bar in bars], close=[float(bar.close) for bar in bars],
        increasing_line_color=UP, decreasing_line_color=DOWN, name=name,
    )  # fmt: skip
    figure.add_trace(candles, row=_PRICE, col=1)


def _moments(times: list[int]) -> np.ndarray:
    return np.array(times, dtype="int64").astype("datetime64[ns]")
