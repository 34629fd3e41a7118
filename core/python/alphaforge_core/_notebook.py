"""How values look in a notebook: tables with small charts, as HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alphaforge_core.model import Bar, TradeTick, TradeTickBatch

__all__ = ["bars_html", "fields_html", "line", "show", "table", "ticks_html"]

_SERIES_MAX = 50
_POINTS_MAX = 200
_ROWS_SHOWN = 3
_WIDTH, _HEIGHT = 160, 28


def show(kind: Any, html: Callable[[Any], str]) -> None:
    """Makes notebooks show each value of the class `kind` as `html(value)`."""
    kind._repr_html_ = html


class Picture(str):
    """HTML that table() inserts unescaped."""


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """A table; cells are escaped unless they are a Picture."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(each)}</td>' for each in row)}</tr>" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def line(values: Sequence[float]) -> Picture:
    """A small line chart, of at most 200 of the values."""
    step = max(1, -(-len(values) // _POINTS_MAX))
    drawn = [*values[::step], *values[-1:]]
    least, span = min(drawn), max(drawn) - min(drawn) or 1.0
    points = " ".join(
        f"{place * _WIDTH / (len(drawn) - 1):.1f},{_HEIGHT - 2 - (value - least) / span * (_HEIGHT - 4):.1f}"
        for place, value in enumerate(drawn)
    )
    return Picture(
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<polyline fill="none" stroke="#1f6feb" points="{points}"/></svg>'
    )


def fields_html(item: Any) -> str:
    """The fields of a value that has as_dict(), except those that are None."""
    return table(("field", "value"), _fields(item.as_dict()), type(item).__name__)


def bars_html(bars: Sequence[Bar]) -> str:
    """One line per instrument and bar type, with a chart of the closes."""
    series: dict[tuple[str, str], list[Bar]] = {}
    for bar in bars:
        series.setdefault((bar.instrument_id, str(bar.bar_type)), []).append(bar)
    rows = [
        (
            *name, f"{len(each):,}", _moment(each[0].ts_open), _moment(each[-1].ts_event), each[0].open,
            max(bar.high for bar in each), min(bar.low for bar in each), each[-1].close,
            line([float(bar.close) for bar in each]),
        )
        for name, each in list(series.items())[:_SERIES_MAX]
    ]  # fmt: skip
    heads = ("instrument", "type", "bars", "from", "to", "open", "high", "low", "close", "")
    more = f", the first {_SERIES_MAX} of {len(series):,} series" if len(series) > _SERIES_MAX else ""
    return table(heads, rows, f"{len(bars):,} bars{more}")


def ticks_html(ticks: TradeTickBatch) -> str:
    """The first and last ticks, and a price chart per instrument, drawn from evenly spaced ticks."""
    count = len(ticks)
    first = list(range(min(_ROWS_SHOWN, count)))
    last = list(range(max(_ROWS_SHOWN, count - _ROWS_SHOWN), count))
    gap = [("…",) * 6] if last and last[0] > _ROWS_SHOWN else []
    rows = [*(_tick_row(ticks[row]) for row in first), *gap, *(_tick_row(ticks[row]) for row in last)]
    heads = ("instrument", "time", "price", "quantity", "side", "id")
    return table(heads, rows, f"{count:,} ticks of {len(ticks.instrument_ids):,} instruments") + _prices(ticks)


def _prices(ticks: TradeTickBatch) -> str:
    prices: dict[str, list[float]] = {}
    for row in range(0, len(ticks), max(1, len(ticks) // (10 * _POINTS_MAX))):
        tick = ticks[row]
        prices.setdefault(tick.instrument_id, []).append(float(tick.price))
    charts = [(name, line(each)) for name, each in list(prices.items())[:_SERIES_MAX]]
    return table(("instrument", "price"), charts) if charts else ""


def _tick_row(tick: TradeTick) -> tuple[Any, ...]:
    return (
        tick.instrument_id, _moment(tick.ts_event), tick.price, tick.quantity, tick.aggressor_side, tick.trade_id or "",
    )  # fmt: skip


def _fields(fields: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in fields.items():
        is_time = name.startswith("ts_") or name.endswith(("_at", "_time_ns"))
        if value is not None:
            yield name, _moment(value) if is_time and isinstance(value, int) else value


def _cell(value: Any) -> str:
    if isinstance(value, Picture):
        return value
    return escape(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))


def _moment(ts_ns: int) -> str:
    """A time as text, to the millisecond."""
    try:
        return f"{datetime.fromtimestamp(ts_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}.{ts_ns % 10**9 // 10**6:03}"
    except (OverflowError, ValueError, OSError):
        return str(ts_ns)
