"""Random faults under load: nothing acknowledged is lost, nothing is done twice, and counters are exact.

Clients of the three services work through connections that can be cut, on machines that pause, with clocks that are
set, beside consumers that do not read and callers that overload; the soak mixes all of these.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig
from alphaforge_client.model import TradeTick

from tests.support.chaos import Chaos, many
from tests.support.load import PATIENCE_SECONDS, START_NS, Caller, Trading, Worker, all_events
from tests.support.proxy import Proxy, proxied
from tests.support.stack import NOUNS, Stack
from tests.support.waiting import let_pass, until

ROOT = Path(__file__).resolve().parents[2]

# Pauses between a caller's calls; longer ones in the soak, so that its state grows slowly.
PAUSE_SECONDS, SOAK_PAUSE_SECONDS = 0.01, 0.2
# The permitted growth of a service's memory in the soak, and in addition for each order event that it keeps.
GROWTH_BYTES, EVENT_BYTES = 64 << 20, 2_048

# A subscriber that never reads, and one process with many of them.
DEAF = """
import sys, time
import grpc
from alphaforge.data.v1 import subscriptions_pb2
channel = grpc.insecure_channel(sys.argv[1])
request = subscriptions_pb2.SubscribeTradesRequest().SerializeToString()
calls = [channel.unary_stream("/alphaforge.data.v1.DataService/SubscribeTrades")(request) for _ in range(20)]
print("subscribed", flush=True)
sys.stdin.read()
"""


class Load:
    """Callers of all services, through proxies, and what they were answered."""

    def __init__(self, stack: Stack, every_one: ExitStack, clock: Path, pause_seconds: float) -> None:
        self.stack = stack
        self._clock = clock
        self.proxies: dict[str, Proxy] = {noun: every_one.enter_context(proxied(stack.target(noun))) for noun in NOUNS}
        at = {noun: proxy.address for noun, proxy in self.proxies.items()}
        self._cache = every_one.enter_context(GenericCache(name="c", target=at["cache"], timeout=PATIENCE_SECONDS))
        config = DataEngineConfig(bar_types=["100tick"])
        self._data = every_one.enter_context(DataEngine(config, target=at["data"], timeout=PATIENCE_SECONDS))
        self._venue = every_one.enter_context(ExecutionEngine(target=at["execution"], timeout=PATIENCE_SECONDS))
        self._data.start()
        self._venue.statistics()
        # The orders that the overloaded engine keeps are not a leak.
        self._overloaded = every_one.enter_context(
            ExecutionEngine(
                ExecutionEngineConfig(max_final_orders=50_000),
                name="overload",
                target=at["execution"],
                timeout=PATIENCE_SECONDS,
            )
        )
        self._overloaded.statistics()
        self._events: list[object] = []
        self._event_stream = self._venue.subscribe_order_events(from_sequence=1).listen(self._events.append)
        self._callers = [Caller(self._cache, number) for number in range(2)]
        self._workers = [Worker(caller.step, pause_seconds) for caller in self._callers]
        self._market = Worker(self._trade, pause_seconds)
        self._trading = Trading(self._venue, 2, pause_seconds)

    def _trade(self, step: int) -> None:
        dice = random.Random(step)
        side = dice.choice(("BUY", "SELL"))
        time_ns = START_NS + step * 10**6
        tick = TradeTick("BTC", dice.randint(94, 106), dice.randint(1, 20), side, str(step), time_ns)
        self._data.process_trade_tick(tick)

    @property
    def pids(self) -> list[int]:
        return [self.stack.processes[noun].pid for noun in NOUNS]

    def step_clock(self, seconds: int) -> None:
        """Sets the services' time of day ahead of this machine's."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    def check(self, chaos: Chaos) -> int:
        """Ends the callers; raises AssertionError where something is lost, doubled or counted wrongly.

        Returns how many events the orders had.
        """
        for worker in self._workers:
            worker.end()
        self._market.end()
        self._trading.end()
        expected = {key: value for caller in self._callers for key, value in caller.expected.items()}
        assert self._cache.get_many(expected) == expected
        assert self._cache.size() == len(expected)
        sent = self._market.steps
        assert self._data.statistics().ticks_processed == sent
        until(lambda: self._venue.statistics().ticks_processed >= sent, seconds=PATIENCE_SECONDS)
        assert self._venue.statistics().ticks_processed == sent
        orders = [order.order_id for order in self._venue.get_orders()]
        assert sorted(orders) == sorted(self._trading.acknowledged)
        assert self._venue.statistics().orders_submitted == len(orders)
        assert self._venue.validate() == []
        events = all_events(self._venue)
        until(lambda: len(self._events) >= len(events), seconds=PATIENCE_SECONDS)
        self._event_stream.close()
        assert [repr(event) for event in self._events] == [repr(event) for event in events]
        assert all(process.poll() is None for process in self.stack.processes.values()), "a service has ended"
        for what, count in (("orders", len(orders)), ("ticks", sent), ("events", len(events))):
            chaos.count(what, count)
        return len(events)


