"""The `alphaforge` command as a user types it: exit statuses, stdout and stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import grpc
import pyarrow.csv
import pyarrow.parquet
import pytest
from alphaforge.data.v1 import data_service_pb2_grpc, engines_pb2
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import EngineError, InvalidArgument
from alphaforge_client.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Order,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from alphaforge_client.model import Price, Quantity, TradeTick

from tests.support.stack import consecutive_ports
from tests.support.tape import BTCUSDT, REAL_TRADES, SPY, real_trades
from tests.support.waiting import until

NOUNS = ("cache", "data", "execution")
BARS = "1min,100tick,50volume,1000000dollar"
HEADER = "instrument_id,trade_id,ts_event,ts_init,price,quantity,aggressor_side"


class Up:
    """`alphaforge up` in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port_base = consecutive_ports(6)
        self.metrics_base = self.port_base + 3
        self.log = folder / "up.log"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
        self.audit = folder / "audit.jsonl"
        self.environment["ALPHAFORGE_EXECUTION_AUDIT_FILE"] = str(self.audit)
        self.options = ["--port-base", str(self.port_base), "--metrics-base", str(self.metrics_base), *options]
        self.start_again(folder)

    def start_again(self, folder: Path) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "alphaforge_cli", "up", *self.options],
                cwd=folder, stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return "\nalphaforge ready\n" in self.log.read_text()

        until(is_ready, self.log.read_text, 90, every=0.05)

    def services(self) -> dict[str, int]:
        """The process id of each service, by noun; excludes a child that has not started its service."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = {}
        for child in children:
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            found |= {word.removeprefix("services."): int(child) for word in words if word.startswith("services.")}
        return found

    def audited(self, command: str) -> set[str]:
        """Returns the engines for which the audit log has that command."""
        lines = map(json.loads, self.audit.read_text().splitlines())
        return {line["request"].get("engine") for line in lines if line["command"] == command}

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Starts another verb against these services, unless the variables say otherwise."""
        targets = {}
        for index, noun in enumerate(NOUNS, 1):
            targets[f"ALPHAFORGE_{noun.upper()}_TARGET"] = f"127.0.0.1:{self.port_base + index}"
            targets[f"ALPHAFORGE_{noun.upper()}_METRICS_PORT"] = str(self.metrics_base + index)
        return subprocess.Popen(
            [sys.executable, "-m", "alphaforge_cli", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment | targets | variables,
        )  # fmt: skip

    def run(self, *words: str, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs another verb to its end and checks its exit status."""
        process = self.start(*words, **variables)
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == status, stdout + stderr
        return subprocess.CompletedProcess(words, status, stdout, stderr)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Running services; one Ctrl-C ends all of them, and the command with status 0."""
    folder = tmp_path_factory.mktemp("up")
    # A user's package with the same name as ours, which must not be imported.
    (folder / "services").mkdir()
    (folder / "services/__init__.py").write_text("raise ImportError('this is not the package of the services')\n")
    running = Up(folder, "--bars", "1min,100tick")
    try:
        running.wait_ready()
        children = running.services()
        assert sorted(children) == list(NOUNS)
        yield running
    finally:
        status = running.stop(signal.SIGINT)
    assert status == 0, running.log.read_text()
    assert not any(Path(f"/proc/{child}").exists() for child in children.values())


def totals(output: str) -> dict[str, Decimal]:
    """The last column of the table of volumes, by bar type."""
    rows = re.findall(r"^│ (\S+) +│.*│ +([0-9.,]+) │$", output[output.index("volume, closed and open") :], re.MULTILINE)
    return {name: Decimal(total.replace(",", "")) for name, total in rows}


def trades_csv(folder: Path, *lines: str, header: str = HEADER) -> str:
    path = folder / "trades.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return str(path)


def test_all_three_serve(up: Up) -> None:
    assert up.run("ping").stdout.count(" serving") == 3


def test_another_service_in_the_place_of_one_is_told(up: Up) -> None:
    data = f"127.0.0.1:{up.port_base + 2}"
    pinged = up.run("ping", status=1, ALPHAFORGE_CACHE_TARGET=data)
    assert "this is not the cache service" in pinged.stdout
    assert pinged.stdout.count(" serving") == 2
    with GenericCache(name="n", target=data) as cache, pytest.raises(EngineError) as caught:
        cache.put("k", 1)
    for words in (data, "this is the data service", "target= or ALPHAFORGE_CACHE_TARGET (default localhost:50051)"):
        assert words in str(caught.value)


def test_ping_says_what_starts_the_services_where_none_answers(up: Up) -> None:
    targets = {f"ALPHAFORGE_{noun.upper()}_TARGET": "127.0.0.1:1" for noun in NOUNS}
    assert "alphaforge up" in up.run("ping", "--timeout", "0.2", status=1, **targets).stderr
    refused = up.run("ping", status=1, ALPHAFORGE_DATA_TARGET="http://localhost:50052")
    assert refused.stderr.startswith("alphaforge: target 'http://localhost:50052' is a URL")


def test_without_its_libraries_the_command_is_one_line() -> None:
    program = "import sys; sys.modules['typer'] = None; from alphaforge_cli.__main__ import main; main()"
    result = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "alphaforge: typer is not installed; run: pip install 'alphaforge-client[cli]'\n"


@pytest.mark.parametrize("noun", NOUNS)
def test_each_service_is_a_command_of_its_own(noun: str) -> None:
    command = (Path(sys.executable).with_name(f"alphaforge-{noun}"), "--help")
    assert "--data-dir" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def open_engines(up: Up, name: str) -> None:
    for port, kind in enumerate((GenericCache, DataEngine, ExecutionEngine), up.port_base + 1):
        with closing(kind(name=name, target=f"127.0.0.1:{port}")) as client:
            client.wait_ready()


LOOKS = (
    ("stats",), ("positions",), ("orders",), ("halt",), ("cancel", "--all"), ("chart", "X", "1min"), ("cache", "keys"),
    ("cache", "get", "k"), ("cache", "delete", "k"), ("cache", "stats"),
)  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_looking_at_an_engine_that_is_not_there_names_those_that_are_and_makes_none(
    up: Up, words: tuple[str, ...]
) -> None:
    open_engines(up, "demo")
    looked = up.run(*words, "--name" if words[0] == "cache" else "--engine", "dmeo", status=1)
    said = looked.stdout + looked.stderr
    assert re.search(r"no (engine|cache) dmeo; there are: .*\bdemo\b", said), said
    for port, kind in enumerate((GenericCache, DataEngine, ExecutionEngine), up.port_base + 1):
        with closing(kind(target=f"127.0.0.1:{port}", name="any")) as client:
            listed = client.list_caches() if isinstance(client, GenericCache) else client.list_engines()
            assert "dmeo" not in [each.name for each in listed]


def test_the_version_is_also_an_option() -> None:
    command = (sys.executable, "-m", "alphaforge_cli")
    version, option = (
        subprocess.run((*command, word), capture_output=True, text=True, check=True).stdout
        for word in ("version", "--version")
    )
    assert option == version


def test_statistics_of_all_three_are_shown(up: Up) -> None:
    open_engines(up, "default")
    shown = up.run("stats").stdout
    for word in ("cache (default)", "hit_ratio", "ticks_processed", "orders_submitted"):
        assert word in shown


def test_top_shows_the_engines_and_the_journals_of_the_services(up: Up) -> None:
    open_engines(up, "default")
    shown = up.run("top", "--count", "2", "--interval", "0.1").stdout
    for label in ("hit ratio", "ticks", "fill ratio"):
        assert shown.count(label) == 1, shown
    for label in ("journal", "commits", "waiting", "failed", "damaged"):
        assert shown.count(label) >= 3, shown
    assert "no answer" not in shown


def test_the_demo_takes_engines_that_somebody_else_opened_first(up: Up) -> None:
    open_engines(up, "demo")
    ran = up.run("demo", "--duration", "3")
    assert "ticks" in ran.stdout + ran.stderr
    assert "other settings" not in ran.stdout + ran.stderr


def test_a_second_stack_on_the_same_ports_is_refused(up: Up, tmp_path: Path) -> None:
    refused = up.run("up", "--data-dir", str(tmp_path), *up.options, status=2)
    assert f"port {up.port_base + 1}" in refused.stderr


def test_an_engine_opened_without_bar_types_has_those_of_the_command(up: Up) -> None:
    with DataEngine(name="without", target=f"127.0.0.1:{up.port_base + 2}") as engine:
        assert engine.get_bars("X", "100tick") == []
        with pytest.raises(InvalidArgument):
            engine.get_bars("X", "5min")
        engine.drop()


@pytest.mark.parametrize(("name", "limit"), [(BTCUSDT, 21_313), (SPY, 2_000)])
def test_a_replay_accounts_for_every_unit_of_volume_and_repeats_itself(up: Up, name: str, limit: int) -> None:
    quantity = sum(Decimal(row["quantity"]) for row in real_trades(name)[:limit])
    replay = ("replay", str(REAL_TRADES / name), "--bars", BARS, "--limit", str(limit))
    first = up.run(*replay)
    assert totals(first.stdout) == dict.fromkeys(BARS.split(","), quantity)
    assert f"{limit:,} ticks in " in first.stderr
    assert up.run(*replay).stdout == first.stdout


def test_a_replay_has_bars_of_the_sessions_in_a_file(up: Up, tmp_path: Path) -> None:
    calendar = tmp_path / "XNYS.csv"
    calendar.write_text("date,open,close\n2024-07-03,2024-07-03T13:30Z,2024-07-03T17:00Z\n")
    opens, hour = 1_720_013_400 * 10**9, 3_600 * 10**9
    rows = [
        f"X,{hours},{opens + hours * hour},{opens},5,{10**hours if hours >= 0 else 7},BUY" for hours in range(-1, 5)
    ]
    replay = ("replay", trades_csv(tmp_path, *rows), "--bars", "1day@XNYS,1hour@XNYS", "--time-unit", "ns")
    shown = up.run(*replay, "--calendar", str(calendar)).stdout
    assert totals(shown) == {"1day@XNYS": Decimal(1111), "1hour@XNYS": Decimal(1111)}
    assert "give the trading calendar XNYS" in up.run(*replay, status=1).stderr


def test_a_replay_leaves_no_engine_behind(up: Up, tmp_path: Path) -> None:
    up.run("replay", trades_csv(tmp_path, "X,1,1,1,5,5,BUY"))
    with grpc.insecure_channel(f"127.0.0.1:{up.port_base + 2}") as channel:
        listed = data_service_pb2_grpc.DataServiceStub(channel).ListEngines(engines_pb2.ListEnginesRequest())
    assert not [engine.engine for engine in listed.engines if engine.engine.startswith("replay-")]


def test_parquet_replays_as_the_csv_it_was_made_from(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, *(f"X,{i},{i * 10**9},{i},5.{i},0.{i},BUY" for i in range(1, 200)))
    text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(("price", "quantity"), "string"))
    parquet = tmp_path / "trades.parquet"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(path, convert_options=text), parquet)
    options = ("--bars", "1min,7tick", "--time-unit", "ns")
    replayed = up.run("replay", path, *options).stdout
    assert up.run("replay", str(parquet), *options).stdout == replayed


