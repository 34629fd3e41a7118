"""DAY orders by the sessions of a registered instrument, over changes of the clocks, in process and remote."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.api import Api

NEW_YORK = "America/New_York+17:00"


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

    def submit(self, name: str) -> None:
        side, tif = self.x.OrderSide.Buy, self.x.TimeInForce.DAY
        self.engine.submit_order(self.x.Order.limit("X", side, 1, 50, tif, "s", order_id=name))

    def ended(self, name: str) -> bool:
        reason = self.engine.get_order(name).cancel_reason
        assert reason in (None, "DAY_EXPIRED")
        return reason is not None


@pytest.mark.parametrize(
    ("session", "submitted", "end"),
    [
        ("", "2022-03-12T23:00", "2022-03-13T00:00"),
        ("UTC", "2022-03-12T23:00", "2022-03-13T00:00"),
        (NEW_YORK, "2022-03-11T21:59:59", "2022-03-11T22:00"),
        (NEW_YORK, "2022-03-11T22:00", "2022-03-12T22:00"),
        # The clocks go forward, then back: days of 23 and 25 hours.
        (NEW_YORK, "2022-03-12T22:00", "2022-03-13T21:00"),
        (NEW_YORK, "2022-11-05T21:00", "2022-11-06T22:00"),
        # They skip 02:30: the day begins when they do.
        ("America/New_York+02:30", "2022-03-12T08:00", "2022-03-13T07:00"),
        ("Asia/Tokyo", "2022-03-12T14:59:59", "2022-03-12T15:00"),
        ("UTC+09:30", "2022-03-12T09:30", "2022-03-13T09:30"),
    ],
)
def test_a_day_order_lasts_until_its_session_ends(api: Api, session: str, submitted: str, end: str) -> None:
    day = Day(api, session=session)
    day.tick(submitted)
    day.submit("a")
    day.tick(end, -1)
    assert not day.ended("a")
    day.tick(end)
    assert day.ended("a")


def test_time_alone_ends_a_session(api: Api) -> None:
    day = Day(api, session=NEW_YORK)
    day.tick("2022-07-01T20:00")
    day.submit("a")
    day.engine.advance_time(at("2022-07-01T21:00") - 1)
    assert not day.ended("a")
    day.engine.advance_time(at("2022-07-01T21:00"))
    assert day.ended("a")


def test_before_any_trade_the_session_is_that_of_the_first_one(api: Api) -> None:
    day = Day(api, session=NEW_YORK)
    day.submit("a")
    day.tick("2022-07-01T20:00")
    day.tick("2022-07-01T21:00", -1)
    assert not day.ended("a")
    day.tick("2022-07-01T21:00")
    assert day.ended("a")


def test_an_order_keeps_its_day_when_the_session_changes(api: Api) -> None:
    day = Day(api, session="UTC+23:00")
    day.tick("2022-07-01T12:00")
    day.submit("late")
    day.register(session="UTC+21:00")
    day.submit("early")
    day.register()
    day.submit("midnight")
    for end, ended in (("21:00", ["early"]), ("23:00", ["early", "late"])):
        day.tick(f"2022-07-01T{end}", -1)
        assert not day.ended(ended[-1])
        day.tick(f"2022-07-01T{end}")
        assert [name for name in ("early", "late", "midnight") if day.ended(name)] == ended
    day.tick("2022-07-02T00:00")
    assert day.ended("midnight")


def test_an_instrument_shows_its_session_by_one_name_and_carries_the_rules_of_its_zone(api: Api) -> None:
    x = api.execution
    made = x.Instrument("X", session=NEW_YORK)
    assert (made.session, made.time_zone.split()[0]) == (NEW_YORK, "America/New_York")
    for copied in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), x.Instrument(**made.as_dict()),
                   eval(repr(made), {"Instrument": x.Instrument})):  # fmt: skip
        assert copied == made
    for same in ("UTC", "UTC+00:00", ""):
        plain = x.Instrument("X", session=same)
        assert (plain.session, plain.time_zone) == ("", "")
    day = Day(api, session=NEW_YORK)
    assert day.engine.get_instruments() == [made]


def test_the_rules_are_those_that_were_given(api: Api) -> None:
    day = Day(api, session="Mars/Olympus+01:00", time_zone="Mars/Olympus 0 1656676800:7200")
    day.tick("2022-07-01T11:00")
    day.submit("a")
    day.tick("2022-07-01T23:00", -1)
    assert not day.ended("a")
    day.tick("2022-07-01T23:00")
    assert day.ended("a")
    assert day.engine.get_instruments()[0].time_zone.startswith("Mars/Olympus 0 ")


@pytest.mark.parametrize(
    "terms",
    [
        {"session": "New York"}, {"session": "America/New_York+25:00"}, {"session": "+17:00"},
        {"session": "Mars/Olympus"}, {"session": NEW_YORK, "time_zone": ""},
        {"session": NEW_YORK, "time_zone": "Asia/Tokyo 32400"},
        {"session": NEW_YORK, "time_zone": "America/New_York x"}, {"session": "A" * 200}, {"time_zone": "UTC 0"},
    ],
)  # fmt: skip
def test_a_malformed_session_is_refused(api: Api, terms: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        api.execution.Instrument("X", **terms)
