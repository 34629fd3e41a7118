"""Concurrent callers that submit, read and cancel the same few orders, and a check of their answers."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections import defaultdict

from alphaforge_client.errors import AlphaForgeError
from alphaforge_client.execution import ExecutionEngine

from tests.support.cluster import Cluster
from tests.support.cluster_load import an_order
from tests.support.linearizability import Call, is_linearizable
from tests.support.waiting import until

__all__ = ["UNKNOWN", "Callers", "agrees"]

CALLERS = 4
# The callers share ORDERS orders at a time, and proceed to the next ones after CALLS calls.
ORDERS, CALLS = 3, 24


class Anything:
    """The unknown answer of a failed call: equal to any answer."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


UNKNOWN = Anything()


def step(state: str, name: str, _: tuple[object, ...]) -> tuple[str, object]:
    """Applies a call to one order, which is unknown, active or cancelled; returns its state and the answer."""
    if name == "submit":
        return (state or "active"), True
    if name == "cancel":
        return ("cancelled" if state else state), state == "active"
    return state, state


def agrees(calls: list[Call]) -> bool:
    """Whether one service could have given these answers; a failed call may be applied at once, later or never."""
    known = [call for call in calls if call.answer is not UNKNOWN]
    # A read that failed says nothing.
    unknown = [call for call in calls if call.answer is UNKNOWN and call.name != "get"]
    return any(
        is_linearizable([*known, *done], "", step)
        for count in range(len(unknown) + 1)
        for done in itertools.combinations(unknown, count)
    )


class Callers:
    """Threads that use the same few orders concurrently until they are stopped."""

    def __init__(self, cluster: Cluster, seed: int, engine: str = "default") -> None:
        self.histories: defaultdict[str, list[Call]] = defaultdict(list)
        self.count = itertools.count()
        self.made = self.failed = 0
        self._ended = threading.Event()
        self._target = cluster.target("execution")
        self._engine = engine
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
        with ExecutionEngine(name=self._engine, target=self._target) as engine:
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

    @property
    def wrong(self) -> dict[str, list[Call]]:
        """The histories, by order, that no single service could have produced."""
        return {name: sorted(calls) for name, calls in self.histories.items() if not agrees(calls)}
