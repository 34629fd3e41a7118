"""Trading calendars (rule 3.31): from sessions, from a file of them, or from the package exchange_calendars."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import TradingCalendar

__all__ = ["calendar_of", "exchange_calendar", "read_calendar"]

Session = tuple[date, Sequence[tuple[int, int]]]

_MINUTE_NS = 60 * 10**9
_DAY = 24 * 60
_EPOCH = date(1970, 1, 1)
_COLUMNS = {"open", "close", "break_start", "break_end"}


def calendar_of(name: str, sessions: Iterable[Session]) -> TradingCalendar:
    """The calendar with those sessions: each its date, and its parts from open to close in nanoseconds.

    Raises InvalidArgument (a ValueError, SETTING_INVALID) for sessions that aren't in order, times that aren't whole
    minutes, a close that is before its date in UTC or two days later, and parts that aren't in order or are more than
    24 hours apart.

    >>> str(calendar_of("X", [(date(1970, 1, 2), [(86_400 * 10**9, 90_000 * 10**9)])]))
    'X 1970-01-02 00:00-01:00'
    """
    given = [(each, [(int(start), int(end)) for start, end in parts]) for each, parts in sessions]
    runs: list[_Run] = []
    for day, parts in given:
        times = _times(name, day, parts)
        if not runs or not runs[-1].takes(day, times):
            runs.append(_Run(day, times))
    calendar = TradingCalendar(" ".join([name, *map(str, runs)]))
    if calendar.sessions != given:
        raise _refusal(name, "has parts that aren't in order, or are more than 24 hours apart")
    return calendar


def read_calendar(path: str | os.PathLike[str], name: str | None = None) -> TradingCalendar:
    """The calendar in a CSV file of sessions, such as `exchange_calendars` writes; by default it has the file's name.

    The first column is the date of a session, the columns open and close have its times, break_start and break_end
    those of a break, if it has one. A session with more breaks has several rows. Times are as in ISO 8601, of UTC if
    they have no offset. Raises OSError; InvalidArgument (a ValueError) that names the file and the line.
    """
    path = Path(path)
    sessions: dict[date, list[tuple[int, int]]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        if not {"open", "close"} <= set(names[1:]) <= _COLUMNS:
            columns = "first a date, then open and close, and optionally break_start and break_end"
            raise InvalidArgument(f"{path}: expected these columns: {columns}", reason="ROW_INVALID")
        for row in reader:
            try:
                day = date.fromisoformat(row[names[0]])
                sessions.setdefault(day, []).extend(_parts({each: _time(row[each] or "") for each in names[1:]}))
            except (TypeError, ValueError) as error:
                raise InvalidArgument(f"{path}, line {reader.line_num}: {error}", reason="ROW_INVALID") from None
    try:
        return calendar_of(path.stem if name is None else name, sessions.items())
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error}", reason="ROW_INVALID") from None


def exchange_calendar(code: str, first: str | date, last: str | date, *, name: str | None = None) -> TradingCalendar:
    """The calendar of an exchange from one date to another, by its code in the package exchange_calendars: "XNYS".

    Needs `pip install 'alphaforge-core[calendars]'`. Raises InvalidArgument (a ValueError, SETTING_INVALID) for a code
    or dates that the package doesn't know.
    """
    try:
        import exchange_calendars
    except ModuleNotFoundError as error:
        if error.name != "exchange_calendars":
            raise
        problem = "this needs exchange_calendars, which is not installed; run: pip install 'alphaforge-core[calendars]'"
        raise ModuleNotFoundError(problem, name="exchange_calendars") from None
    try:
        found = exchange_calendars.get_calendar(code, start=str(first), end=str(last))
    except (ValueError, exchange_calendars.errors.CalendarError) as error:
        raise _refusal(code, f"can't be had from exchange_calendars: {str(error)[:200]}") from None
    sessions = [(row.Index.date(), _parts(_stamps(row))) for row in found.schedule.itertuples()]
    return calendar_of(code if name is None else name, sessions)


def _stamps(row: Any) -> dict[str, int | None]:
    """The times of a session of exchange_calendars; a missing one is not equal to itself."""
    times = {name: getattr(row, name) for name in _COLUMNS}
    return {name: round(time.timestamp()) * 10**9 if time == time else None for name, time in times.items()}


def _parts(times: Mapping[str, int | None]) -> list[tuple[int, int]]:
    edges = [times.get(name) for name in ("open", "break_start", "break_end", "close")]
    given = [edge for edge in edges if edge is not None]
    if edges[0] is None or edges[3] is None or len(given) == 3:
        raise ValueError("a session needs an open and a close, and both ends of a break or neither")
    return list(zip(given[::2], given[1::2], strict=True))


def _time(text: str) -> int | None:
    if not text:
        return None
    time = datetime.fromisoformat(text)
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since // timedelta(microseconds=1)) * 1_000


def _times(name: str, day: date, parts: Sequence[tuple[int, int]]) -> str:
    """`14:30-21:00`: the last close in minutes after 00:00 UTC of the session's date, the others as times of day."""
    midnight = (day - _EPOCH).days * _DAY
    edges = [edge for part in parts for edge in part]
    if not edges or any(edge % _MINUTE_NS for edge in edges):
        raise _refusal(name, f"has a session on {day} without times, or with times that are not whole minutes")
    minutes = [edge // _MINUTE_NS - midnight for edge in edges]
    close = minutes[-1]
    if not 0 < close < 2 * _DAY:
        raise _refusal(name, f"has a session on {day} that closes before 00:01 UTC on that date or after the next date")
    words = [f"{minute // 60:02}:{minute % 60:02}" for minute in (*(each % _DAY for each in minutes[:-1]), close)]
    return ",".join(f"{start}-{end}" for start, end in zip(words[::2], words[1::2], strict=True))


class _Run:
    """Consecutive sessions with the same times: on every date, or on every date but Saturdays and Sundays."""

    def __init__(self, first: date, times: str) -> None:
        self.first = self.last = first
        self.times = times
        self.count = 1
        self.kinds = "wx" if first.weekday() < 5 else "x"

    def takes(self, day: date, times: str) -> bool:
        """Adds a session if it is the next."""
        weekend = 3 if self.last.weekday() == 4 else 1
        kinds = [kind for kind in self.kinds if (day - self.last).days == (weekend if kind == "w" else 1)]
        if times != self.times or not kinds:
            return False
        self.last, self.count, self.kinds = day, self.count + 1, "".join(kinds)
        return True

    def __str__(self) -> str:
        count = f"{self.kinds[0]}{self.count}" if self.count > 1 else ""
        return f"{self.first}{count} {self.times}"


def _refusal(name: str, problem: str) -> InvalidArgument:
    return InvalidArgument(f"calendar {name} {problem}", reason="SETTING_INVALID")