@contextmanager
def loaded(
    stack: Stack, folder: Path, monkeypatch: pytest.MonkeyPatch, pause_seconds: float = PAUSE_SECONDS
) -> Iterator[Load]:
    """The three services under load, with a clock that can be set."""
    library, clock = folder / "stepping_clock.so", folder / "clock"
    source = ROOT / "tests/native/stepping_clock.c"
    flags = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    subprocess.run(["cc", *flags, "-o", library, source], check=True)
    clock.write_bytes(bytes(8))
    with monkeypatch.context() as preloaded:
        preloaded.setenv("LD_PRELOAD", str(library))
        preloaded.setenv("STEPPING_CLOCK", str(clock))
        stack.serve(*NOUNS)
    with ExitStack() as every_one:
        yield Load(stack, every_one, clock, pause_seconds)


# --- Troubles: each injects one fault, once.


def reconnect(load: Load, dice: random.Random) -> None:
    load.proxies[dice.choice(NOUNS)].reset()
    let_pass(dice.uniform(0.01, 0.1))


def pause(load: Load, dice: random.Random) -> None:
    pid = dice.choice(load.pids)
    os.kill(pid, signal.SIGSTOP)
    let_pass(dice.uniform(0.1, 1.5))
    os.kill(pid, signal.SIGCONT)
    let_pass(dice.uniform(0.0, 0.2))


def step_clock(load: Load, dice: random.Random) -> None:
    load.step_clock(dice.randint(-3_600, 3_600))
    let_pass(dice.uniform(0.1, 0.5))


def deaf_consumers(load: Load, dice: random.Random) -> None:
    """Twenty subscribers that do not read, and then die."""
    command = [sys.executable, "-c", DEAF, load.stack.target("data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "subscribed\n"
        let_pass(dice.uniform(0.2, 1.0))
        process.kill()


def overload(load: Load, dice: random.Random) -> None:
    """Two hundred clients that do not wait when they are told to."""
    command = [sys.executable, "-m", "benchmarks.overload", load.stack.target("execution"), "200", "2", "0"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE_SECONDS)


# Each with how often it happens usually, and in a full run.
TROUBLES: dict[str, tuple[Callable[[Load, random.Random], None], int, int]] = {
    "reconnects": (reconnect, 50, 10_000),
    "pauses": (pause, 4, 200),
    "clock steps": (step_clock, 10, 500),
    "deaf consumers": (deaf_consumers, 3, 100),
    "overloads": (overload, 1, 30),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_is_lost_doubled_or_miscounted(
    own_stack: Stack, tmp_path: Path, chaos: Chaos, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    happens, usual, full = TROUBLES[trouble]
    dice = chaos.dice()
    with loaded(own_stack, tmp_path, monkeypatch) as load:
        for _ in range(chaos.rounds(usual, full)):
            happens(load, dice)
        load.check(chaos)


def resources(load: Load) -> list[tuple[int, int]]:
    """Open files and threads of each service."""
    return [(len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))) for pid in load.pids]


def have_as_few(now: list[tuple[int, int]], before: list[tuple[int, int]]) -> bool:
    """Whether no service has many more files or threads than before: each of its callers may have a connection."""
    pairs = zip(now, before, strict=True)
    return all(files <= had + 30 and threads <= ran + 8 for (files, threads), (had, ran) in pairs)


def resident_bytes(load: Load) -> list[int]:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in load.pids]
    return [each * os.sysconf("SC_PAGESIZE") for each in pages]


def test_a_soak_of_all_troubles_leaves_everything_as_it_was(
    own_stack: Stack, tmp_path: Path, chaos: Chaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = chaos.dice()
    often = [trouble for trouble, (_, times, _) in TROUBLES.items() for _ in range(times)]
    troubles: Counter[str] = Counter()
    seconds = many(10, 1_800)
    with loaded(own_stack, tmp_path, monkeypatch, SOAK_PAUSE_SECONDS) as load:
        for happens, _, _ in TROUBLES.values():
            happens(load, dice)
        before, bytes_before = resources(load), resident_bytes(load)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            trouble = dice.choice(often)
            TROUBLES[trouble][0](load, dice)
            troubles[trouble] += 1
        bytes_after = resident_bytes(load)
        events = load.check(chaos)
        for what, count in (("seconds", seconds), *sorted(troubles.items())):
            chaos.count(what, count)
        # Connections of closed clients may remain for a few seconds.
        until(lambda: have_as_few(resources(load), before), seconds=60.0)
        for noun, then, now in zip(NOUNS, bytes_before, bytes_after, strict=True):
            chaos.count(f"MiB more in {noun}", (now - then) >> 20)
            kept = events * EVENT_BYTES if noun == "execution" else 0
            assert now - then <= GROWTH_BYTES + kept, f"{noun} grew by {(now - then) >> 20} MiB, with {events:,} events"
