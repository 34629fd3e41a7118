"""Under ten times its capacity, a service still delivers most of its capacity; with a simulated clock.

The simulated service handles requests one after the other, including those whose callers have given up, as a
journal does. Without admission nearly everything it does then comes too late.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import count

import grpc
import pytest
from alphaforge_core.errors import ResourceExhausted
from google.rpc import error_details_pb2, status_pb2

from services.access import admission as module
from services.access.admission import Admission, Ticket, Usual
from services.base.errors import failure_of

BATCH_BYTES = 100_000
SERVICE_SECONDS = 0.002
LOOK_SECONDS = 0.0004
BEST = 1 / (SERVICE_SECONDS + LOOK_SECONDS)
LINK_SECONDS = 0.001
DEADLINE_SECONDS = 0.5
CLIENTS = 600
RUN_SECONDS = 12.0
WARM_UP_SECONDS = 4.0


class Lane(Admission):
    """Admission by a simulated clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock())
        self._clock = clock

    def come(self, usual: Usual, seconds: float | None, size: int | None = None) -> Ticket | None:
        return self.enter(usual, seconds, self._clock(), size)

    def go(self, ticket: Ticket, *, answered: bool) -> None:
        self.leave(ticket, self._clock(), answered=answered)


class World:
    """A simulation that runs events in order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def clock(self) -> float:
        return self.now

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()


class Link:
    """A link whose capacity the requests in transfer share equally."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._arriving: dict[int, tuple[float, Callable[[], None]]] = {}
        self._numbers = count()
        self._each = 0.0  # seconds that each request has had of the link since the beginning
        self._since = 0.0
        self._change = 0

    def send(self, seconds: float, then: Callable[[], None]) -> int:
        """Transfers a request that takes `seconds` if alone, then calls back."""
        self._pass_time()
        number = next(self._numbers)
        self._arriving[number] = self._each + seconds, then
        self._expect()
        return number

    def drop(self, number: int) -> None:
        """Stops a transfer because the caller has left."""
        self._pass_time()
        self._arriving.pop(number, None)
        self._expect()

    def _pass_time(self) -> None:
        if self._arriving:
            self._each += (self._world.now - self._since) / len(self._arriving)
        self._since = self._world.now

    def _expect(self) -> None:
        self._change += 1
        if not self._arriving:
            return
        # All requests are equally long, so the first to start is the first to arrive.
        number = next(iter(self._arriving))
        left = max(self._arriving[number][0] - self._each, 0.0)
        change = self._change

        def arrived() -> None:
            if change == self._change:
                self._pass_time()
                _, then = self._arriving.pop(number)
                self._expect()
                then()

        self._world.at(self._world.now + left * len(self._arriving), arrived)


class Way(Enum):
    """When calls are admitted."""

    ALL = "all of them"
    READ = "once they are read"
    COME = "when they come"