def test_a_recording_replays_to_the_same_bars(up: Up, tmp_path: Path) -> None:
    day = 86_400 * 10**9
    rows = [f"X,{i},{day - 10**9 + i * 10**7},{i},5.{i},0.{i},BUY" for i in range(1, 200)]
    rows.insert(150, f"X,late,{day - 1},7,4.5,2,SELL")
    path = trades_csv(tmp_path, *rows)
    recording = up.start("record", str(tmp_path / "kept"), "--engine", "recorded", "--limit", "200")
    assert recording.stdout is not None
    assert recording.stdout.readline() == "recording\n"
    bars = ("--bars", "1min,7tick,3volume", "--time-unit", "ns")
    live = up.run("replay", path, "--engine", "recorded", *bars)
    said = "".join(recording.communicate(timeout=60))
    assert recording.returncode == 0, said
    assert said.startswith("200 trades")
    assert [path.name for path in sorted((tmp_path / "kept").iterdir())] == [
        "trades-000001-19700101.parquet", "trades-000002-19700102.parquet",
    ]  # fmt: skip
    assert up.run("replay", str(tmp_path / "kept"), *bars).stdout == live.stdout


def test_a_recording_ends_cleanly_on_request(up: Up, tmp_path: Path) -> None:
    recording = up.start("record", str(tmp_path / "kept"), "--engine", "quiet")
    assert recording.stdout is not None
    assert recording.stdout.readline() == "recording\n"
    recording.send_signal(signal.SIGTERM)
    said, complaints = recording.communicate(timeout=60)
    assert (recording.returncode, said) == (0, "0 trades in 0 files\n"), complaints


