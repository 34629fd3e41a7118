"""The growth table as a picture: memory by the number of ticks."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Results

__all__ = ["growth_chart"]

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 300, 70, 20, 200, 45
# Readable on a light and on a dark page.
GREY, CURVES = "#808080", {"growth of the process, MB": "#3b82c4", "memory_usage_bytes, MB": "#d97706"}


def growth_chart(found: Results) -> str:
    """An SVG with a curve for the process and one for what the engine counts, both in MB."""
    ticks = numbers(found, "ticks")
    curves = {heading: numbers(found, heading) for heading in CURVES}
    highest = max(max(values) for values in curves.values()) * 1.1

    def x(count: float) -> float:
        return LEFT + count / ticks[-1] * (WIDTH - LEFT - RIGHT)

    def y(megabytes: float) -> float:
        return HEIGHT - BOTTOM - megabytes / highest * (HEIGHT - TOP - BOTTOM)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<style>text {font-size: 12px}</style>",
        f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="{GREY}"/>',
        text(LEFT, HEIGHT - BOTTOM + 18, "0"),
        text(WIDTH - RIGHT, HEIGHT - BOTTOM + 18, f"{ticks[-1]:,.0f} ticks", "end"),
        text(LEFT - 6, y(0), "0", "end"),
        text(LEFT - 6, TOP + 10, f"{highest:,.0f} MB", "end"),
    ]
    for (heading, color), values in zip(CURVES.items(), curves.values(), strict=True):
        points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in zip(ticks, values, strict=True))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        lines.append(text(WIDTH - RIGHT + 6, y(values[-1]) + 4, heading.removesuffix(", MB"), color=color))
    return "\n".join([*lines, "</svg>\n"])


def numbers(found: Results, heading: str) -> Sequence[float]:
    """A column as numbers."""
    at = found.headings.index(heading)
    return [float(row[at].replace(",", "")) for row in found.rows]


def text(x: float, y: float, words: str, anchor: str = "start", color: str = GREY) -> str:
    """A word of the picture."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'