class Service:
    """One worker behind a link. Between two calls that it processes, it looks at one new call.

    Like the real server, it looks at calls in order of arrival, including those whose callers have left.
    """

    def __init__(self, world: World, way: Way) -> None:
        self.lane = Lane(world.clock)
        self.answered: list[float] = []
        self.most_under_way = 0
        self._way = way
        self._usual = Usual()
        self._world = world
        self._link = Link(world)
        self._come: deque[Callable[[], None]] = deque()
        self._work: deque[Callable[[], None]] = deque()
        self._is_working = False

    def call(self, done: Callable[[float | None], None]) -> None:
        """Calls back with None after an answer or the deadline, or with the seconds to wait after a refusal."""
        call = _Call(self, self._world.now + DEADLINE_SECONDS, done)
        self._world.at(call.deadline, lambda: call.end(answered=False))
        self._come.append(lambda: self._look_at(call))
        self._go_on()

    def _look_at(self, call: _Call) -> None:
        if self._way is not Way.COME or self._enter(call):
            call.transfer = self._link.send(LINK_SECONDS, lambda: self._read(call))

    def _read(self, call: _Call) -> None:
        call.transfer = None
        if self._way is Way.READ and not self._enter(call):
            return
        if call.ticket is not None:
            self.lane.received(call.ticket, BATCH_BYTES)
        self._work.append(lambda: call.end(answered=True))
        self._go_on()

    def _enter(self, call: _Call) -> bool:
        try:
            ticket = self.lane.come(self._usual, max(call.deadline - self._world.now, 0.0))
            if ticket is None:
                return False
        except ResourceExhausted as error:
            call.refused(error.__dict__["retry_seconds"])
            return False
        if self._world.now > WARM_UP_SECONDS:
            self.most_under_way = max(self.most_under_way, self.lane.bytes)
        if call.has_ended:
            self.lane.go(ticket, answered=False)
        else:
            call.ticket = ticket
        return True

    def ended(self, call: _Call, *, answered: bool) -> None:
        """Releases a call's resources: its caller has the answer, or has left."""
        if call.transfer is not None:
            self._link.drop(call.transfer)
        if call.ticket is not None:
            self.lane.go(call.ticket, answered=answered)
        if answered:
            self.answered.append(self._world.now)

    def _go_on(self) -> None:
        if not self._is_working and (self._come or self._work):
            self._is_working = True
            looks, works = bool(self._come), bool(self._work)
            self._world.at(
                self._world.now + looks * LOOK_SECONDS + works * SERVICE_SECONDS, lambda: self._done(looks, works)
            )

    def _done(self, looks: bool, works: bool) -> None:
        if looks:
            self._come.popleft()()
        if works:
            self._work.popleft()()
        self._is_working = False
        self._go_on()


@dataclass
class _Call:
    service: Service
    deadline: float
    done: Callable[[float | None], None]
    ticket: Ticket | None = None
    transfer: int | None = None
    has_ended: bool = False

    def end(self, *, answered: bool) -> None:
        """Ends the call once, with its answer or at its deadline."""
        if not self.has_ended:
            self.has_ended = True
            self.service.ended(self, answered=answered)
            self.done(None)

    def refused(self, wait: float) -> None:
        """Reports a refusal, unless the caller has left."""
        if not self.has_ended:
            self.has_ended = True
            self.done(wait)


def goodput(clients: int, way: Way, *, honours: bool) -> tuple[float, Service]:
    """Returns the service, and its answers per second after a warm-up, with clients that call in a loop."""
    world = World()
    chance = random.Random(1)
    service = Service(world, way)

    def client() -> None:
        def done(wait: float | None) -> None:
            pause = wait * chance.uniform(1.0, 1.5) if wait is not None and honours else 0.0
            world.at(world.now + pause + 0.0005, lambda: service.call(done))

        service.call(done)

    for number in range(clients):
        world.at(number * 1e-5, client)
    world.run(RUN_SECONDS)
    late = [time for time in service.answered if time > WARM_UP_SECONDS]
    return len(late) / (RUN_SECONDS - WARM_UP_SECONDS), service


@pytest.mark.parametrize("way", [Way.ALL, Way.READ])
def test_requests_that_arrive_side_by_side_all_come_too_late(way: Way) -> None:
    rate, _ = goodput(CLIENTS, way, honours=False)
    assert rate < 0.1 * BEST


@pytest.mark.parametrize(("honours", "share"), [(True, 0.8), (False, 0.3)])
def test_a_service_under_ten_times_its_load_answers_what_it_can(honours: bool, share: float) -> None:
    rate, service = goodput(CLIENTS, Way.COME, honours=honours)
    assert rate >= share * BEST
    assert service.lane.refused > 0
    # What is under way is bounded by the deadline, not by the number of clients.
    assert service.most_under_way < DEADLINE_SECONDS * BEST * (BATCH_BYTES + module.CALL_BYTES)


def test_a_service_that_keeps_up_refuses_nobody() -> None:
    rate, service = goodput(50, Way.COME, honours=True)
    assert service.lane.refused == 0
    assert rate > 0.95 * BEST