def test_bars_are_drawn_into_the_terminal_a_page_and_a_picture(up: Up, tmp_path: Path) -> None:
    rows = [f"X,{i},{i * 20 * 10**9},{i},{100 + i % 7},1,BUY" for i in range(100)]
    up.run("replay", trades_csv(tmp_path, *rows), "--engine", "drawn", "--time-unit", "ns")
    words = ("chart", "X", "60s", "--engine", "drawn")
    said = up.run(*words).stdout
    assert said.startswith("X 1min  101.00")
    assert re.search(r"[╽┃╿]", said)
    for name in ("bars.html", "bars.png"):
        assert up.run(*words, "--output", str(tmp_path / name)).stdout == f"{tmp_path / name}: 34 bars\n"
    assert "ends in .html or .png" in up.run(*words, "--output", "bars.gif", status=2).stderr
    assert "BAR_TYPE_UNKNOWN" in up.run("chart", "X", "7tick", "--engine", "drawn", status=1).stderr

    page = tmp_path / "live.html"
    following = up.start(*words, "--output", str(page), "--live")
    assert following.stdout is not None
    assert following.stdout.readline() == f"{page}: 34 bars\n"
    before = page.stat().st_mtime_ns
    up.run("replay", trades_csv(tmp_path, f"X,n,{10**13},7,103,1,BUY"), "--engine", "drawn", "--time-unit", "ns")
    until(lambda: page.stat().st_mtime_ns != before)
    following.send_signal(signal.SIGTERM)
    following.communicate(timeout=20)
    assert following.returncode == 0
    assert page.stat().st_mtime_ns != before


