"""A strategy's session: its orders are cancelled if its process stops renewing, and never otherwise."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from alphaforge_client.errors import InvalidArgument
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus, TimeInForce

from tests.support.stack import Stack
from tests.support.waiting import let_pass, until

GRACE_SECONDS = 1.0
LONG_GRACE_SECONDS = 300.0
PATIENCE_SECONDS = 30.0

STRATEGY = """
import sys
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, TimeInForce
engine = ExecutionEngine(target=sys.argv[1])
session = engine.cancel_on_disconnect("mortal", grace=float(sys.argv[2]))
engine.submit_order(Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, "mortal"))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_stack(own_stack: Stack) -> Stack:
    own_stack.serve("execution")
    return own_stack


@pytest.fixture
def venue(own_stack: Stack) -> Iterator[ExecutionEngine]:
    with ExecutionEngine(target=own_stack.target("execution"), timeout=PATIENCE_SECONDS) as engine:
        yield engine


def order(strategy: str) -> Order:
    return Order.limit("BTC", OrderSide.Buy, 1, 90, TimeInForce.GoodTillCancel, strategy)


def strategy_process(stack: Stack, grace: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STRATEGY, stack.target("execution"), str(grace)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_orders_of_a_strategy_that_dies_are_cancelled_and_no_others(
    own_stack: Stack, venue: ExecutionEngine
) -> None:
    venue.submit_order(order("immortal"))
    process = strategy_process(own_stack, grace=4.0)
    # Only silence counts: while its process runs, the session outlives its grace period, even on a busy machine.
    let_pass(5.0)
    assert len(venue.get_active_orders("mortal")) == 1
    end(process)
    until(lambda: not venue.get_active_orders("mortal"))
    (cancelled,) = venue.get_orders("mortal")
    assert cancelled.cancel_reason == "SESSION_LAPSED"
    assert len(venue.get_active_orders("immortal")) == 1


def test_a_session_that_is_closed_leaves_its_orders(venue: ExecutionEngine) -> None:
    with venue.cancel_on_disconnect("s", grace=GRACE_SECONDS) as session:
        venue.submit_order(order("s"))
    let_pass(2 * GRACE_SECONDS)
    assert len(venue.get_active_orders("s")) == 1
    assert not session.has_lapsed
    assert not session.close()


def test_sessions_survive_a_kill_of_the_service_and_so_does_their_purpose(
    own_stack: Stack, venue: ExecutionEngine
) -> None:
    process = strategy_process(own_stack, GRACE_SECONDS)
    # Long enough for the slowest machine to restart the service and renew the session.
    with venue.cancel_on_disconnect("s", grace=LONG_GRACE_SECONDS) as session:
        venue.submit_order(order("s"))
        own_stack.kill("execution")
        end(process)
        own_stack.start("execution")
        until(lambda: not venue.get_active_orders("mortal"))
        assert not session.has_lapsed
        assert len(venue.get_active_orders("s")) == 1
        # Only a session that lives can be closed.
        assert session.close()


def test_a_second_session_of_a_strategy_takes_the_place_of_the_first(venue: ExecutionEngine) -> None:
    first = venue.cancel_on_disconnect("s", grace=GRACE_SECONDS)
    second = venue.cancel_on_disconnect("s", grace=GRACE_SECONDS)
    venue.submit_order(order("s"))
    until(lambda: first.has_lapsed)
    assert not second.has_lapsed
    assert len(venue.get_active_orders("s")) == 1
    assert second.close()


def test_a_grace_that_can_not_be_is_refused(venue: ExecutionEngine) -> None:
    for grace in (0.5, 3601.0, float("nan"), -1.0):
        with pytest.raises(InvalidArgument):
            venue.cancel_on_disconnect("s", grace=grace)
    with pytest.raises(InvalidArgument):
        venue.cancel_on_disconnect("", grace=1.0)


def test_a_pause_of_the_service_ends_no_session_of_a_client_that_lives(
    own_stack: Stack, venue: ExecutionEngine
) -> None:
    with venue.cancel_on_disconnect("living", grace=GRACE_SECONDS) as session:
        resting = venue.submit_order(order("living"))
        process = own_stack.processes["execution"]
        process.send_signal(signal.SIGSTOP)
        let_pass(3 * GRACE_SECONDS)
        process.send_signal(signal.SIGCONT)
        let_pass(2 * GRACE_SECONDS)
        assert not session.has_lapsed
        found = venue.get_order(resting)
        assert found is not None
        assert found.status == OrderStatus.Submitted
