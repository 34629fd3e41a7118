"""The rules of time zones for bar types (rule 2.15): looked up once, then stored with an engine's settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from alphaforge_core.errors import InvalidArgument
from alphaforge_core.model import BarType

__all__ = ["time_zones"]

_DAY = 86_400
# No zone has changed its clocks twice within this time since 1970: the shortest summer was a week.
_STEP = 3 * _DAY
_FIRST = -366 * _DAY
# 2100-01-01: later clock changes are unknown anyway, so each zone keeps its last offset.
_LAST = 4_102_444_800


def time_zones(bar_types: Sequence[str], known: Sequence[str] = (), calendars: Sequence[str] = ()) -> list[str]:
    """`known`, and the rules of the other time zones that the bar types name, by this machine's database.

    A name in `calendars`, texts of trading calendars, means the calendar.

    Raises InvalidArgument (a ValueError): BAR_TYPE_INVALID for an invalid type, or a zone that the database lacks.
    """
    found: dict[str, str] = {}
    for rules in known:
        found.setdefault(rules.split(" ", 1)[0], rules)
    of_calendars = {calendar.split(" ", 1)[0] for calendar in calendars}
    for name in bar_types:
        bar_type = BarType(name)
        # Shorter times have only calendars.
        zone = bar_type.zone if bar_type.kind != "time" else None
        if zone is not None and zone not in ("UTC", *found, *of_calendars):
            found[zone] = _rules(zone, name)
    return list(found.values())


def _rules(zone: str, bar_type: str) -> str:
    try:
        return _rules_of(zone)
    except (KeyError, ValueError, OSError):
        raise InvalidArgument(
            f"bar type '{bar_type}' names the time zone {zone}, which is not in this machine's database: use a name "
            f"such as America/New_York, or give the trading calendar {zone} in calendars; if the machine has no "
            "database, install the package tzdata",
            reason="BAR_TYPE_INVALID",
        ) from None


@lru_cache(maxsize=64)
def _rules_of(name: str) -> str:
    zone = ZoneInfo(name)

    def offset_at(time_s: int) -> int:
        offset = datetime.fromtimestamp(time_s, zone).utcoffset()
        assert offset is not None
        return round(offset.total_seconds())

    offset = offset_at(_FIRST)
    words = [name, str(offset)]
    for time_s in range(_FIRST, _LAST, _STEP):
        after = offset_at(time_s + _STEP)
        if after == offset:
            continue
        first, last = time_s, time_s + _STEP
        while last - first > 1:
            middle = (first + last) // 2
            if offset_at(middle) == offset:
                first = middle
            else:
                last = middle
        words.append(f"{last}:{after}")
        offset = after
    return " ".join(words)