def test_columns_of_other_names_and_times_in_other_units(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, "1723075200000,61000.5,2", "1723075260000,61001,1", header="T,p,q")
    columns = ("--column", "ts_event=T", "--column", "price=p", "--column", "quantity=q")
    shown = up.run("replay", path, *columns, "--instrument", "BTCUSDT").stdout
    assert re.search(r"BTCUSDT +│ 2024-08-08 00:00:00.000 │ closed .* 61000.50 │", shown)
    assert "'ts_event'" in up.run("replay", path, "--instrument", "X", status=1).stderr
    of_others = trades_csv(tmp_path, "X,1,1,1,5,5,BUY")
    assert "no row has the instrument 'Y'" in up.run("replay", of_others, "--instrument", "Y", status=1).stderr
    assert "OURS=THEIRS" in up.run("replay", path, "--column", "p=price", status=2).stderr


def test_bad_rows_are_counted_and_shown_and_strict_stops_at_one(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, "X,1,1,1,5,5,BUY", "X,2,1,1,nan,5,BUY", "X,3,1", "X,4,1,1,5,0,BUY", "X,5,1,1,5,7,SELL")
    replayed = up.run("replay", path)
    assert totals(replayed.stdout) == {"1min": Decimal(12)}
    assert f"{path}:3: " in replayed.stderr
    assert f"{path}:4: 3 columns" in replayed.stderr
    assert "2 rows left out: 1 COLUMNS_UNEQUAL, 1 NUMBER_MALFORMED" in replayed.stderr
    assert "1 trade refused by the engine: QUANTITY_" in replayed.stderr
    strict = up.run("replay", path, "--strict", status=1)
    assert f"alphaforge: {path}:3: " in strict.stderr
    assert strict.stdout == ""


