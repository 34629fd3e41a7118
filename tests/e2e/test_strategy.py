"""One strategy class: in process, in lock-step on the services, and live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import alphaforge_core.data
import alphaforge_core.execution
import pytest
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import InvalidArgument
from alphaforge_client.execution import (
    ExecutionEngine,
    ExecutionEngineConfig,
    Fill,
    OrderEvent,
    OrderStatus,
    TimeInForce,
)
from alphaforge_client.model import Bar, TradeTick
from alphaforge_client.strategy import Live, LockStep, Strategy

from tests.support.stack import Stack
from tests.support.tape import SECOND, ZIGZAG_START, zigzag
from tests.support.waiting import until


class Crossing(Strategy):
    """Buys strength and sells weakness, rests a bid below the market, and closes by a timer; records every call of a
    hook."""

    strategy_id = "crossing"
    symbols = ("BTCUSD",)
    bar_types = ("3s",)

    def __init__(self, venue: Any) -> None:
        super().__init__(venue)
        self.heard: list[str] = []

    def on_start(self) -> None:
        self.heard.append("start")

    def on_trade(self, trade: TradeTick) -> None:
        self.heard.append(f"trade {trade.trade_id} at {self.now_ns}")
        if trade.trade_id == "t0":
            self.buy("BTCUSD", 1, 99, TimeInForce.GTC)
            self.at(trade.ts_event + 30 * SECOND, self.on_timer)

    def on_timer(self, time_ns: int) -> None:
        self.heard.append(f"timer {time_ns}")
        self.sell("BTCUSD", "0.5")

    def on_bar(self, bar: Bar) -> None:
        self.heard.append(f"bar {bar.sequence} {bar.close}")
        if bar.close > bar.open:
            self.buy(bar.symbol, 1)
        elif bar.close < bar.open:
            self.sell(bar.symbol, 1)

    def on_order(self, event: OrderEvent) -> None:
        self.heard.append(f"order {event.type.name} {event.status.name}")

    def on_fill(self, fill: Fill) -> None:
        self.heard.append(f"fill {fill.side.name} {fill.quantity} @ {fill.price} of {fill.trade_id}")


@pytest.fixture
def services(own_stack: Stack) -> Stack:
    own_stack.serve("execution")
    return own_stack


def test_hooks_come_in_order_and_orders_meet_the_next_trade() -> None:
    venue = alphaforge_core.execution.ExecutionEngine(ExecutionEngineConfig(fill_on="next"))
    strategy = Crossing(venue)
    LockStep(strategy, alphaforge_core.data.DataEngine(DataEngineConfig(bar_types=["3s"])), venue).run(zigzag())
    heard = strategy.heard
    assert heard[:2] == ["start", f"trade t0 at {ZIGZAG_START * SECOND}"]
    assert heard[2] == "order Submitted Submitted"
    # The bar of the first three seconds closes with the fourth trade and rose: what it bought fills at the fifth.
    bar = heard.index("bar 1 103.00")
    assert heard[bar + 1] == "order Submitted Submitted"
    assert heard[bar + 2].startswith("trade t3")
    assert "fill Buy 1 @ 99.00 of t4" in heard[bar:]
    assert [text for text in heard if text.startswith("timer")] == [f"timer {(ZIGZAG_START + 30) * SECOND}"]
    timer = heard.index(f"timer {(ZIGZAG_START + 30) * SECOND}")
    assert next(text for text in heard[timer:] if text.startswith("trade")).startswith("trade t30")


def test_fills_are_equal_in_process_and_in_lock_step_on_the_services(services: Stack) -> None:
    def run(data: Any, venue: Any) -> list[str]:
        strategy = Crossing(venue)
        LockStep(strategy, data, venue).run(zigzag())
        return strategy.heard

    bars = DataEngineConfig(bar_types=["3s"])
    here = run(
        alphaforge_core.data.DataEngine(bars),
        alphaforge_core.execution.ExecutionEngine(ExecutionEngineConfig(fill_on="next")),
    )
    settings = ExecutionEngineConfig(fill_on="next", subscribe_market_data=False)
    with (
        DataEngine(bars, name="tape", target=services.target("data")) as data,
        ExecutionEngine(settings, name="tape", target=services.target("execution")) as venue,
    ):
        assert run(data, venue) == here
        # A second run on the same engines does not take its orders for those of the first one.
        before = len(venue.get_orders())
        run(data, venue)
        assert len(venue.get_orders()) > before
    assert sum(text.startswith("fill") for text in here) > 10


def test_a_live_run_trades_and_resumes_where_it_stopped(services: Stack, tmp_path: Path) -> None:
    tape = zigzag()
    state = tmp_path / "crossing.json"
    with (
        DataEngine(DataEngineConfig(bar_types=["3s"]), name="live", target=services.target("data")) as data,
        ExecutionEngine(
            ExecutionEngineConfig(subscribe_market_data=False), name="live", target=services.target("execution")
        ) as venue,
    ):
        for part in (tape[:30], tape[30:]):
            strategy = Crossing(venue)
            run = Live(strategy, data, venue, state_file=state)
            thread = threading.Thread(target=run.run)
            thread.start()
            until(lambda: strategy.heard, "the strategy has started")  # noqa: B023
            for trade in part:
                venue.process_trade_tick(trade)
                data.process_trade_tick(trade)
            last = f"trade {part[-1].trade_id}"
            until(lambda: any(text.startswith(last) for text in strategy.heard), "the last trade")  # noqa: B023
            until(lambda: not run._events._waiting.qsize(), "all is handled")  # noqa: B023
            run.stop()
            thread.join(30.0)
            assert not thread.is_alive()
            seen = [text.split()[1] for text in strategy.heard if text.startswith("trade")]
            assert seen == [trade.trade_id for trade in part]
        orders = venue.get_orders("crossing")
        assert {order.status for order in orders} >= {OrderStatus.Filled}


@pytest.mark.parametrize("of_earlier_release", [False, True])
def test_a_live_run_over_partitions_resumes_where_it_stopped(
    services: Stack, tmp_path: Path, of_earlier_release: bool
) -> None:
    partitions = 1 if of_earlier_release else 3
    state = tmp_path / "listener.json"
    tape = [TradeTick(f"S{n % 7}", 100, 1, "BUY", str(n), (ZIGZAG_START + n) * SECOND) for n in range(60)]
    with (
        DataEngine(name="parts", target=services.target("data"), partitions=partitions) as data,
        ExecutionEngine(name="parts", target=services.target("execution"), partitions=partitions) as venue,
    ):
        heard: list[list[str]] = []
        for part in (tape[:30], tape[30:]):
            strategy = Listener(venue)
            run = Live(strategy, data, venue, state_file=state)
            begun = threading.Event()
            thread = threading.Thread(target=run.run, args=(begun.set,))
            thread.start()
            assert begun.wait(60.0)
            data.process_trade_ticks(part)
            until(lambda: len(strategy.trades) == len(part), "all trades")  # noqa: B023
            until(lambda: not run._events._waiting.qsize(), "all is handled")  # noqa: B023
            run.stop()
            thread.join(30.0)
            assert not thread.is_alive()
            heard.append(strategy.trades)
            if of_earlier_release:
                kept = json.loads(state.read_text())
                kept["places"] = {name: epoch_and_sequence(token) for name, token in kept["places"].items()}
                state.write_text(json.dumps(kept))
        # Nothing was fed between the runs, so each trade is received once, in order per symbol.
        for trades, part in zip(heard, (tape[:30], tape[30:]), strict=True):
            for symbol in range(7):
                mine = [n for n in trades if int(n) % 7 == symbol]
                assert mine == [trade.trade_id for trade in part if int(trade.trade_id) % 7 == symbol]


class Listener(Strategy):
    """Records the trades that it receives."""

    strategy_id = "listener"

    def __init__(self, venue: Any) -> None:
        super().__init__(venue)
        self.trades: list[str] = []

    def on_trade(self, trade: TradeTick) -> None:
        self.trades.append(trade.trade_id)


def epoch_and_sequence(token: str) -> list[int]:
    """Returns a position as earlier releases wrote it."""
    epoch, _, sequence = token.removeprefix("1/").partition(".")
    return [int(epoch, 16), int(sequence)]


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_event_that_is_handled_again_does_not_submit_its_orders_twice(
    services: Stack, tmp_path: Path, partitions: int
) -> None:
    class Crashing(Strategy):
        strategy_id = "crashing"

        def on_trade(self, trade: TradeTick) -> None:
            if trade.trade_id != "t0":
                self.buy("BTCUSD", 1, 50)
                raise RuntimeError(f"crashed after the order at {trade.trade_id}")

    state = tmp_path / "crashing.json"
    with (
        DataEngine(name="crash", target=services.target("data"), partitions=partitions) as data,
        ExecutionEngine(name="crash", target=services.target("execution"), partitions=partitions) as venue,
    ):
        for tape in (zigzag(2), []):
            with pytest.raises(RuntimeError, match="crashed after the order at t1"):
                crash(Live(Crashing(venue), data, venue, state_file=state), data, tape)
            assert len(venue.get_orders("crashing")) == 1


def crash(run: Live, data: DataEngine, tape: list[TradeTick]) -> None:
    """Feeds the tape once the run has subscribed."""

    def feed() -> None:
        for trade in tape:
            data.process_trade_tick(trade)

    run.strategy.on_start = feed  # type: ignore[method-assign]
    run.run()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": 1, "strategy_id": "other", "places": {}}'])
def test_a_state_file_of_another_run_is_refused(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text)
    data, venue = DataEngine(target="localhost:1"), ExecutionEngine(target="localhost:1")
    with pytest.raises(InvalidArgument, match=r"state\.json"):
        Live(Strategy(venue), data, venue, state_file=state).run()


PROGRAM = """
from alphaforge_client.strategy import Strategy