# --- By hand.


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reason(call: Callable[[], object]) -> str:
    try:
        call()
    except ResourceExhausted as error:
        return error.reason
    return ""


def of(usual_bytes: float, usual_seconds: float = 0.0) -> Usual:
    """Returns the usual size and duration of calls."""
    usual = Usual()
    usual.bytes, usual.seconds = usual_bytes, usual_seconds
    return usual


def admitted(lane: Lane, seconds: float, usual_bytes: float = 0) -> Ticket:
    """Admits a call whose request has not arrived yet."""
    ticket = lane.come(of(usual_bytes), seconds)
    assert ticket is not None
    return ticket


def entered(lane: Lane, seconds: float) -> Ticket:
    """Admits a call whose request, of no bytes, has arrived."""
    ticket = admitted(lane, seconds)
    lane.received(ticket, 0)
    return ticket


def slow(lane: Lane, clock: Clock) -> None:
    """Answers 20 calls at five per second, the last ones late."""
    tickets = [entered(lane, 5.0) for _ in range(20)]
    for ticket in tickets:
        clock.now += 0.2
        lane.go(ticket, answered=True)


def test_a_call_whose_turn_would_come_too_late_is_refused_and_one_with_more_time_is_not() -> None:
    clock = Clock()
    lane = Lane(clock)
    slow(lane, clock)
    for _ in range(10):
        lane.come(of(0), 60.0)
    assert reason(lambda: lane.come(of(0), 3.0)) == "OVERLOADED"
    assert reason(lambda: lane.come(of(0), 5.0)) == ""


def test_a_request_that_was_read_counts_with_its_size_from_the_start() -> None:
    clock = Clock()
    lane = Lane(clock)
    ticket = lane.come(of(0), 5.0, module.UNDER_WAY_BYTES_MAX)
    assert ticket is not None
    assert lane.bytes == module.UNDER_WAY_BYTES_MAX + module.CALL_BYTES
    assert reason(lambda: lane.come(of(0), 5.0, 1)) == "OVERLOADED"
    # It is work, however long it takes; only requests that still arrive are passed over.
    clock.now += 10
    assert lane.come(of(0), 0.0) is None
    assert lane.calls == 1
    lane.go(ticket, answered=True)
    assert (lane.calls, lane.bytes) == (0, 0)


def test_the_pace_is_found_again_when_the_service_is_fast_again() -> None:
    clock = Clock()
    lane = Lane(clock)
    slow(lane, clock)
    for _ in range(3):
        tickets = [admitted(lane, 5.0) for _ in range(module.ALWAYS_ADMITTED)]
        clock.now += 0.11
        for ticket in tickets:
            lane.go(ticket, answered=True)
    for _ in range(100):
        lane.come(of(0), 5.0)


def test_while_most_calls_come_too_late_to_be_told_nothing_is_let_in() -> None:
    clock = Clock()
    lane = Lane(clock)
    for _ in range(100):
        assert lane.come(of(0), 0.0) is None
    clock.now += 0.11
    assert reason(lambda: lane.come(of(0), 5.0)) == "OVERLOADED"
    clock.now += 0.11
    for _ in range(module.CALLS_MIN):
        lane.come(of(0), 5.0)
    assert reason(lambda: lane.come(of(0), 5.0)) == "OVERLOADED"


def test_a_few_calls_without_time_keep_nobody_out() -> None:
    clock = Clock()
    lane = Lane(clock)
    for _ in range(10):
        for _ in range(10):
            assert lane.come(of(0), 0.0) is None
        clock.now += 0.11
        for ticket in [entered(lane, 5.0) for _ in range(module.CALLS_MIN)]:
            lane.go(ticket, answered=True)


