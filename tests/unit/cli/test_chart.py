"""Candlestick charts match the bars: in characters, on a page and as a picture."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from alphaforge_cli._charts import html, png
from alphaforge_cli._charts.terminal import VOLUME_ROWS, Candles
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.model import Bar
from rich.console import Console

MINUTE = 60 * 10**9


def bars_of(*candles: tuple[float, float, float, float, float], bar_type: str = "1min") -> list[Bar]:
    """Bars of open, high, low, close and volume."""
    return [
        Bar("X", bar_type, o, h, low, c, volume, 1, 1, 0, 0, n * MINUTE, (n + 1) * MINUTE, 0, n + 1)
        for n, (o, h, low, c, volume) in enumerate(candles)
    ]


def drawn(bars: list[Bar], width: int = 60, height: int = 20) -> list[str]:
    console = Console(width=width, height=height, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    with console.file:
        console.print(Candles("X 1min", bars))
    return console.export_text().splitlines()


def test_a_candle_has_its_body_between_open_and_close_and_wicks_beyond() -> None:
    lines = drawn(bars_of((10, 20, 0, 15, 1), (15, 16, 4, 5, 4)), height=18)
    rows = lines[1 : lines.index("──┤")]
    first, second = ("".join(row[column] for row in rows) for column in (0, 1))
    # Ten rows of two half cells from 0 to 20.
    assert (first, second) == ("││╽┃┃│││││", "  ╽┃┃┃┃╿  ")


def test_volumes_are_as_high_as_they_are_great() -> None:
    lines = drawn(bars_of((1, 2, 1, 2, 1), (1, 2, 1, 2, 2), (1, 2, 1, 2, 0)))
    at = lines.index("───┤")
    columns = ["".join(line[column] for line in lines[at + 1 : at + 1 + VOLUME_ROWS]) for column in range(3)]
    assert columns == ["  ██", "████", "    "]


@pytest.mark.parametrize("width", [20, 61, 200])
@pytest.mark.parametrize("count", [1, 3, 500])
def test_the_picture_fits_the_terminal_and_shows_the_newest_bars(width: int, count: int) -> None:
    random = np.random.default_rng(3)
    prices = 100 + np.cumsum(random.normal(0, 1, count + 1))
    candles = [(a, max(a, b) + 0.5, min(a, b) - 0.5, b, 1.0) for a, b in pairwise(prices)]
    bars = bars_of(*[tuple(round(float(number), 2) for number in candle) for candle in candles])
    lines = drawn(bars, width, height=24)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 24
    assert str(bars[-1].close)[: width - 9] in lines[0]
    assert sum(line.endswith("┤") and line.startswith("─") for line in lines) == 1


def test_a_market_that_stands_still_and_one_without_bars_can_be_drawn() -> None:
    assert any("━" in line or "╹" in line or "╻" in line for line in drawn(bars_of((5, 5, 5, 5, 0))))
    assert drawn([]) == ["X 1min: no bars yet"]


def numbers(column: dict[str, str]) -> list[float]:
    """A column as plotly writes it."""
    return np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).tolist()


@pytest.mark.parametrize("bar_type", ["1min", "100tick"])
def test_a_page_holds_every_bar_and_needs_nothing_from_elsewhere(tmp_path: Path, bar_type: str) -> None:
    bars = bars_of((10, 20, 0.5, 15, 1), (15, 16, 4, 5, 4), bar_type=bar_type)
    page = tmp_path / "bars.html"
    html.write(page, "X", bars, live=False)
    text = page.read_text()
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)
    assert "http-equiv" not in text
    traces, _ = json.JSONDecoder().raw_decode(text[text.index('[{"close"') :])
    found = [numbers(traces[0][name]) for name in ("open", "high", "low", "close")] + [numbers(traces[1]["y"])]
    assert found == [[10, 15], [20, 16], [0.5, 4], [15, 5], [1, 4]]
    html.write(page, "X", bars, live=True)
    assert "http-equiv" in page.read_text()
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize("bar_type", ["1min", "100tick"])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_a_picture_is_drawn_of_any_number_of_bars(tmp_path: Path, bar_type: str, count: int) -> None:
    engine = DataEngine(DataEngineConfig(bar_types=[bar_type], max_bars_per_instrument=count or 1))
    ticks = np.arange(301 * 100)
    engine.process_trade_ticks(
        instrument_id="X", prices=100 + ticks % 97, quantities=1 + ticks % 7, ts_event=ticks * MINUTE // 100
    )
    picture = tmp_path / "bars.png"
    png.write(picture, "X", engine.get_bars("X", bar_type, count), live=False)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(tmp_path.iterdir()) == [picture]