def test_late_trades_are_told_and_sorting_puts_them_in_their_bars(up: Up, tmp_path: Path) -> None:
    minutes = [0, 1, 3, 2, 4]
    rows = (f"X,{1723075200 + 60 * each},5,1" for each in minutes)
    path = trades_csv(tmp_path, *rows, header="instrument_id,ts_event,price,quantity")
    replayed = up.run("replay", path)
    assert totals(replayed.stdout) == {"1min": Decimal(4)}
    assert "1 trade too late for a bar (rule 2.8); use --sort" in replayed.stderr
    assert (
        "trades.csv:5: the trade of 2024-08-08T00:02:00Z comes after its bar"
        in up.run("replay", path, "--strict", status=1).stderr
    )
    ordered = up.run("replay", path, "--sort")
    assert totals(ordered.stdout) == {"1min": Decimal(5)}
    assert "too late" not in ordered.stderr


def test_a_file_without_a_trade_is_status_1_and_why(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path)
    assert "nothing to replay: there are no rows" in up.run("replay", path, status=1).stderr
    path = trades_csv(tmp_path, "X,1,soon,1,5,5,BUY")
    assert "nothing to replay: all 1 rows were left out" in up.run("replay", path, status=1).stderr
    path = trades_csv(tmp_path, "X,1,1723075200,,-5,5,BUY", header=HEADER)
    assert "ts_init is missing" in up.run("replay", path, status=1).stderr


def test_a_named_engine_keeps_its_bars_until_it_is_reset(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, "X,1,1,1,5,5,BUY", "X,2,2,1,6,5,BUY")
    replay = ("replay", path, "--engine", "kept")
    first = up.run(*replay)
    assert "2 trades dropped by the engine as a duplicate" in up.run(*replay).stderr
    again = up.run(*replay, "--reset")
    assert again.stdout == first.stdout
    assert "duplicate" not in again.stderr
    with DataEngine(name="kept", target=f"127.0.0.1:{up.port_base + 2}") as engine:
        assert engine.statistics().ticks_processed == 2
        engine.drop()
    assert "--engine" in up.run("replay", path, "--reset", status=2).stderr


def test_a_replay_at_the_markets_pace_gives_the_same_bars(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, *(f"X,{i},{i * 10**8},1,5,5,BUY" for i in range(21)))
    paced = up.run("replay", path, "--speed", "2x", "--time-unit", "ns").stdout
    assert up.run("replay", path, "--time-unit", "ns").stdout == paced
    assert "--speed" in up.run("replay", path, "--speed", "fast", status=2).stderr


def test_instruments_are_registered_from_a_file_and_accounts_shown(up: Up, tmp_path: Path) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text(
        "instrument_id,tick_size,multiplier,currency,session,commission_per_contract,negative_prices\n"
        "ES,0.25,50,USD,UTC+17:00,1.25,\nCL,0.01,1000,USD,,,true\n"
    )
    config = ExecutionEngineConfig(starting_cash=10_000, max_loss=500)
    with ExecutionEngine(config, name="futures", target=f"127.0.0.1:{up.port_base + 3}") as venue:
        venue.wait_ready()
        assert "2 instruments registered" in up.run("instruments", str(path), "--engine", "futures").stdout
        shown = up.run("instruments", "--engine", "futures").stdout
        row = r"ES +│ linear +│ USD +│ reject +│ UTC\+17:00 +│ +0.25 │ +│ +50 │ +1.25 per contract"
        assert re.search(row, shown), shown
        assert re.search(r"CL +│ linear, negative prices +│ USD", shown), shown
        for number, price in enumerate((4000, 3989)):
            venue.process_trade_tick(TradeTick("ES", price, 5, "NONE", "", 10**18 + number, 0))
            venue.submit_order(Order.market("ES", OrderSide.Buy, 1, "s1", order_id=f"o{number}"))
        assert venue.get_order("o1").reject_reason == "LOSS_LIMIT"
        accounts = up.run("accounts", "--engine", "futures", "--exact").stdout
        assert re.search(
            r"s1 +│ yes +│ +9,?998.75 │ +9,?448.75 │ +199,?450 │ +199,?450 │ +551.25 │ +551.25", accounts
        ), accounts
        assert "resumed" in up.run("resume", "--strategy", "s1", "--engine", "futures").stdout
        assert "not halted" in up.run("resume", "--strategy", "s1", "--engine", "futures").stdout


