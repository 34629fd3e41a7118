"""How a backtest finds the strategy class in a file, and creates it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.csv
import pyarrow.parquet
import pytest
from alphaforge_cli.main import app
from alphaforge_cli.problems import StrategyError
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


def value(shown: str, name: str) -> str:
    """Returns the summary's value for a name."""
    found = re.search(rf"^│ {re.escape(name)} +│ +(.+?) +│$", shown, re.MULTILINE)
    assert found is not None, shown
    return found[1]


@pytest.fixture
def buyer(tmp_path: Path) -> str:
    path = tmp_path / "buyer.py"
    path.write_text(BUYER)
    return str(path)


# Bought after the bars that end at 2 and at 4, worth 5 at the end; 10 % paid.
@pytest.mark.parametrize(("fill_on", "commission", "earned"), [("next", "0.8", "1.2"), ("arrival", "0.6", "3.4")])
def test_orders_meet_the_next_trade_unless_told_otherwise(
    trades: str, buyer: str, tmp_path: Path, fill_on: str, commission: str, earned: str
) -> None:
    picture = tmp_path / "equity.svg"
    options = () if fill_on == "next" else ("--fill-on", fill_on)
    shown = run(trades, buyer, "--taker", "0.1", "--output", str(picture), *options)
    assert value(shown, "orders") == "2"
    assert value(shown, "orders fill on") == fill_on
    assert value(shown, "filled in full") == "100.0%"
    assert value(shown, "commission") == commission
    assert value(shown, "earned after commission") == earned
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_instruments_count_contracts_and_their_commissions(trades: str, buyer: str, tmp_path: Path) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text("instrument_id,multiplier,commission_per_contract\nX,10,0.5\n")
    shown = run(trades, buyer, "--instruments", str(path))
    assert value(shown, "commission") == "1"
    # One bought at 3, one at 5, and worth 5 at the end, ten times.
    assert value(shown, "earned after commission") == "19"
    path.write_text("instrument_id,multiplier\nX,0\n")
    assert CliRunner().invoke(app, ["backtest", trades, buyer, "--instruments", str(path)]).exit_code == 1


def test_trades_at_0_and_below_count_for_instruments_that_may_have_them(buyer: str, tmp_path: Path) -> None:
    path, tape = tmp_path / "instruments.csv", tmp_path / "trades.csv"
    tape.write_text("\n".join([HEADER, *(f"X,{number},{3 - 2 * number},5" for number in range(5))]))
    path.write_text("instrument_id,negative_prices\nX,true\n")
    shown = run(str(tape), buyer, "--instruments", str(path), "--capital", "10")
    assert value(shown, "trades seen") == "5"
    # Bought at -1 and at -5, and worth -5 at the end.
    assert value(shown, "earned after commission") == "-4"
    assert value(shown, "turnover of the capital") == "0.60"
    path.write_text("instrument_id,negative_prices\nX,false\n")
    shown = run(str(tape), buyer, "--instruments", str(path))
    assert "3 trades refused by the engine: PRICE_NOT_POSITIVE" in shown


def test_bars_follow_the_calendars_of_the_strategy(buyer: str, tmp_path: Path) -> None:
    midnight, hour = 1_719_792_000 * 10**9, 3_600 * 10**9  # 2024-07-01
    tape, own = tmp_path / "trades.csv", Path(buyer)
    tape.write_text("\n".join([HEADER, *(f"X,{midnight + number * hour},{number},5" for number in range(1, 9))]))
    own.write_text(
        BUYER.replace('["2tick"]', '["1day@LATE"]\n    calendars = ["LATE 2024-07-01x2 02:00-04:00,05:00-07:00"]')
    )
    # The session's bar closes with the trade at 7, and the order fills at 8.
    assert value(run(str(tape), buyer), "earned after commission") == "0"
    shown = run(str(tape), buyer, "--fill-on", "arrival")
    assert value(shown, "earned after commission") == "1"


