"""Converts times to nanoseconds since the Unix epoch: integers, fractional seconds, ISO 8601, dates and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["UNIT_NS", "TimeReader", "TimeUnit", "Times", "joined_date_and_time", "moment", "parse_time"]

TimeUnit = Literal["ns", "us", "ms", "s"]
UNIT_NS: Mapping[str, int] = MappingProxyType({"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000})
# An integer below the first is in seconds (to the year 5138), below the second in milliseconds, and so on.
_UNIT_LIMITS = np.array([10**11, 10**14, 10**17])
_UNITS_BY_SIZE = ("s", "ms", "us", "ns")
_YEAR_2000_S = 946_684_800
_NS = pa.timestamp("ns")
_NS_UTC = pa.timestamp("ns", "UTC")
_ISO = re.compile(
    r"(\d{4})[-/.]?(\d\d)[-/.]?(\d\d)"
    r"(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?"
)
_FRACTION = re.compile(r"([+-]?\d+)(?:\.(\d*))?")
_COMPACT_DATE = r"^(\d{4})[/.]?(\d\d)[/.]?(\d\d)$"
_COMPACT_TIME = r"^(\d\d)(\d\d)(\d\d)\.?(\d*)$"

Nanos = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass
class Times:
    """`ts` of each row, and the rows without one."""

    ts: Nanos
    bad: Mask


@dataclass
class TimeReader:
    """Reads the times of one file. Without a given unit, it is inferred from each integer's magnitude."""

    unit: str | None = None
    units_seen: dict[str, None] = field(default_factory=dict)
    form: str = ""

    def read(self, column: pa.Array) -> Times:
        """Times of any supported type."""
        kind = column.type
        if pa.types.is_date(kind):
            self.form = "dates"
            column, kind = column.cast(pa.timestamp("ms")), pa.timestamp("ms")
        if pa.types.is_timestamp(kind):
            self.form = self.form or "timestamps"
            return _from_timestamps(column)
        if pa.types.is_integer(kind):
            return self._from_integers(column)
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return self._from_texts(_plain_texts(column))
        return self._from_texts(column)

    def _from_integers(self, column: pa.Array) -> Times:
        missing = np.asarray(column.is_null())
        if pa.types.is_uint64(column.type):
            missing = missing | np.asarray(pc.fill_null(pc.greater(column, pa.scalar(2**63 - 1, pa.uint64())), True))
            column = pc.if_else(pa.array(missing), pa.scalar(0, pa.uint64()), column)
        values = np.asarray(column.fill_null(0).cast(pa.int64()))
        return self._scaled(values, missing)

    def _scaled(self, values: Nanos, missing: Mask) -> Times:
        if self.unit is not None:
            factors: Any = UNIT_NS[self.unit]
            self.units_seen[self.unit] = None
        else:
            factors = self._guessed_factors(values, missing)
        limit = np.iinfo(np.int64).max // factors
        bad = missing | (np.abs(values) > limit)
        return Times(np.where(bad, 0, values) * factors, bad)

    def _guessed_factors(self, values: Nanos, missing: Mask) -> Any:
        # Smaller numbers are before 2000 in any unit, so they get the unit of the other numbers.
        is_telling = ~missing & (values >= _YEAR_2000_S)
        classes = np.searchsorted(_UNIT_LIMITS, values, side="right")
        for each in np.unique(classes[is_telling]) if is_telling.any() else ():
            self.units_seen[_UNITS_BY_SIZE[each]] = None
        usual = next(iter(self.units_seen), "ns")
        factors = np.array([UNIT_NS[each] for each in _UNITS_BY_SIZE])[classes]
        return np.where(is_telling, factors, UNIT_NS[usual])

    def _from_texts(self, column: pa.Array) -> Times:
        try:
            return self._from_integers(column.cast(pa.int64()))
        except pa.ArrowInvalid:
            pass
        if (fast := self._all_fractions(column)) is not None:
            return fast
        for kind in (_NS, _NS_UTC):
            try:
                times = _from_timestamps(column.cast(kind))
            except pa.ArrowInvalid:
                continue
            self.form = "ISO 8601" if kind is _NS_UTC else "ISO 8601 without a zone, taken as UTC"
            return times
        return self._one_by_one(column)

    def _all_fractions(self, column: pa.Array) -> Times | None:
        """Fractional seconds or milliseconds: integer part and fraction separately, so that nothing is rounded."""
        try:
            exact = column.cast(pa.decimal128(38, 9))
            whole = np.asarray(exact.cast(pa.decimal128(38, 0), safe=False).cast(pa.int64()))
        except pa.ArrowInvalid:
            return None
        # The remainder is below 10^9, so the low 64 bits of the difference are exact.
        low = np.frombuffer(exact.buffers()[1], np.uint64)[2 * exact.offset :: 2][: len(exact)]
        nanos = (low - whole.astype(np.uint64) * np.uint64(10**9)).astype(np.int64)
        times = self._scaled(whole, np.zeros(len(column), bool))
        return Times(times.ts + _fraction(whole, times.ts, nanos), times.bad)

    def _one_by_one(self, column: pa.Array) -> Times:
        """Reads a block that has an invalid time or a form that Arrow does not parse."""
        texts = column.to_pylist()
        values, rest = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        is_moment, bad = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
        for row, text in enumerate(texts):
            text = (text or "").strip()
            if found := _FRACTION.fullmatch(text):
                bad[row] = abs(int(found[1][:20])) >= 2**63
                if not bad[row]:
                    values[row], rest[row] = int(found[1]), int(((found[2] or "") + "000000000")[:9])
            elif (nanos := parse_time(text)) is not None:
                values[row], is_moment[row] = nanos, True
            else:
                bad[row] = True
        if is_moment.any():
            self.form = "ISO 8601, without a zone taken as UTC"
        times = self._scaled(np.where(is_moment, 0, values), bad | is_moment)
        ts = np.where(is_moment, values, times.ts + _fraction(values, times.ts, rest))
        return Times(ts, (times.bad & ~is_moment) | bad)


