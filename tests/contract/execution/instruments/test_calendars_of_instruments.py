"""DAY orders by the calendar of a registered instrument: early closes, holidays, breaks, nights; on both APIs."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.api import Api

# New York around 4 July 2024: an early close on Wednesday, no session on Thursday.
NYSE = "XNYS 2024-07-01w2 13:30-20:00 2024-07-03 13:30-17:00 2024-07-05w6 13:30-20:00"
# Hong Kong with its break at noon; before the new year the morning alone.
HKEX = "XHKG 2024-02-07x2 01:30-04:00,05:00-08:00 2024-02-09 01:30-04:00 2024-02-14w3 01:30-04:00,05:00-08:00"
# Sessions of a night and a day, the first of which begins on Sunday.
GLOBEX = "CMES 2024-03-11w5 22:00-21:00"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


class Day:
    """An engine, its instrument, and DAY orders that no trade reaches."""

    def __init__(self, api: Api, **terms: Any) -> None:
        self.x, self.model = api.execution, api.model
        self.engine = api.make_execution_engine()
        self.register(**terms)

    def register(self, **terms: Any) -> None:
        self.engine.register_instruments([self.x.Instrument("X", **terms)])

    def tick(self, text: str, nanos: int = 0) -> None:
        self.engine.process_trade_tick(self.model.TradeTick("X", 100, 1, "NONE", "", at(text) + nanos))

    def submit(self, name: str, price: int = 50, tif: str = "DAY") -> Any:
        side, time_in_force = self.x.OrderSide.Buy, getattr(self.x.TimeInForce, tif)
        self.engine.submit_order(self.x.Order.limit("X", side, 1, price, time_in_force, "s", order_id=name))
        return self.engine.get_order(name)

    def ended(self, name: str) -> bool:
        reason = self.engine.get_order(name).cancel_reason
        assert reason in (None, "DAY_EXPIRED")
        return reason is not None


@pytest.mark.parametrize(
    ("calendar", "submitted", "end"),
    [
        (NYSE, "2024-07-02T15:00", "2024-07-02T20:00"),
        (NYSE, "2024-07-03T13:30", "2024-07-03T17:00"),
        # After a close, and on a holiday, it is for the next session.
        (NYSE, "2024-07-02T20:00", "2024-07-03T17:00"),
        (NYSE, "2024-07-03T17:00", "2024-07-05T20:00"),
        (NYSE, "2024-07-04T15:00", "2024-07-05T20:00"),
        (NYSE, "2024-07-06T12:00", "2024-07-08T20:00"),
        # A break ends no day, but a morning alone does.
        (HKEX, "2024-02-08T03:00", "2024-02-08T08:00"),
        (HKEX, "2024-02-08T04:30", "2024-02-08T08:00"),
        (HKEX, "2024-02-09T03:00", "2024-02-09T04:00"),
        (HKEX, "2024-02-09T04:30", "2024-02-14T08:00"),
        (GLOBEX, "2024-03-10T22:00", "2024-03-11T21:00"),
        (GLOBEX, "2024-03-12T21:30", "2024-03-13T21:00"),
    ],
)
def test_a_day_order_lasts_until_the_session_closes(api: Api, calendar: str, submitted: str, end: str) -> None:
    day = Day(api, calendar=calendar)
    day.tick(submitted)
    day.submit("a")
    day.tick(end, -1)
    assert not day.ended("a")
    day.tick(end)
    assert day.ended("a")


def test_time_alone_ends_a_session(api: Api) -> None:
    day = Day(api, calendar=NYSE)
    day.tick("2024-07-03T15:00")
    day.submit("a")
    day.engine.advance_time(at("2024-07-03T17:00") - 1)
    assert not day.ended("a")
    day.engine.advance_time(at("2024-07-03T17:00"))
    assert day.ended("a")


def test_before_any_trade_the_session_is_that_of_the_first_one(api: Api) -> None:
    day = Day(api, calendar=NYSE)
    day.submit("a")
    day.tick("2024-07-03T16:00")
    day.tick("2024-07-03T17:00", -1)
    assert not day.ended("a")
    day.tick("2024-07-03T17:00")
    assert day.ended("a")


@pytest.mark.parametrize("time", ["2024-07-01T13:29:59", "2024-07-12T20:00"])
def test_outside_of_the_calendar_day_orders_are_rejected_and_others_are_not(api: Api, time: str) -> None:
    day = Day(api, calendar=NYSE)
    day.tick(time)
    rejected = day.submit("a")
    assert (rejected.status, rejected.reject_reason) == (day.x.OrderStatus.Rejected, "OUTSIDE_CALENDAR")
    assert day.submit("b", tif="GoodTillCancel").status == day.x.OrderStatus.Submitted


@pytest.mark.parametrize(("time", "known"), [("2024-07-01T13:30", True), ("2024-07-12T19:59:59", True)])
def test_the_calendar_is_from_its_first_open_to_its_last_close(api: Api, time: str, known: bool) -> None:
    day = Day(api, calendar=NYSE)
    day.tick(time)
    assert (day.submit("a").status == day.x.OrderStatus.Submitted) == known


def test_an_order_from_before_any_trade_ends_unfilled_with_a_first_one_outside(api: Api) -> None:
    day = Day(api, calendar=NYSE)
    day.submit("a", price=200)
    day.tick("2024-07-13T15:00")
    assert day.ended("a")
    assert not day.engine.get_order("a").fills


def test_a_longer_calendar_takes_the_place_of_one_that_has_ended(api: Api) -> None:
    day = Day(api, calendar=NYSE)
    day.tick("2024-07-11T15:00")
    day.submit("old")
    day.tick("2024-07-12T21:00")
    assert day.ended("old")
    day.register(calendar=NYSE + " 2024-07-15 13:30-18:00")
    day.submit("new")
    day.tick("2024-07-15T18:00", -1)
    assert not day.ended("new")
    day.tick("2024-07-15T18:00")
    assert day.ended("new")


def test_an_order_keeps_its_day_when_the_calendar_changes(api: Api) -> None:
    day = Day(api, calendar=NYSE)
    day.tick("2024-07-02T15:00")
    day.submit("late")
    day.register(calendar="XNYS 2024-07-02 13:30-18:00")
    day.submit("early")
    day.tick("2024-07-02T18:00")
    assert (day.ended("early"), day.ended("late")) == (True, False)
    day.tick("2024-07-02T20:00")
    assert day.ended("late")


def test_an_instrument_carries_its_calendar(api: Api) -> None:
    calendar = api.model.TradingCalendar(HKEX)
    made = api.execution.Instrument("X", calendar=calendar)
    assert made.calendar == HKEX == str(calendar)
    assert made == api.execution.Instrument("X", calendar=HKEX) != api.execution.Instrument("X", calendar=NYSE)
    for copied in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), api.execution.Instrument(**made.as_dict()),
                   eval(repr(made), {"Instrument": api.execution.Instrument})):  # fmt: skip
        assert copied == made
    assert Day(api, calendar=calendar).engine.get_instruments() == [made]


def test_pages_of_instruments_with_long_calendars_are_all_listed(api: Api) -> None:
    longest = "X " + " ".join(f"{1970 + year}-01-{day:02} 00:00-01:00" for year in range(80) for day in range(1, 29))
    engine = api.make_execution_engine()
    names = [f"I{number:03}" for number in range(350)]
    for start in range(0, 350, 70):
        made = [api.execution.Instrument(name, calendar=longest) for name in names[start : start + 70]]
        engine.register_instruments(made)
    assert [each.instrument_id for each in engine.get_instruments()] == names


@pytest.mark.one_engine("each partition has the limit for itself")
def test_the_calendars_of_an_engine_have_a_limit(api: Api) -> None:
    x, times = api.execution, ",".join(f"0{hour}:00-0{hour}:30" for hour in range(8))
    engine = api.make_execution_engine()

    def register(names: str, first: int) -> None:
        """Instruments with different calendars of 100,000 parts each."""
        made = [x.Instrument(name, calendar=f"{name}{first} 1970-01-01x12500 {times}") for name in names]
        engine.register_instruments(made)

    register("ABC", 1)
    with pytest.raises(api.errors.ResourceExhausted, match="500,000") as caught:
        register("DEF", 1)
    assert caught.value.reason == "LIMIT_EXCEEDED"
    assert [each.instrument_id for each in engine.get_instruments()] == ["A", "B", "C"]
    # Those that take the place of others count once these have gone.
    register("AB", 2)
    register("AB", 3)
    # One for many instruments counts once.
    engine.register_instruments([x.Instrument(f"I{number}", calendar=NYSE) for number in range(9)])


@pytest.mark.parametrize(
    "terms",
    [
        {"calendar": "XNYS"}, {"calendar": "XNYS 2024-07-01"}, {"calendar": 5},
        {"calendar": NYSE, "session": "UTC+17:00"}, {"calendar": "X 2024-07-01 13:30-20:00 2024-07-01 20:00-21:00"},
        {"calendar": "X" + " 2024-07-01 13:30-20:00" * 5_000},
    ],
)  # fmt: skip
def test_a_malformed_calendar_is_refused(api: Api, terms: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        api.execution.Instrument("X", **terms)
