"""The report of one run: a page that works offline, or the equity curve as a picture."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from alphaforge_core.backtest import CONVENTIONS, BacktestResult, equity_svg

from alphaforge_cli._backtest.summary import summary_rows
from alphaforge_cli.problems import extra_wanted
from alphaforge_cli.tables import counted

__all__ = ["write_report"]

# More candles than pixels show nothing more, and make the page slow.
CANDLES_MAX = 20_000
ROWS_MAX = 1_000
_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd}"
    "td+td,th+th{text-align:right}.wide{overflow-x:auto}.wide td,.wide th{white-space:nowrap}"
    "p{color:#555;max-width:70ch}h1{font-size:1.4rem}h2{font-size:1.1rem}"
)


def write_report(path: Path, result: BacktestResult, title: str) -> None:
    """Writes `path`, in one step: a page for `.html`, a picture for `.svg`."""
    page = equity_svg(result.curve) if path.suffix.lower() == ".svg" else _page(result, title)
    part = path.with_name(f".{path.name}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _page(result: BacktestResult, title: str) -> str:
    # Imported here, because plotly is large and optional.
    try:
        from alphaforge_cli._backtest.figure import figure_html
    except ImportError as error:
        raise typer.BadParameter(f"--output: {extra_wanted(error) or error}") from error
    parameters = ", ".join(f"{name}={value}" for name, value in result.parameters.items())
    heading = html.escape(f"{title} {parameters}".strip())
    trips = result.round_trip_list
    trip_rows = [
        (
            trip.symbol, trip.side, _moment(trip.ts_open), "open" if trip.ts_close is None else _moment(trip.ts_close),
            f"{trip.quantity.normalize():f}", f"{trip.net:,.4f}",
        )
        for trip in trips[:ROWS_MAX]
    ]  # fmt: skip
    more = f"<p>The first {ROWS_MAX:,} of {len(trips):,}.</p>" if len(trips) > ROWS_MAX else ""
    losses = "".join(f"<li>{count:,} {html.escape(reason)}</li>" for reason, count in result.losses.items())
    if result.report is not None:
        losses += "".join(
            f"<li>{counted(count, 'row')} left out: {html.escape(reason)}</li>"
            for reason, count in result.report.left_out.items()
        )
    return "".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Backtest: ',
            f"{heading}</title><style>{_STYLE}</style></head><body><h1>Backtest: {heading}</h1>",
            figure_html(result, CANDLES_MAX),
            "<h2>Statistics</h2>",
            _table(("what", "value"), list(summary_rows(result).items())),
            f"<p>{html.escape(CONVENTIONS)}</p>",
            f"<h2>Trades that did not count</h2><ul>{losses}</ul>" if losses else "",
            "<h2>Round trips</h2>",
            '<div class="wide">',
            _table(("symbol", "side", "opened", "closed", "quantity", "earned after commission"), trip_rows),
            "</div>",
            more,
            "</body></html>\n",
        ]
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _moment(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S}"
