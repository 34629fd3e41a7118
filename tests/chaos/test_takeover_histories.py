"""Callers submit, read and cancel the same orders during takeovers; their answers are those of one service."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections import defaultdict
from pathlib import Path

from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.execution import ExecutionEngine

from tests.support.chaos import Chaos
from tests.support.cluster import Cluster, running_cluster
from tests.support.cluster_load import an_order
from tests.support.linearizability import Call, is_linearizable
from tests.support.postgres import Pair
from tests.support.waiting import let_pass, until

CALLERS = 4
# Callers meet at this many orders at a time, and proceed to the next after this many calls.
ORDERS, CALLS = 3, 24


class Anything:
    """The answer of a call that failed: whatever it would have been."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


UNKNOWN = Anything()


def step(state: str, name: str, _: tuple[object, ...]) -> tuple[str, object]:
    """An order of one id: not there, active or cancelled."""
    if name == "submit":
        return (state or "active"), True
    if name == "cancel":
        return ("cancelled" if state else state), state == "active"
    return state, state


def agrees(calls: list[Call]) -> bool:
    """Whether one service could have answered so; a call that failed may be carried out, at once or later, or never."""
    known = [call for call in calls if call.answer is not UNKNOWN]
    # A read that failed says nothing.
    unknown = [call for call in calls if call.answer is UNKNOWN and call.name != "get"]
    return any(
        is_linearizable([*known, *done], "", step)
        for count in range(len(unknown) + 1)
        for done in itertools.combinations(unknown, count)
    )


class Callers:
    """Callers that do something with the same few orders at once, until they are ended."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.histories: defaultdict[str, list[Call]] = defaultdict(list)
        self.count = itertools.count()
        self.made = self.failed = 0
        self._ended = threading.Event()
        self._target = cluster.target("execution")
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(seed * CALLERS + number),))
            for number in range(CALLERS)
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def await_more(self, calls: int) -> None:
        wanted = self.made + calls
        until(
            lambda: self.made >= wanted, lambda: f"calls continue; {self.made} made, {self.failed} failed", seconds=120
        )

    def _run(self, dice: random.Random) -> None:
        with ExecutionEngine(target=self._target) as engine:
            while not self._ended.is_set():
                self.made = next(self.count)
                order = an_order(self.made // CALLS * ORDERS + dice.randrange(ORDERS))
                name = dice.choice(("submit", "get", "cancel"))
                began = time.monotonic()
                try:
                    answer = self._call(engine, name, order.order_id)
                except AlphaForgeError:
                    self.failed += 1
                    self.histories[order.order_id].append(Call(began, math.inf, name, (), UNKNOWN))
                else:
                    self.histories[order.order_id].append(Call(began, time.monotonic(), name, (), answer))

    @staticmethod
    def _call(engine: ExecutionEngine, name: str, order_id: str) -> object:
        if name == "submit":
            return engine.submit_order(an_order(int(order_id[1:]))) == order_id
        if name == "cancel":
            return engine.cancel_order(order_id)
        order = engine.get_order(order_id)
        return "" if order is None else "active" if order.status.name == "Submitted" else "cancelled"


def test_a_history_that_no_service_could_have_is_told() -> None:
    submitted = Call(0.0, 1.0, "submit", (), True)
    assert agrees([submitted, Call(2.0, 3.0, "get", (), "active")])
    assert not agrees([submitted, Call(2.0, 3.0, "get", (), "")])
    lost = [submitted, Call(1.5, math.inf, "cancel", (), UNKNOWN)]
    assert agrees([*lost, Call(2.0, 3.0, "get", (), "active"), Call(4.0, 5.0, "get", (), "cancelled")])
    assert not agrees([*lost, Call(2.0, 3.0, "get", (), "cancelled"), Call(4.0, 5.0, "get", (), "active")])


def test_callers_of_a_cluster_see_one_service(chaos: Chaos, postgres: Pair, tmp_path: Path) -> None:
    dice = chaos.dice()
    alone = ("--market-data", "off")
    with (
        running_cluster(tmp_path, postgres.database(), "execution", execution=alone) as cluster,
        Callers(cluster, chaos.seed) as callers,
    ):
        for _ in range(chaos.rounds(4, 40)):
            callers.await_more(dice.randrange(50, 400))
            primary = cluster.primary("execution")
            if dice.random() < 0.5:
                primary.kill()
                callers.await_more(50)
                primary.start()
            else:
                primary.freeze()
                let_pass(dice.uniform(0.5, 4.0))
                primary.thaw()
        callers.await_more(100)
    chaos.count("calls", sum(map(len, callers.histories.values())))
    chaos.count("failed", callers.failed)
    wrong = {name: sorted(calls) for name, calls in callers.histories.items() if not agrees(calls)}
    assert not wrong
