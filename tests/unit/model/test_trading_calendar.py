"""Trading calendars: their text, files of sessions, and those of exchanges by exchange_calendars."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import exchange_calendars
import pytest
from alphaforge_core.calendars import calendar_of, exchange_calendar, read_calendar
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import TradingCalendar
from hypothesis import given
from hypothesis import strategies as st

# exchange_calendars uses what pandas will change.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

MINUTE = 60 * 10**9


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def shown(calendar: TradingCalendar) -> list[list[str]]:
    def text(time: int) -> str:
        return datetime.fromtimestamp(time // 10**9, UTC).strftime("%d %H:%M")

    return [[str(day), *(text(edge) for part in parts for edge in part)] for day, parts in calendar.sessions]


def test_dates_in_a_row_have_the_same_times() -> None:
    assert shown(TradingCalendar("X 2024-07-04w3 13:30-20:00 2024-07-13x2 00:00-24:00")) == [
        ["2024-07-04", "04 13:30", "04 20:00"],
        ["2024-07-05", "05 13:30", "05 20:00"],
        ["2024-07-08", "08 13:30", "08 20:00"],
        ["2024-07-13", "13 00:00", "14 00:00"],
        ["2024-07-14", "14 00:00", "15 00:00"],
    ]


def test_the_last_close_is_on_the_date_and_all_before_it_go_back_from_there() -> None:
    assert shown(TradingCalendar("X 2024-07-02 22:00-21:00")) == [["2024-07-02", "01 22:00", "02 21:00"]]
    assert shown(TradingCalendar("X 2024-07-02 20:00-23:00,01:00-09:30")) == [
        ["2024-07-02", "01 20:00", "01 23:00", "02 01:00", "02 09:30"]
    ]
    assert shown(TradingCalendar("X 2024-07-02 14:30-25:00")) == [["2024-07-02", "02 14:30", "03 01:00"]]
    assert shown(TradingCalendar("X 2024-07-02 14:30-38:45")) == [["2024-07-02", "03 14:30", "03 14:45"]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a valid name"), ("UTC 2024-07-01 00:00-01:00", "is not a valid name"),
        ("7X 2024-07-01 00:00-01:00", "is not a valid name"),
        ("X" * 33 + " 2024-07-01 00:00-01:00", "is not a valid name"),
        ("X", "no sessions"), ("X  2024-07-01", "is not a date"),
        ("X 2024-07-01", "no times"), ("X 2024-02-30 00:00-01:00", "is not a date"),
        ("X 1969-12-31 00:00-01:00", "is not a date"), ("X 1970-01-01 22:00-21:00", "isn't in order"),
        ("X 2024-07-01x 00:00-01:00", "with a count"), ("X 2024-07-01x0 00:00-01:00", "with a count"),
        ("X 2024-07-01y2 00:00-01:00", "with a count"), ("X 2024-07-01x123456 00:00-01:00", "with a count"),
        ("X 2024-07-06w2 00:00-01:00", "begins on a weekend"), ("X 1970-01-01x50001 00:00-01:00", "50,000 sessions"),
        ("X 2150-01-01x50000 00:00-01:00", "after 2199"), ("X 2024-07-01 0:00-1:00", "has an invalid time"),
        ("X 2024-07-01 00:00", "has an invalid time"), ("X 2024-07-01 00:60-01:00", "has an invalid time"),
        ("X 2024-07-01 00:00-48:00", "has an invalid time"), ("X 2024-07-01 24:00-25:00", "isn't the last"),
        ("X 2024-07-01 00:00-01:00,", "has no times"),
        ("X 2024-07-01 " + "00:00-00:01," * 8 + "02:00-03:00", "8 parts"),
        ("X 2024-07-01 00:00-01:00 2024-07-01 02:00-03:00", "isn't in order"),
        ("X 2024-07-02 00:00-01:00 2024-07-01 00:00-01:00", "isn't in order"),
        ("X 2024-07-01 00:00-24:00 2024-07-02 23:00-22:00", "isn't in order"),
        ("X 2024-07-01 00:00-01:00" + " " * 65_536, "65,536 bytes"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_text_is_said(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem) as caught:
        TradingCalendar(text)
    assert caught.value.reason == "SETTING_INVALID"


def test_it_is_a_value() -> None:
    calendar = TradingCalendar("X 2024-07-01 13:30-20:00")
    for other in (copy.deepcopy(calendar), pickle.loads(pickle.dumps(calendar)), eval(repr(calendar))):
        assert other == calendar
        assert hash(other) == hash(calendar)
    assert calendar != TradingCalendar("Y 2024-07-01 13:30-20:00")
    assert calendar != str(calendar)


@st.composite
def sessions(draw: st.DrawFn) -> list[tuple[date, list[tuple[int, int]]]]:
    """Days with gaps, some of them of the same times as the one before."""
    made: list[tuple[date, list[tuple[int, int]]]] = []
    day, end, edges = date(2024, 7, 1), 0, [810, 1200]
    for _ in range(draw(st.integers(1, 30))):
        day += timedelta(days=draw(st.sampled_from((1, 1, 1, 2, 3, 4))))
        if draw(st.booleans()):
            count = 2 * draw(st.integers(1, 4))
            edges = sorted(draw(st.sets(st.integers(-300, 1_139), min_size=count, max_size=count)))
        midnight = (day - date(1970, 1, 1)).days * 1440
        times = [(midnight + edge) * MINUTE for edge in edges]
        if edges[-1] > 0 and times[0] >= end:
            made.append((day, list(zip(times[::2], times[1::2], strict=True))))
            end = times[-1]
    return made or [(day, [(at(f"{day}T13:30"), at(f"{day}T20:00"))])]


@given(sessions())
def test_a_calendar_has_the_sessions_it_is_made_of(made: list[tuple[date, list[tuple[int, int]]]]) -> None:
    calendar = calendar_of("X", made)
    assert calendar.sessions == made
    assert TradingCalendar(str(calendar)).sessions == made


def test_sessions_that_a_text_cannot_say_are_refused() -> None:
    day = date(2024, 7, 1)
    for parts, problem in (
        ([(at("2024-07-01T13:30"), at("2024-07-01T20:00") + 1)], "whole minutes"),
        ([], "without times"),
        ([(at("2024-06-30T13:30"), at("2024-06-30T20:00"))], "closes before"),
        ([(at("2024-07-01T13:30"), at("2024-07-03T00:00"))], "closes before"),
        ([(at("2024-06-30T13:30"), at("2024-07-01T20:00"))], "24 hours apart"),
        ([(at("2024-07-01T20:00"), at("2024-07-01T13:30"))], "aren't in order"),
    ):
        with pytest.raises(InvalidArgument, match=problem):
            calendar_of("X", [(day, parts)])


CSV = """,open,break_start,break_end,close
2024-02-08,2024-02-08 01:30:00+00:00,2024-02-08 04:00:00+00:00,2024-02-08 05:00:00+00:00,2024-02-08 08:00:00+00:00
2024-02-09,2024-02-09 09:30:00+08:00,,,2024-02-09T12:00:00+08:00
"""


def test_a_file_has_a_row_a_session_or_a_row_a_part(tmp_path: Path) -> None:
    path = tmp_path / "XHKG.csv"
    path.write_text(CSV)
    expected = TradingCalendar("XHKG 2024-02-08 01:30-04:00,05:00-08:00 2024-02-09 01:30-04:00")
    assert read_calendar(path) == expected
    path.write_text(
        "date,open,close\n2024-02-08,2024-02-08T01:30,2024-02-08T04:00\n2024-02-08,2024-02-08T05:00,2024-02-08T08:00\n"
        "2024-02-09,2024-02-09T01:30,2024-02-09T04:00\n"
    )
    assert read_calendar(str(path), "XHKG") == expected


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "expected these columns"),
        ("date,open\n2024-02-08,2024-02-08T01:30\n", "expected these columns"),
        ("date,open,close,color\n", "expected these columns"),
        ("date,open,close\nThursday,2024-02-08T01:30,2024-02-08T08:00\n", "line 2: Invalid isoformat"),
        ("date,open,close\n2024-02-08,2024-02-08T01:30,\n", "line 2: a session needs an open and a close"),
        (CSV.replace("2024-02-08 05:00:00+00:00", ""), "line 2: a session needs an open and a close"),
        ("date,open,close\n2024-02-08\n", "line 2: a session needs an open"),
        ("date,open,close\n2024-02-08,2024-02-08T08:00,2024-02-08T01:30\n2024-02-07,2024-02-07T08:00,2024-02-07T09:00\n",
         "isn't in order"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "X.csv"
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=place) as caught:
        read_calendar(path)
    assert str(path) in str(caught.value)


# Early closes; lunch breaks; sessions of a night and a day; Australia, whose summer begins on the day before in UTC.
@pytest.mark.parametrize("code", ["XNYS", "XHKG", "XTKS", "CMES", "XASX", "XLON"])
def test_the_calendar_of_an_exchange_is_its_schedule(code: str) -> None:
    calendar = exchange_calendar(code, "2015-01-01", date(2025, 12, 31))
    schedule: Any = exchange_calendars.get_calendar(code, start="2015-01-01", end="2025-12-31").schedule
    assert calendar.name == code
    assert len(str(calendar)) < 12_000
    assert [day for day, _ in calendar.sessions] == list(schedule.index.date)
    for column, times in (
        ("open", [parts[0][0] for _, parts in calendar.sessions]),
        ("close", [parts[-1][1] for _, parts in calendar.sessions]),
    ):
        assert times == schedule[column].dt.as_unit("ns").astype("int64").tolist()
    breaks = [(parts[0][1], parts[1][0]) for _, parts in calendar.sessions if len(parts) == 2]
    ends = schedule[["break_start", "break_end"]].dropna()
    assert breaks == list(zip(*(ends[name].dt.as_unit("ns").astype("int64") for name in ends), strict=True))
    assert (len(breaks) > 2_000) == (code in ("XHKG", "XTKS"))


def test_a_file_that_the_package_writes_is_the_calendar_of_the_exchange(tmp_path: Path) -> None:
    exchange_calendars.get_calendar("XHKG", start="2024-01-01", end="2024-12-31").schedule.to_csv(tmp_path / "XHKG.csv")
    assert read_calendar(tmp_path / "XHKG.csv") == exchange_calendar("XHKG", "2024-01-01", "2024-12-31")


def test_a_close_before_its_date_in_utc_is_refused() -> None:
    """Of Christmas Eve in New Zealand, which a text cannot say."""
    with pytest.raises(InvalidArgument, match="session on 2015-12-24 that closes before"):
        exchange_calendar("XNZE", "2015-01-01", "2015-12-31")


def test_unknown_exchanges_and_dates_are_refused() -> None:
    for code, first, last in (("NOWHERE", "2024-01-01", "2024-12-31"), ("XNYS", "2024-01-01", "2023-01-01"),
                              ("XNYS", "January", "2024-12-31"), ("XKRX", "2024-01-01", "2190-01-01")):  # fmt: skip
        with pytest.raises(InvalidArgument, match="exchange_calendars") as caught:
            exchange_calendar(code, first, last)
        assert caught.value.reason == "SETTING_INVALID"