def test_orders_can_be_seen_followed_and_cancelled(up: Up) -> None:
    target = f"127.0.0.1:{up.port_base + 3}"
    follow = ("orders", "--engine", "desk", "--follow", "--strategy", "s1")
    with ExecutionEngine(name="desk", target=target) as venue:
        rest = TimeInForce.GoodTillCancel
        venue.process_trade_tick(TradeTick("X", Price(100), Quantity(5), "BUY", "", 10**18, 10**18))
        venue.submit_order(Order.market("X", OrderSide.Buy, 2, "s1", order_id="taken"))
        venue.submit_order(Order.limit("X", OrderSide.Sell, 1.5, 12345.5, rest, "s1", order_id="resting"))
        venue.submit_order(Order.limit("X", OrderSide.Sell, 1, 120, rest, "s2", order_id="other"))
        shown = up.run("orders", "--engine", "desk", "--strategy", "s1").stdout
        assert re.search(r"resting +│ s1 +│ X +│ Sell +│ Limit +│ GoodTillCancel +│ Submitted", shown)
        assert "12,345.5" in shown
        assert "taken" not in shown
        assert "taken" in up.run("orders", "--engine", "desk", "--all").stdout
        assert re.search(r"s1 +│ X +│ +2 │ +100 │", up.run("positions", "--engine", "desk").stdout)

        following = up.start(*follow)
        assert following.stdout is not None
        while "└" not in following.stdout.readline():
            pass
        assert up.run("cancel", "resting", "--engine", "desk").stdout == "resting cancelled\n"
        assert " s1 X resting Cancelled " in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=30)
        assert following.returncode == 0, said

        assert up.run("cancel", "resting", "--engine", "desk", status=1).stdout == "resting is not active\n"
        assert up.run("cancel", "--all", "--engine", "desk").stdout == "1 order cancelled\n"
        assert "--strategy" in up.run("cancel", status=2).stderr


def test_a_halt_rejects_orders_until_it_is_lifted(up: Up) -> None:
    with ExecutionEngine(name="halted", target=f"127.0.0.1:{up.port_base + 3}") as venue:
        venue.wait_ready()
        for verb, status in (("halt", OrderStatus.Rejected), ("resume", OrderStatus.Submitted)):
            up.run(verb, "--engine", "halted")
            order = venue.get_order(venue.submit_order(Order.market("X", OrderSide.Buy, 1, "s")))
            assert order is not None
            assert order.status is status


def test_one_halt_is_for_every_engine_and_in_the_audit_log(up: Up) -> None:
    target = f"127.0.0.1:{up.port_base + 3}"
    with ExecutionEngine(name="one", target=target) as one, ExecutionEngine(name="two", target=target) as two:
        for venue in (one, two):
            venue.wait_ready()
        for verb, status in (("halt", OrderStatus.Rejected), ("resume", OrderStatus.Submitted)):
            said = up.run(verb, "--all").stdout.splitlines()
            assert {"one", "two"} <= set(said[:-1])
            for venue in (one, two):
                order = venue.get_order(venue.submit_order(Order.market("X", OrderSide.Buy, 1, "s")))
                assert order is not None
                assert order.status is status
        # Lines are written after the answers.
        until(lambda: {"one", "two"} <= up.audited("Halt"))
    assert "--all" in up.run("halt", "--all", "--engine", "one", status=2).stderr


