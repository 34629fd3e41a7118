"""The equity curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphaforge_core.backtest._result import Point

__all__ = ["equity_svg"]

_WIDTH, _HEIGHT, _MARGIN = 960, 320, 72


def equity_svg(curve: Sequence[Point]) -> str:
    """The equity curve over market time as an SVG picture, with axes, their figures and the line of zero."""
    first, last = (curve[0].ts_event, curve[-1].ts_event) if curve else (0, 0)
    values = [Decimal(0), *(point.equity for point in curve)]
    least, greatest = min(values), max(values)

    def down(equity: Decimal) -> float:
        share = float((equity - least) / (greatest - least)) if greatest > least else 0.5
        return _HEIGHT - _MARGIN / 2 - share * (_HEIGHT - _MARGIN)

    def across(ts_event: int) -> float:
        return _MARGIN + (ts_event - first) / max(1, last - first) * (_WIDTH - 1.5 * _MARGIN)

    def text(x: float, y: float, anchor: str, words: str) -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    left, right = across(first), across(max(last, first + 1))
    marks = sorted({least, (least + greatest) / 2, greatest, Decimal(0)})
    grid = "".join(
        f'<line x1="{left:.0f}" x2="{right:.0f}" y1="{down(mark):.1f}" y2="{down(mark):.1f}" '
        f'stroke="{"#888" if mark == 0 else "#ddd"}"/>' + text(left - 6, down(mark) + 4, "end", f"{mark:,.2f}")
        for mark in marks
    )
    points = " ".join(f"{across(point.ts_event):.1f},{down(point.equity):.1f}" for point in curve)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
            'font-size="12" fill="#444">',
            "<title>Equity: realized and unrealized profit after commission</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            grid,
            text(left, _HEIGHT - 8, "start", f"{_moment(first)} UTC"),
            text(right, _HEIGHT - 8, "end", f"{_moment(last)} UTC"),
            f'<polyline fill="none" stroke="#1f6feb" stroke-width="1.5" points="{points}"/>',
            "</svg>",
            "",
        ]
    )


def _moment(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}"
