"""Line charts as SVG: a curve for each name, with the name at its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from benchmarks.results import Results

__all__ = ["Curves", "chart", "numbers"]

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 300, 70, 20, 240, 45
# Readable on a light and on a dark page.
GREY, COLORS = "#808080", ("#3b82c4", "#d97706", "#2f9e6e", "#b4509b", "#8a6d3b", "#5b6abf")
LINE_PX = 14

Curves: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""The points of each curve, from left to right."""


class _Scale(NamedTuple):
    """Maps a number to a coordinate, on a linear or logarithmic scale."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool

    def at(self, value: float) -> float:
        low, high, value = (
            (math.log10(each) for each in (self.low, self.high, value)) if self.is_log else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def chart(curves: Curves, across: str, up: str, *, is_log: bool = False) -> str:
    """Returns an SVG. `across` and `up` label the axes; with `is_log`, the horizontal axis is logarithmic."""
    points = [point for each in curves.values() for point in each]
    most = max(x for x, _ in points)
    x = _Scale(min(x for x, _ in points) if is_log else 0.0, most, LEFT, WIDTH - RIGHT, is_log)
    y = _Scale(0.0, max(y for _, y in points) * 1.1, HEIGHT - BOTTOM, TOP, False)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<style>text {font-size: 12px}</style>",
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="{GREY}"/>',
        _text(LEFT - 6, y.at(0), "0", "end"),
        _text(LEFT - 6, TOP + 10, f"{y.high:,.0f}" if y.high > 10 else f"{y.high:.1f}", "end"),
        _text(LEFT + 6, TOP + 10, up),
    ]
    steps = [10.0**power for power in range(math.ceil(math.log10(x.low)), int(math.log10(most)))] if is_log else [0.0]
    lines += [_text(x.at(step), HEIGHT - BOTTOM + 18, f"{step:,.0f}", "middle") for step in steps]
    lines.append(_text(WIDTH - RIGHT, HEIGHT - BOTTOM + 18, f"{most:,.0f} {across}", "end"))
    for number, name in enumerate(curves):
        color = COLORS[number % len(COLORS)]
        places = " ".join(f"{x.at(at):.1f},{y.at(value):.1f}" for at, value in curves[name])
        lines.append(f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="2"/>')
    for name, color, place in _labels(curves, y):
        lines.append(_text(WIDTH - RIGHT + 6, place, name, color=color))
    return "\n".join([*lines, "</svg>\n"])


def _labels(curves: Curves, y: _Scale) -> list[tuple[str, str, float]]:
    """Places the names at the ends of their curves, from the highest down, without overlap."""
    ends = [(y.at(points[-1][1]), name, COLORS[n % len(COLORS)]) for n, (name, points) in enumerate(curves.items())]
    placed: list[tuple[str, str, float]] = []
    for end, name, color in sorted(ends):
        place = max(end + 4, placed[-1][2] + LINE_PX) if placed else end + 4
        placed.append((name, color, place))
    return placed


def numbers(found: Results, heading: str) -> list[float]:
    """A column as numbers."""
    at = found.headings.index(heading)
    return [float(row[at].replace(",", "")) for row in found.rows]


def _text(x: float, y: float, words: str, anchor: str = "start", color: str = GREY) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'
