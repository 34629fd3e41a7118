"""The copies of a near cache, with requests, answers and notifications of changes in any order.

The service, the network and the clock are modelled: a load is begun, read at the service and finished in three steps,
and a change is reported whenever the history says. What callers get must never break the promises.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from alphaforge_client._near.store import NearCache, NearStore

from tests.property.conftest import FACTOR

SECOND = 1_000_000_000
MAX_AGE = 5.0
TTL = 8.0

HISTORIES = int(5_000 * FACTOR)
STEPS = 60


@dataclass
class Version:
    """The key's value from a given time on; None means no entry."""

    number: int
    value: int | None
    since_ns: int
    expires_ns: int


@dataclass
class Load:
    """A get in flight: the state noted before it, and the service's answer."""

    begun: Any
    answer: Version | None = None
    read_ns: int = 0


class History:
    """Callers of one client, other clients, and the service with its stream of changes; all about one key."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_ns = SECOND
        self.store = NearStore(NearCache(max_size=10, max_age=MAX_AGE), clock=lambda: self.now_ns)
        self.store.go_live()
        self.versions = [Version(0, None, 0, 0)]
        self.seen = 0  # the newest version that a caller of this client has got
        self.untold = 0  # changes that the stream has not reported yet
        self.loads: deque[Load] = deque()
        self.hits = 0

    def run(self) -> int:
        steps = {
            self.other_client_changes: 4,
            self.time_passes: 2,
            self.news_arrive: 4,
            self.stream_is_lost_and_found: 1,
            self.get_begins: 8,
            self.service_answers: 8,
            self.get_ends: 8,
            self.get_fails: 1,
            self.own_write: 2,
            self.read_past_the_copies: 2,
        }
        for step in self.random.choices([*steps], [*steps.values()], k=STEPS):
            step()
            self.copy_keeps_the_promises()
        return self.hits

    # --- The service and its stream.

    def change(self, value: int | None) -> None:
        expires_ns = self.now_ns + round(TTL * SECOND)
        self.versions.append(Version(len(self.versions), value, self.now_ns, expires_ns))
        self.untold += 1

    def current(self) -> Version:
        """Returns the current version; first expires an entry whose time is over, as the service does on a call."""
        if self.versions[-1].value is not None and self.versions[-1].expires_ns <= self.now_ns:
            self.change(None)
        return self.versions[-1]

    def new_value(self) -> int | None:
        return len(self.versions) if self.random.random() < 0.7 else None

    def other_client_changes(self) -> None:
        self.change(self.new_value())

    def time_passes(self) -> None:
        self.now_ns += round(self.random.choice((0.5, 2.0, 4.5, 8.0)) * SECOND)

    def news_arrive(self) -> None:
        if self.untold:
            self.untold -= 1
            self.store.drop(["key"])

    def stream_is_lost_and_found(self) -> None:
        self.store.go_dark()
        self.untold = 0
        self.store.go_live()

    # --- Callers of the client.

    def get_begins(self) -> None:
        if not self.copy_keeps_the_promises():
            self.loads.append(Load(self.store.begin("key")))

    def service_answers(self) -> None:
        waiting = [load for load in self.loads if load.answer is None]
        if waiting:
            load = self.random.choice(waiting)
            load.answer, load.read_ns = self.current(), self.now_ns

    def get_ends(self) -> None:
        answered = [load for load in self.loads if load.answer is not None]
        if answered:
            self.end(self.random.choice(answered))

    def end(self, load: Load) -> None:
        self.loads.remove(load)
        answer = load.answer
        assert answer is not None
        left = (answer.expires_ns - load.read_ns) / SECOND
        found = None if answer.value is None else (answer.value, answer.number, left)
        self.store.finish("key", load.begun, found)
        self.seen = max(self.seen, answer.number)

    def get_fails(self) -> None:
        if self.loads:
            self.store.finish("key", self.loads.popleft().begun, None)

    def own_write(self) -> None:
        with self.store.changing("key"):
            self.change(self.new_value())
        self.seen = len(self.versions) - 1

    def read_past_the_copies(self) -> None:
        with self.store.changing("key"):
            self.seen = max(self.seen, self.current().number)

    # --- The promises.

    def copy_keeps_the_promises(self) -> bool:
        value = self.store.copies.get("key")
        if value is None:
            return False
        self.hits += 1
        version = self.versions[value]
        assert version.number >= self.seen, "a read went back in time, or a client did not see its own write"
        self.seen = version.number
        assert self.now_ns < version.expires_ns, "a copy outlived its entry"
        if version is not self.versions[-1]:
            outdated_ns = self.now_ns - self.versions[value + 1].since_ns
            assert outdated_ns < MAX_AGE * SECOND, "a copy was older than max_age"
            assert self.untold, "an outdated copy stays although all changes were told"
        return True


def test_no_promise_is_broken_whatever_overtakes_what() -> None:
    hits = 0
    for seed in range(HISTORIES):
        try:
            hits += History(seed).run()
        except AssertionError as broken:
            raise AssertionError(f"history {seed}: {broken}") from broken
    assert hits > HISTORIES, "the histories must have copies to judge"