def test_while_calls_come_too_late_one_with_less_time_than_its_like_take_is_refused_unless_there_is_no_other() -> None:
    clock = Clock()
    lane = Lane(clock)
    lane.come(of(0), 1.0)
    # As long as no call comes too late, slow calls of others don't keep a call out.
    lane.come(of(0, usual_seconds=0.02), 0.01)
    for _ in range(100):
        assert lane.come(of(0), 0.0) is None
    for _ in range(2):
        clock.now += 0.11
        reason(lambda: lane.come(of(0), 0.5))
    assert reason(lambda: lane.come(of(0, usual_seconds=0.02), 0.01)) == "OVERLOADED"
    lane.come(of(0, usual_seconds=0.02), 0.03)


def test_slow_calls_of_a_caller_in_a_hurry_slow_nobody_down() -> None:
    clock = Clock()
    lane = Lane(clock)
    for _ in range(100):
        ticket = admitted(lane, 0.001)
        clock.now += 0.001
        lane.go(ticket, answered=False)
    assert lane.pace == float("inf")


def test_a_few_calls_are_let_in_whatever_the_pace() -> None:
    clock = Clock()
    lane = Lane(clock)
    for _ in range(20):
        tickets = [admitted(lane, 1.0) for _ in range(module.ALWAYS_ADMITTED)]
        clock.now += 1.0
        for ticket in tickets:
            lane.go(ticket, answered=False)


def test_what_is_under_way_is_bounded_in_bytes_and_one_large_request_is_let_in() -> None:
    lane = Lane(Clock())
    first = admitted(lane, 5.0, 2 * module.UNDER_WAY_BYTES_MAX)
    assert reason(lambda: lane.come(of(1), 5.0)) == "OVERLOADED"
    lane.go(first, answered=True)
    lane.come(of(1), 5.0)


def test_requests_that_turn_out_too_large_together_are_refused_once_they_are_read() -> None:
    lane = Lane(Clock())
    tickets = [admitted(lane, 5.0) for _ in range(2)]
    lane.received(tickets[0], module.UNDER_WAY_BYTES_MAX // 2)
    assert reason(lambda: lane.received(tickets[1], module.UNDER_WAY_BYTES_MAX // 2)) == "OVERLOADED"
    lane.go(tickets[1], answered=True)
    lane.go(tickets[0], answered=True)
    assert (lane.calls, lane.bytes) == (0, 0)


def test_calls_whose_requests_are_not_read_yet_count_as_what_is_usual() -> None:
    clock = Clock()
    lane = Lane(clock)
    slow(lane, clock)
    for _ in range(module.ALWAYS_ADMITTED):
        lane.come(of(100_000), 60.0)
    assert reason(lambda: lane.come(of(0), 5.0)) == "OVERLOADED"


def test_requests_that_somebody_never_sends_keep_nobody_else_out() -> None:
    clock = Clock()
    lane = Lane(clock)
    slow(lane, clock)
    never = [admitted(lane, 60.0) for _ in range(100)]
    assert reason(lambda: lane.come(of(0), 3.0)) == "OVERLOADED"
    clock.now += 1.2
    lane.come(of(0), 3.0)
    assert lane.calls == 1
    lane.received(never[0], 10)
    assert lane.calls == 2
    for ticket in never:
        lane.go(ticket, answered=False)
    assert (lane.calls, lane.bytes) == (1, module.CALL_BYTES)


def test_a_refusal_says_when_to_try_again() -> None:
    lane = Lane(Clock())
    lane.come(of(module.UNDER_WAY_BYTES_MAX), 5.0)
    with pytest.raises(ResourceExhausted, match="1 calls with 256 MiB in progress") as refused:
        lane.come(of(1), 5.0)
    failure = failure_of(refused.value, "SubmitOrders")
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    (_, packed), *_ = failure.trailers
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    details = status_pb2.Status.FromString(packed).details
    assert details[0].Unpack(info)
    assert details[1].Unpack(retry)
    assert info.reason == "OVERLOADED"
    assert retry.retry_delay.ToTimedelta().total_seconds() == pytest.approx(lane.retry_seconds)
