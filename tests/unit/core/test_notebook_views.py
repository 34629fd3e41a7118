"""What notebooks show: tables and small charts, well-formed, with whatever text in them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from alphaforge_core import backtest
from alphaforge_core.backtest import run
from alphaforge_core.cache import GenericCache
from alphaforge_core.data import DataEngine, DataEngineConfig
from alphaforge_core.execution import ExecutionEngine, Order, OrderSide
from alphaforge_core.model import TradeTickBatch

NAME = "<BTC & USD>"


def trades(count: int = 1_000, name: str = NAME) -> TradeTickBatch:
    numbers = range(count)
    return TradeTickBatch.from_columns(
        instrument_id=name,
        prices=[100 + number % 7 for number in numbers],
        quantities=[1] * count,
        ts_event=[number * 10**9 for number in numbers],
    )


def shown(value: Any) -> list[list[str]]:
    """The text of each row of the tables; raises if the HTML is not well-formed."""
    root = ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]


def charts(value: Any) -> int:
    return value._repr_html_().count("<polyline")


def test_bars_are_a_row_and_a_chart_for_each_instrument_and_type() -> None:
    engine = DataEngine(DataEngineConfig(bar_types=["10tick", "100tick"]))
    bars = engine.process_trade_ticks(trades())
    heads, *rows = shown(bars)
    assert heads[:3] == ["instrument", "type", "bars"]
    assert [row[:3] for row in rows] == [[NAME, "10tick", "100"], [NAME, "100tick", "10"]]
    assert rows[0][3:9] == [
        "1970-01-01 00:00:00.000",
        "1970-01-01 00:16:39.000",
        "100.00",
        "106.00",
        "100.00",
        "105.00",
    ]
    assert charts(bars) == 2
    assert shown(engine.process_trade_ticks([])) == [heads]


def test_ticks_are_the_first_and_the_last_and_a_chart_of_their_prices() -> None:
    rows = shown(trades())
    assert [row[1] for row in rows[1:4]] == [f"1970-01-01 00:00:0{second}.000" for second in range(3)]
    assert rows[4] == ["…"] * 6
    assert rows[7][1] == "1970-01-01 00:16:39.000"
    assert rows[9][0] == NAME
    assert charts(trades()) == 1
    assert [len(shown(trades(count))) for count in (0, 1, 4)] == [1, 4, 7]
    # Drawn from a few of them, however many there are.
    assert len(trades(50_000)._repr_html_()) < 10_000


def test_single_values_are_their_fields() -> None:
    venue = ExecutionEngine()
    venue.process_trade_ticks(trades(1))
    venue.submit_order(Order.market(NAME, OrderSide.Buy, 1, "s"))
    data = DataEngine(DataEngineConfig(bar_types=["1tick"]))
    (bar,) = data.process_trade_ticks(trades(1))
    values = (
        bar, venue.get_orders()[0], venue.get_fills()[0], venue.get_positions()[0], venue.events()[0],
        venue.statistics(), data.statistics(), GenericCache(1).statistics(),
    )  # fmt: skip
    for value in values:
        fields = dict(shown(value))
        given = {name for name, field in value.as_dict().items() if field is not None}
        assert fields.keys() - {"field"} == given
    assert dict(shown(venue.get_orders()[0]))["symbol"] == NAME


class Buyer:
    bar_types = ("100tick",)

    def __init__(self, venue: ExecutionEngine, quantity: int = 1) -> None:
        self.venue, self.quantity = venue, quantity

    def on_bar(self, bar: Any) -> None:
        self.venue.submit_order(Order.market(bar.instrument_id, OrderSide.Buy, self.quantity, "buyer"))


def test_a_backtest_is_its_equity_and_its_statistics() -> None:
    result = run(trades(), Buyer, parameters={"quantity": 2})
    assert charts(result) == 1
    assert dict(shown(result))["fills"] == str(len(result.fill_list))
    assert "quantity=2" in result._repr_html_()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances one second each time that a run reads it."""
    times = iter(range(10**6))
    monkeypatch.setattr(backtest._progress, "monotonic", lambda: float(next(times)))


@pytest.mark.usefixtures("clock")
def test_a_long_backtest_says_how_far_it_is_where_somebody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    run(trades(10_000), Buyer)
    assert capsys.readouterr().err == ""
    run(trades(10_000), Buyer, progress=True)
    first, *_, last = capsys.readouterr().err.split("\r")[1:]
    assert first.rstrip() == "4,096 trades, 1970-01-01 01:08"
    assert last.strip() == ""