def test_what_the_engines_and_the_reader_left_out_is_said(buyer: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    rows = ["X,1,1,5", "X,2,-2,5", "X,3,three,5", "X,4,4,5", "X,5,5,5"]
    path.write_text("\n".join([HEADER, *rows]))
    shown = run(str(path), buyer)
    assert f"{path}:4: price 'three'" in shown
    assert "1 row left out: 1 NUMBER_MALFORMED" in shown
    assert "1 trade refused by the engine: PRICE_NOT_POSITIVE" in shown
    assert value(shown, "trades seen") == "3"
    run(str(path), buyer, "--strict", status=1)


def test_trades_dated_in_the_future_are_refused_and_said_unless_they_are_allowed(buyer: str, tmp_path: Path) -> None:
    path, now = tmp_path / "future.csv", time.time_ns()
    path.write_text("\n".join([HEADER, *(f"X,{now + day * 86_400 * 10**9},{3 + day},5" for day in (-1, 0, 30, 31))]))
    shown = run(str(path), buyer, "--max-jump", "0")
    assert "2 trades refused by the engine: ahead of the clock" in shown
    assert "2 trades refused" not in run(str(path), buyer, "--max-jump", "0", "--max-time-jump", "0")
    # A strategy with all hooks is fed trade by trade; reasons are printed there too.
    strategy = tmp_path / "hooked.py"
    strategy.write_text(
        "from alphaforge_client.strategy import Strategy\n\nclass Hooked(Strategy):\n    def on_bar(self, bar): ...\n"
    )
    assert "2 trades refused by the engine: ahead of the clock" in run(str(path), str(strategy), "--max-jump", "0")


def test_parameters_are_set_and_several_values_make_a_grid(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "sized.py"
    sized = BUYER.replace("self, venue):", "self, venue, size=1):\n        self.size = size")
    strategy.write_text(sized.replace("OrderSide.Buy, 1,", "OrderSide.Buy, self.size,"))
    assert value(run(trades, str(strategy), "--set", "size=2"), "earned after commission") == "4"
    grid = run(trades, str(strategy), "--set", "size=1,2", "--jobs", "1", "--results", str(tmp_path / "out"))
    assert re.search(r"│ +2 │ +4 │.*\n│ +1 │ +2 │", grid), grid
    assert (tmp_path / "out/grid.csv").read_text().splitlines()[1].startswith("1,2")
    assert "colour" in run(trades, str(strategy), "--set", "colour=1", status=2)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_results_are_written_as_tables(trades: str, buyer: str, tmp_path: Path, kind: str) -> None:
    run(trades, buyer, "--results", str(tmp_path / "out"), "--format", kind)
    read = pyarrow.csv.read_csv if kind == "csv" else pyarrow.parquet.read_table
    tables = {path.stem: read(path) for path in (tmp_path / "out").iterdir()}
    assert sorted(tables) == ["bars", "equity", "fills", "orders", "round_trips"]
    assert [float(price) for price in tables["fills"]["price"].to_pylist()] == [3.0, 5.0]
    assert tables["bars"].num_rows == tables["orders"].num_rows == 2


def test_the_report_is_one_page_that_needs_no_network(trades: str, buyer: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    run(trades, buyer, "--output", str(page))
    written = page.read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", written)
    for word in ("plotly", "Sharpe ratio", "greatest fall from a high", "365 days", "Round trips"):
        assert word in written


def test_a_strategy_of_the_client_gets_all_its_hooks(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "hooked.py"
    strategy.write_text(
        "from alphaforge_client.strategy import Strategy\n\n"
        "class Hooked(Strategy):\n"
        "    bar_types = ['2tick']\n\n"
        "    def on_start(self):\n        self.buy('X', 1)\n\n"
        "    def on_fill(self, fill):\n        self.sell('X', 1) if fill.side.name == 'Buy' else None\n"
    )
    shown = run(trades, str(strategy))
    # Bought at the first trade; sold at the second, once the first fill is known.
    assert value(shown, "fills") == "2"
    assert value(shown, "earned after commission") == "1"
    assert value(shown, "of them won") == "100.0%"


def test_an_error_of_the_strategy_is_one_line_with_its_place(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "broken.py"
    strategy.write_text(BUYER.replace("self.venue.submit", "1 / 0; self.venue.submit"))
    with pytest.raises(StrategyError, match=r"broken\.py:11: the strategy raised ZeroDivisionError"):
        CliRunner().invoke(app, ["backtest", trades, str(strategy)], catch_exceptions=False)


def test_the_class_is_the_one_with_on_bar_or_the_one_named(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "several.py"
    strategy.write_text(BUYER + "\nclass Other(Buyer):\n    pass\n\nclass Helper:\n    pass\n")
    assert "2 classes" in run(trades, str(strategy), status=2)
    assert "orders" in run(trades, str(strategy), "--class", "Other")
    assert "Buyer, Other" in run(trades, str(strategy), "--class", "Helper", status=2)
    assert "not a Python file" in run(trades, str(tmp_path / "none.py"), status=2)


def test_a_class_that_wants_more_than_the_venue_is_refused_with_what_it_lacks(trades: str, tmp_path: Path) -> None:
    strategy = tmp_path / "greedy.py"
    strategy.write_text(BUYER.replace("self, venue", "self, venue, symbol"))
    refused = run(trades, str(strategy), status=2)
    assert "Buyer" in refused
    assert "'symbol'" in refused
