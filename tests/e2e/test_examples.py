"""Each example does what it says, in a separate process."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.stack import NOUNS, Stack
from tests.support.tape import BTCUSDT, REAL_TRADES, real_trades
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


class Programs:
    """Runs examples and the command against the services."""

    def __init__(self, stack: Stack) -> None:
        stack.serve(*NOUNS)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
        self.environment = kept | stack.environment()
        self.metrics = f"http://127.0.0.1:{stack.metrics_ports['data']}/metrics"
        self.engine = f"example-{uuid.uuid4().hex[:8]}"

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def follow(self, *words: str, line: str) -> subprocess.Popen[str]:
        """Starts a program; returns when it has printed `line` and has subscribed to the data service."""
        before = self.subscribers()
        process = self.start(*words)
        after_line(process, line)
        until(lambda: self.subscribers() > before)
        return process

    def subscribers(self) -> float:
        with urllib.request.urlopen(self.metrics, timeout=10) as response:
            page = response.read().decode()
        return float(re.findall(r"^alphaforge_stream_subscribers (.+)$", page, re.MULTILINE)[0])

    def output(self, *words: str) -> str:
        process = self.start(*words)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def replay(self, *words: str) -> None:
        """The real trades into the engine that the examples use."""
        file = str(REAL_TRADES / BTCUSDT)
        self.output("-m", "alphaforge_cli", "replay", file, "--engine", self.engine, "--bars", "100tick", *words)


@pytest.fixture
def programs(stack: Stack) -> Programs:
    return Programs(stack)


@pytest.fixture
def real_file() -> str:
    real_trades(BTCUSDT)
    return str(REAL_TRADES / BTCUSDT)


def after_line(process: subprocess.Popen[str], line: str) -> None:
    """Waits until the program has printed the line."""
    assert process.stdout is not None
    said = ""
    while line not in said:
        said = process.stdout.readline()
        assert said, process.communicate()


def test_moving_average_follows_a_replay_and_shows_what_became_of_its_orders(
    programs: Programs, real_file: str
) -> None:
    words = ("examples/moving_average.py", "--engine", programs.engine, "--patience", "10")
    process = programs.follow(*words, line="following 100tick bars")
    programs.replay("--speed", "100x")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "\n213 bars\n" in said
    assert len(re.findall(r"^  Buy  [\d.]+ @ [\d.]+ taker \w+$", said, re.MULTILINE)) > 3
    assert len(re.findall(r"^  Sell [\d.]+ @ [\d.]+ (?:taker|maker) \w+$", said, re.MULTILINE)) > 3
    assert re.search(r"^  BTCUSDT-PERP.BINANCE -?[\d.]+ realized -?[\d.]+", said, re.MULTILINE)
    assert re.search(r"^  ticks_processed +21,313$", said, re.MULTILINE)
    assert re.search(r"^  orders_submitted +\d+$", said, re.MULTILINE)


def test_live_bars_prints_them_as_they_close(programs: Programs, real_file: str) -> None:
    words = ("examples/live_bars.py", "--engine", programs.engine, "--bar-types", "100tick", "--count", "5")
    process = programs.follow(*words, line="waiting for bars")
    programs.replay("--limit", "700")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert re.findall(r"100tick (\d):", said) == ["1", "2", "3", "4", "5"]


def test_processes_share_state_without_spending_it_twice(programs: Programs) -> None:
    words = ("examples/shared_state.py", "--cache", programs.engine)
    together = [programs.start(*words, "--name", name) for name in ("left", "right")]
    said = "".join(process.communicate(timeout=60)[0] for process in together)
    assert [process.returncode for process in together] == [0, 0], said
    assert said.count("working the limits out") == 1
    assert said.count(" spent 30") == 3
    assert said.count("left 10\n") == 2
    assert "'BTCUSDT': Decimal('1.5')" in said
    last = programs.output(*words, "--name", "third")
    assert "runs so far 3" in last
    assert "signals/left [-1.  -0.5  0.   0.5  1. ]" in last


def test_a_backtest_comes_to_the_same_in_process_and_against_the_services(
    programs: Programs, real_file: str, tmp_path: Path
) -> None:
    in_process = programs.output("examples/backtest.py", real_file, "--limit", "1500")
    assert programs.output("examples/backtest.py", real_file, "--limit", "1500", "--remote") == in_process
    whole = programs.output("examples/backtest.py", real_file)
    picture = str(tmp_path / "equity.svg")
    rates = ("--maker", "0.0002", "--taker", "0.0005")
    command = ("-m", "alphaforge_cli", "backtest", real_file, "examples/backtest.py", *rates, "--output", picture)
    summary = programs.output(*command)
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    orders, earned = (re.search(rf"│ {name} +│ +(\S+) │", summary) for name in ("orders", "earned after commission"))
    assert orders is not None
    assert earned is not None
    assert f"\n{orders[1]} orders, " in whole
    assert f"earned {Decimal(earned[1]):.4f} after commission" in whole
    assert re.search(r"^Buy  0.05 @ [\d.]+ (?:maker|taker)$", whole, re.MULTILINE)
    assert re.search(r"^\d+ orders, \d+% filled$", whole, re.MULTILINE)


def test_brackets_fill_the_same_in_a_backtest_and_in_lock_step_on_the_services(
    programs: Programs, real_file: str
) -> None:
    in_process = programs.output("examples/bracket.py", real_file, "--limit", "4000")
    assert programs.output("examples/bracket.py", real_file, "--limit", "4000", "--remote") == in_process
    whole = programs.output("examples/bracket.py", real_file)
    fills = re.findall(r"^(b\d+)(-tp|-sl)? +(?:Buy|Sell) +([\d.]+) @", whole, re.MULTILINE)
    held: dict[str, Decimal] = {}
    for entry, leg, quantity in fills:
        held[entry] = held.get(entry, Decimal(0)) + Decimal(quantity) * (-1 if leg else 1)
        # The exits together never close more than the entry has opened.
        assert held[entry] >= 0
    assert {leg for _, leg, _ in fills} == {"", "-tp", "-sl"}


def test_instruments_count_the_same_in_process_and_on_the_service(programs: Programs) -> None:
    said = programs.output("examples/instruments.py")
    assert programs.output("examples/instruments.py", "--remote") == said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "off-grid 1 @ 4000.1 Rejected PRICE_OFF_GRID" in lines
    assert "rounded 1000 @ 50000.5 Filled" in lines
    assert "exit 1000 @ 62500.5 Filled" in lines
    assert "future worth 200012.5 commission 2 (per_contract+minimum)" in lines
    assert "ESZ5 realized 0 unrealized 525" in lines
    # 1000 / 50000.5 - 1000 / 62500.5, and a rebate.
    assert "XBTUSD realized 0.003999928000975988 unrealized 0" in lines
    assert any("(maker_rate)" in line and "commission -" in line for line in lines)


def test_a_trailing_stop_fills_alike_in_a_backtest_and_in_lock_step(
    programs: Programs, real_file: str, tmp_path: Path
) -> None:
    example, log, tape = "examples/trailing_stop.py", tmp_path / "run.jsonl", tmp_path / "tape.csv"
    with gzip.open(real_file, "rt") as trades:
        tape.write_text("".join(islice(trades, 1_501)))
    words = ("-m", "alphaforge_cli")
    programs.output(*words, "backtest", str(tape), example, "--results", str(tmp_path), "--format", "csv")
    programs.output(*words, "run", example, "--tape", str(tape), "--log", str(log))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    names = ("side", "liquidity_side", "trade_id", "price", "quantity")
    with (tmp_path / "fills.csv").open() as file:
        here = [fill_of(row, names) for row in csv.DictReader(file)]
    assert here == [fill_of(line, names) for line in lines if line["event"] == "fill"]
    ends = {(line["type"], line["cancel_reason"]) for line in lines if line["event"] == "order"}
    assert ("Triggered", None) in ends
    assert any(line["event"] == "order" and line["type"] == "Triggered" and line["stop_price"] for line in lines)
    assert sum(fill[0] == "Sell" for fill in here) > 1


def fill_of(row: Mapping[str, str], names: Sequence[str]) -> list[str | Decimal]:
    return [Decimal(row[name]) if name in ("price", "quantity") else row[name] for name in names]


def test_monitoring_shows_the_three_engines(programs: Programs) -> None:
    said = programs.output("examples/monitoring.py", "--engine", programs.engine, "--rounds", "2", "--interval", "0.1")
    assert [line.split()[0] for line in said.splitlines()] == ["cache", "data", "execution"] * 2