def _fraction(whole: Nanos, ts: Nanos, billionths: Nanos) -> Nanos:
    """Converts billionths of the unit of `whole` to nanoseconds."""
    unit = np.where(whole == 0, 0, ts // np.where(whole == 0, 1, whole))
    return np.asarray(billionths * unit // 10**9, np.int64)


def _plain_texts(column: pa.Array) -> pa.Array:
    """Floats and decimals as text without exponents."""
    if pa.types.is_decimal(column.type):
        return column.cast(pa.string())
    # A double represents current times in seconds to a quarter of a microsecond.
    values = np.asarray(column.cast(pa.float64()).fill_null(np.nan))
    usable = np.isfinite(values) & (np.abs(values) < 9e18)
    return pa.array([f"{value:.6f}" if good else "" for value, good in zip(values, usable, strict=True)])


def _from_timestamps(column: pa.Array) -> Times:
    missing = np.asarray(column.is_null())
    raw = np.asarray(column.cast(pa.int64()).fill_null(0))
    factor = UNIT_NS[column.type.unit]
    bad = missing | (np.abs(raw) > np.iinfo(np.int64).max // factor)
    return Times(np.where(bad, 0, raw) * factor, bad)


def parse_time(text: str) -> int | None:
    """An ISO 8601 time, or a compact one, in nanoseconds; UTC without a zone. None if it isn't a time."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, zone = found.groups()
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        moment_utc = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    seconds = int(moment_utc.timestamp())
    if zone and zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    nanos = seconds * 10**9 + int(((fraction or "") + "000000000")[:9])
    return nanos if abs(nanos) < 2**63 else None


def joined_date_and_time(date: pa.Array, time: pa.Array) -> pa.Array:
    """Combines two columns into ISO 8601 texts; both may be compact, such as 20240808 and 093000123."""
    dates = date.cast(pa.date32()).cast(pa.string()) if pa.types.is_timestamp(date.type) else date.cast(pa.string())
    times = time.cast(pa.string())
    dates = pc.replace_substring_regex(dates.fill_null(""), _COMPACT_DATE, r"\1-\2-\3")
    times = pc.replace_substring_regex(times.fill_null(""), _COMPACT_TIME, r"\1:\2:\3.\4")
    times = pc.replace_substring_regex(times, r"\.$", "")
    return pc.binary_join_element_wise(dates, times, "T")


def moment(ts_ns: int) -> str:
    """A time as ISO 8601, to the second."""
    return f"{datetime.fromtimestamp(ts_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"
