"""Which class of a file is the strategy, and what the backtest makes of it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from alphaforge_cli.main import app
from typer.testing import CliRunner

BUYER = """
from alphaforge_core.execution import Order, OrderSide

class Buyer:
    bar_types = ["2tick"]

    def __init__(self, venue):
        self.venue = venue

    def on_bar(self, bar):
        self.venue.submit_order(Order.market(bar.instrument_id, OrderSide.Buy, 1, "buyer"))
"""
HEADER = "instrument_id,ts_event,price,quantity"


@pytest.fixture
def trades(tmp_path: Path) -> str:
    path = tmp_path / "trades.csv"
    path.write_text("\n".join([HEADER, *(f"X,{number},{number},5" for number in range(1, 6))]))
    return str(path)


def run(*words: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["backtest", *words], env={"COLUMNS": "200"})
    assert done.exit_code == status, done.output
    return done.output


def test_orders_meet_the_trades_after_the_bar_that_made_them(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "buyer.py"
    strategy.write_text(BUYER)
    picture = tmp_path / "equity.svg"
    # Bought at 2 and at 4, both worth 5 at the end; 10 % of 6 paid.
    shown = run(trades, str(strategy), "--taker", "0.1", "--output", str(picture))
    for name, value in (("orders", "2"), ("filled in full", "100.0%"), ("commission", "0.6")):
        assert f"{name} " in shown
        assert f" {value} " in shown
    assert " 3.4 " in shown
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_the_class_is_the_one_with_on_bar_or_the_one_named(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "several.py"
    strategy.write_text(BUYER + "\nclass Other(Buyer):\n    pass\n\nclass Helper:\n    pass\n")
    assert "2 classes" in run(trades, str(strategy), status=2)
    assert "orders" in run(trades, str(strategy), "--class", "Other")
    assert "Buyer, Other" in run(trades, str(strategy), "--class", "Helper", status=2)
    assert "no Python file" in run(trades, str(tmp_path / "none.py"), status=2)


def test_a_class_that_wants_more_than_the_venue_is_refused_with_what_it_lacks(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "greedy.py"
    strategy.write_text(BUYER.replace("self, venue", "self, venue, symbol"))
    refused = run(trades, str(strategy), status=2)
    assert "Buyer" in refused
    assert "'symbol'" in refused
