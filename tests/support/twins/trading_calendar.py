"""Trading calendars in plain Python: what a text says."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from tests.support.tape import DAY, MINUTE

DAY_MINUTES = 24 * 60

Parts = list[tuple[int, int]]


@cache
def sessions_of(calendar: str) -> list[Parts]:
    """The parts of each session, from open to close in nanoseconds."""
    sessions = []
    words = iter(calendar.split(" ")[1:])
    for dates, times in zip(words, words, strict=True):
        edges = edges_of(times)
        for day in dates_of(dates):
            midnight = (day - date(1970, 1, 1)).days * DAY
            moved = [midnight + edge * MINUTE for edge in edges]
            sessions.append(list(zip(moved[::2], moved[1::2], strict=True)))
    return sessions


def edges_of(times: str) -> list[int]:
    """Minutes from 00:00 of the date: backwards, each is the last such time of day before the next one."""
    *earlier, last = [int(text[:2]) * 60 + int(text[3:]) for text in times.replace(",", "-").split("-")]
    edges = [last]
    for minutes in reversed(earlier):
        edges.append(max(range(minutes - 20 * DAY_MINUTES, edges[-1], DAY_MINUTES)))
    return edges[::-1]


def dates_of(word: str) -> list[date]:
    first, kind, count = date.fromisoformat(word[:10]), word[10:11], int(word[11:] or 1)
    days = (first + timedelta(days=step) for step in range(2 * count + 7))
    return [day for day in days if kind != "w" or day.weekday() < 5][:count]