def test_entries_of_the_cache_by_hand(up: Up) -> None:
    place = ("--name", "by-hand")
    up.run("cache", "put", "a/1", '{"theme": "dark", "sizes": [1, 2.5, null, true]}', *place)
    up.run("cache", "put", "a/2", '"é"', "--ttl", "60", *place)
    assert up.run("cache", "get", "a/1", *place).stdout == '{"theme": "dark", "sizes": [1, 2.5, null, true]}\n'
    assert up.run("cache", "get", "a/2", *place).stdout == '"é"\n'
    assert sorted(up.run("cache", "keys", "a/", *place).stdout.split()) == ["a/1", "a/2"]
    assert "hit_ratio" in up.run("cache", "stats", *place).stdout
    with GenericCache(name="by-hand", target=f"127.0.0.1:{up.port_base + 1}") as cache:
        cache.put("typed", {"d": Decimal("1.50"), 7: b"\x00", "t": (date(2024, 8, 8), {1})})
    assert json.loads(up.run("cache", "get", "typed", *place).stdout) == {
        "d": "1.50", "7": "AA==", "t": ["2024-08-08", [1]],
    }  # fmt: skip
    assert up.run("cache", "delete", "a/1", "none", *place).stdout == "1 deleted\n"
    assert up.run("cache", "get", "a/1", *place, status=1).stdout == ""
    assert up.run("cache", "delete", "a/1", *place, status=1).stdout == "0 deleted\n"
    assert "not JSON" in up.run("cache", "put", "a", "text", *place, status=2).stderr


def test_an_unreachable_service_is_one_line_and_status_1(up: Up, tmp_path: Path) -> None:
    path = trades_csv(tmp_path, "X,1,1,1,5,5,BUY")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{nobody.getsockname()[1]}"
        environment = up.environment | dict.fromkeys((f"ALPHAFORGE_{noun.upper()}_TARGET" for noun in NOUNS), target)
        for words in (("ping", "--timeout", "0.2"), ("stats", "--timeout", "0.2")):
            done = subprocess.run(
                [sys.executable, "-m", "alphaforge_cli", *words],
                capture_output=True, text=True, timeout=60, env=environment,
            )  # fmt: skip
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert words[0] != "ping" or done.stdout.count("no answer: ") == done.stdout.count("refused") == 3
    assert "Traceback" not in up.run("replay", path, "--bars", "7parsec", status=1).stderr


def test_a_service_that_dies_is_reported_and_ends_the_others(tmp_path: Path) -> None:
    running = Up(tmp_path)
    try:
        running.wait_ready()
        children = running.services()
        os.kill(children["data"], signal.SIGKILL)
        assert running.process.wait(60) == 1
    finally:
        running.process.kill()
        running.process.wait()
    assert "alphaforge: data on " in running.log.read_text()
    assert "signal SIGKILL" in running.log.read_text()
    assert not any(Path(f"/proc/{child}").exists() for child in children.values())


def test_a_stack_that_was_killed_starts_again_at_once(tmp_path: Path) -> None:
    running = Up(tmp_path)
    try:
        running.wait_ready()
        with closing(DataEngine(name="n", target=f"127.0.0.1:{running.port_base + 2}")) as engine:
            engine.wait_ready()
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        running.start_again(tmp_path)
        running.wait_ready()
        assert running.stop(signal.SIGTERM) == 0
    finally:
        running.process.kill()
        running.process.wait()


def test_what_runs_where_and_what_comes_next_is_printed_and_no_log(up: Up) -> None:
    said = up.log.read_text()
    for index, noun in enumerate(NOUNS, 1):
        assert f"\n{noun:9} 127.0.0.1:{up.port_base + index}" in f"\n{said}"
        assert f"ALPHAFORGE_{noun.upper()}_TARGET=127.0.0.1:{up.port_base + index}" in said
        assert f"ALPHAFORGE_{noun.upper()}_METRICS_PORT={up.metrics_base + index}" in said
        assert '"message": "ready"' in (up.log.parent / "var" / f"{noun}.log").read_text()
    assert "{" not in said


def test_a_stack_told_to_stop_before_it_is_ready_stops_cleanly(tmp_path: Path) -> None:
    running = Up(tmp_path)

    def children_of_all() -> dict[str, int] | None:
        assert running.process.poll() is None, running.log.read_text()
        return children if len(children := running.services()) == 3 else None

    children = until(children_of_all)
    assert children is not None
    assert running.stop(signal.SIGTERM) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children.values())
