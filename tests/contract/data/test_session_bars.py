"""Bars by a trading calendar: early closes, holidays, breaks and nights, in process and remote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.api import Api

NYSE = "XNYS 2024-07-01w2 13:30-20:00 2024-07-03 13:30-17:00 2024-07-05w6 13:30-20:00"
HKEX = "XHKG 2024-02-07x2 01:30-04:00,05:00-08:00 2024-02-09 01:30-04:00 2024-02-14w3 01:30-04:00,05:00-08:00"
GLOBEX = "CMES 2024-03-11w5 22:00-21:00"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def shown(bar: Any) -> str:
    def text(time: int) -> str:
        return datetime.fromtimestamp(time / 10**9, UTC).strftime("%d %H:%M")

    marks = " partial" * bar.is_partial + " flat" * bar.is_gap_fill
    return f"{text(bar.ts_open)} to {text(bar.ts_event)}: {float(bar.open):g}-{float(bar.close):g}{marks}"


class Tape:
    """An engine and its closed bars, of prices that count the trades."""

    def __init__(self, api: Api, bar_type: str, calendar: str, **settings: Any) -> None:
        self.api = api
        self.engine = api.make_data_engine(bar_types=[bar_type], calendars=[calendar], **settings)
        self.count = 0

    def ticks(self, *times: str) -> list[str]:
        """Trades at those times: what they close."""
        closed: list[Any] = []
        for time in times:
            self.count += 1
            tick = self.api.model.TradeTick("X", self.count, 1, "BUY", "", at(time))
            closed += self.engine.process_trade_tick(tick)
        return [shown(bar) for bar in closed]

    def open_again(self, **settings: Any) -> None:
        """Opens the engine with other settings, or changes them where it belongs to this process."""
        config = self.api.data.DataEngineConfig(**settings)
        if not self.api.remote:
            self.engine.reconfigure(config)
            return
        with self.api.data.DataEngine(config, **self.api.place("data", self.engine.name)) as again:
            again.statistics()

    def advance(self, time: str) -> list[str]:
        return [shown(bar) for bar in self.engine.advance_time(at(time))]


def test_a_day_is_a_session_with_holidays_and_early_closes(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE)
    assert tape.advance("2024-07-02T13:30") == []
    assert tape.ticks("2024-07-02T13:30", "2024-07-02T19:59:59", "2024-07-02T20:00") == ["02 13:30 to 02 20:00: 1-2"]
    assert tape.ticks("2024-07-03T13:29:59", "2024-07-03T13:30", "2024-07-03T16:59:59") == []
    # The third of July closes early, the fourth has no session.
    assert tape.ticks("2024-07-04T15:00") == ["03 13:30 to 03 17:00: 5-6"]
    assert tape.ticks("2024-07-05T14:00") == []
    assert tape.advance("2024-07-05T20:00") == ["05 13:30 to 05 20:00: 8-8"]


def test_a_session_of_a_night_is_one_day(api: Api) -> None:
    tape = Tape(api, "1day@CMES", GLOBEX)
    tape.advance("2024-03-10T21:00")
    assert tape.ticks("2024-03-10T22:00", "2024-03-11T20:59:59", "2024-03-11T21:30", "2024-03-11T22:00") == [
        "10 22:00 to 11 21:00: 1-2"
    ]
    assert tape.advance("2024-03-12T21:00") == ["11 22:00 to 12 21:00: 4-4"]


def test_shorter_bars_begin_with_each_open_and_span_no_break_and_no_close(api: Api) -> None:
    tape = Tape(api, "1hour@XHKG", HKEX)
    tape.advance("2024-02-09T00:00")
    short = ("01:30", "02:29", "02:30", "03:59", "04:00", "04:30")
    assert tape.ticks(*(f"2024-02-09T{time}" for time in short)) == [
        "09 01:30 to 09 02:30: 1-2",
        "09 02:30 to 09 03:30: 3-3",
        "09 03:30 to 09 04:00: 4-4",
    ]
    times = ("01:30", "03:59", "04:00", "04:59", "05:00", "07:59", "08:00")
    assert tape.ticks(*(f"2024-02-14T{time}" for time in times)) == [
        "14 01:30 to 14 02:30: 7-7",
        "14 03:30 to 14 04:00: 8-8",
        "14 05:00 to 14 06:00: 11-11",
        "14 07:00 to 14 08:00: 12-12",
    ]


def test_a_day_has_its_breaks(api: Api) -> None:
    tape = Tape(api, "1day@XHKG", HKEX)
    tape.advance("2024-02-14T00:00")
    times = ("01:30", "04:30", "07:59", "08:00")
    assert tape.ticks(*(f"2024-02-14T{time}" for time in times)) == ["14 01:30 to 14 08:00: 1-3"]


def test_trades_outside_of_sessions_are_in_no_bar_of_the_calendar_and_in_all_others(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1day@XNYS", "1day", "2tick"], calendars=[NYSE])
    tick = api.model.TradeTick("X", 100, 1, "BUY", "", at("2024-07-03T18:00"))
    engine.process_trade_tick(tick)
    assert [str(bar.bar_type) for bar in engine.open_bars("X")] == ["1day", "2tick"]
    assert engine.statistics().ticks_processed == 1
    assert engine.statistics().late_ticks == 0


def test_gaps_are_filled_with_intervals_of_sessions_alone(api: Api) -> None:
    tape = Tape(api, "2hour@XNYS", NYSE, fill_gaps=True)
    tape.advance("2024-07-03T13:30")
    assert tape.ticks("2024-07-03T13:30", "2024-07-05T15:31") == [
        "03 13:30 to 03 15:30: 1-1",
        "03 15:30 to 03 17:00: 1-1 flat",
        "05 13:30 to 05 15:30: 1-1 flat",
    ]


def test_a_first_session_is_partial_unless_its_open_was_seen(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE)
    assert tape.ticks("2024-07-02T14:00", "2024-07-02T20:00") == ["02 13:30 to 02 20:00: 1-1 partial"]
    assert tape.ticks("2024-07-03T14:00", "2024-07-03T17:00") == ["03 13:30 to 03 17:00: 3-3"]


def test_a_late_trade_corrects_its_session_and_one_outside_none(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE, allowed_lateness_ns=86_400 * 10**9)
    tape.advance("2024-07-02T13:30")
    assert tape.ticks("2024-07-02T14:00", "2024-07-02T20:30") == ["02 13:30 to 02 20:00: 1-1"]
    assert tape.ticks("2024-07-02T19:00") == ["02 13:30 to 02 20:00: 1-3"]
    assert tape.ticks("2024-07-02T13:00") == []
    # Not late in the gap that it is in; and late after the next open.
    assert tape.ticks("2024-07-02T20:15", "2024-07-03T13:30", "2024-07-02T20:15") == []
    assert tape.engine.statistics().late_ticks == 3


def test_after_the_last_session_there_are_no_bars_until_there_are_later_ones(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE, fill_gaps=True)
    tape.advance("2024-07-12T13:30")
    assert tape.ticks("2024-07-12T14:00", "2024-07-12T21:00") == ["12 13:30 to 12 20:00: 1-1"]
    assert tape.ticks("2024-07-15T14:00", "2024-07-15T21:00") == []
    tape.open_again(calendars=[NYSE + " 2024-07-16x2 13:30-20:00"], bar_types=["1day@XNYS"])
    assert tape.ticks("2024-07-16T14:00") == []
    assert tape.ticks("2024-07-16T20:00") == ["16 13:30 to 16 20:00: 5-5"]


def test_a_calendar_may_get_later_sessions_only(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE)
    tape.advance("2024-07-01T00:00")
    for other in ("XNYS 2024-07-01w2 13:30-20:00 2024-07-03 13:30-18:00", "XNYS 2024-07-02 13:30-20:00"):
        with pytest.raises(ValueError, match="other sessions"):
            tape.open_again(bar_types=["1day@XNYS"], calendars=[other])
    # A shorter one changes nothing.
    tape.open_again(bar_types=["1day@XNYS"], calendars=["XNYS 2024-07-01 13:30-20:00"])
    tape.advance("2024-07-03T13:30")
    assert tape.ticks("2024-07-03T14:00", "2024-07-03T17:00") == ["03 13:30 to 03 17:00: 1-1"]


@pytest.mark.parametrize(
    ("bar_type", "problem"),
    [
        ("1hour@XHKG", "needs its calendar"),
        ("1day@XHKG", "not in this machine's database"),
        ("2day@XNYS", "only 1day and shorter"),
        ("1week@XNYS", "only 1day and shorter"),
        ("1day@XNYS+09:00", "only 1day and shorter"),
    ],
)
def test_what_a_calendar_cannot_give_is_refused(api: Api, bar_type: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        api.make_data_engine(bar_types=[bar_type], calendars=[NYSE]).statistics()
    assert getattr(caught.value, "reason", "") == "BAR_TYPE_INVALID"


def test_a_calendar_has_not_the_name_of_a_time_zone_in_use(api: Api) -> None:
    tape = Tape(api, "1day@EST", NYSE)
    tape.ticks("2024-07-03T14:00")
    with pytest.raises(ValueError, match="name of a time zone"):
        tape.open_again(bar_types=["1day@EST"], calendars=["EST 2024-07-03 13:30-17:00"])


def test_bar_types_are_added_by_the_calendar_that_the_engine_has(api: Api) -> None:
    tape = Tape(api, "1day@XNYS", NYSE)
    tape.advance("2024-07-03T13:30")
    tape.open_again(bar_types=["1day@XNYS", "1hour@XNYS"])
    tape.ticks("2024-07-03T14:00", "2024-07-03T14:30")
    hours = tape.engine.get_bars("X", "1hour@XNYS")
    # Nobody told the new type that market time was at the open.
    assert [shown(bar) for bar in hours] == ["03 13:30 to 03 14:30: 1-1 partial"]


def test_the_calendars_of_an_engine_have_a_limit(api: Api) -> None:
    """A short text may stand for many sessions."""
    times = ",".join(f"0{hour}:00-0{hour}:30" for hour in range(8))
    calendars = [f"{name} 1970-01-01x15000 {times}" for name in ("A", "B", "C")]
    api.data.DataEngineConfig(bar_types=["1day@A"], calendars=calendars[:2])
    with pytest.raises(ValueError, match="250,000") as caught:
        api.data.DataEngineConfig(bar_types=["1day@A"], calendars=calendars)
    assert caught.value.reason == "SETTING_INVALID"