class Opener(Strategy):
    strategy_id = "opener"

    def __init__(self, venue, quantity=2):
        super().__init__(venue)
        self.quantity = quantity

    def on_trade(self, trade):
        if trade.trade_id == "t1":
            self.buy(trade.symbol, self.quantity)

    def on_fill(self, fill):
        print("filled", fill.quantity, "at", fill.price, flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "opener.py"
    path.write_text(PROGRAM)
    return path


def tape_file(folder: Path, tape: list[TradeTick]) -> Path:
    path = folder / "trades.csv"
    rows = (f"{one.symbol},{one.price},{one.quantity},{one.ts_event},BUY,{one.trade_id}" for one in tape)
    path.write_text("\n".join(("instrument_id,price,quantity,ts_event,aggressor_side,trade_id", *rows, "")))
    return path


def alphaforge(services: Stack, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alphaforge_cli", *words],
        env=os.environ | services.environment() | {"COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_runs_a_strategy_on_a_tape_and_leaves_no_engine(
    services: Stack, program: Path, tmp_path: Path
) -> None:
    command = alphaforge(services, "run", str(program), "--tape", str(tape_file(tmp_path, zigzag(5))))
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    # The order follows the second trade, at 101, and meets the third one.
    assert "filled 2 at 103.00" in printed
    assert "opener" in printed
    with DataEngine(name="any", target=services.target("data")) as data:
        assert {one.name for one in data.list_engines()} <= {"any", "default"}


def test_the_command_takes_a_parameter_and_logs_orders_and_fills(
    services: Stack, program: Path, tmp_path: Path
) -> None:
    tape, log = tape_file(tmp_path, zigzag(5)), tmp_path / "run.jsonl"
    command = alphaforge(services, "run", str(program), "--tape", str(tape), "--set", "quantity=3", "--log", str(log))
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    assert "filled 3 at 103.00" in printed
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "order", "order", "fill", "stop"]
    assert lines[0]["parameters"] == {"quantity": 3}
    assert (lines[3]["quantity"], lines[3]["price"]) == ("3", "103")


def test_a_dry_run_sends_no_order(services: Stack, program: Path, tmp_path: Path) -> None:
    command = alphaforge(services, "run", str(program), "--tape", str(tape_file(tmp_path, zigzag(5))), "--dry-run")
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 0, printed
    assert '"event": "would submit"' in printed
    assert "filled 2" not in printed


def test_a_parameter_that_the_strategy_lacks_is_refused(services: Stack, program: Path, tmp_path: Path) -> None:
    command = alphaforge(services, "run", str(program), "--set", "size=3")
    printed, _ = command.communicate(timeout=120)
    assert command.returncode == 2
    assert "size" in printed


def test_the_command_runs_a_strategy_live_until_it_is_told_to_stop(services: Stack, program: Path) -> None:
    feeding, stop = iter(zigzag(100_000)[1:]), threading.Event()
    with (
        DataEngine(name="live", target=services.target("data")) as data,
        alphaforge(services, "run", str(program), "--engine", "live", "--cancel") as command,
    ):
        assert command.stdout is not None

        def feed() -> None:
            # The order fills against a trade that comes after it; they come until it has filled.
            while not stop.is_set():
                data.process_trade_tick(next(feeding))

        feeder = threading.Thread(target=feed)
        try:
            lines = iter(command.stdout)
            assert next(lines).startswith("running opener")
            feeder.start()
            line = next(lines)
            stop.set()
            feeder.join()
            command.send_signal(signal.SIGTERM)
            rest = "".join(lines)
            assert command.wait(60) == 0, line + rest
        finally:
            stop.set()
            command.kill()
    assert line.startswith("filled ")
    assert "opener" in rest
