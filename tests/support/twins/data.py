"""The data engine in plain Python: trade ticks to bars, by the rules of "Data engine" alone.

Prices, quantities and values are fractions; nothing is rounded but `vwap`. One call takes one tick.

Readings (where the rules leave a choice, this twin takes the one named here):

- `is_partial` of a first bar looks at its earliest tick by `(ts_event, arrival)`, not at the one that arrived
  first: a reordering inside the interval must not change a bar. For the same reason it is decided when the bar
  closes, and again when it is revised.
- "`advance_time` was called no later than `ts_open` before it": some call before the bar's first arrival had
  `now_ns <= ts_open`; later calls don't undo that.
- A late tick whose interval has no kept bar (quiet, skipped as first partial, or forgotten) corrects nothing. One
  that falls on a gap-fill bar makes it a bar of trades, `revision` + 1. Gap-fill bars that were emitted after a
  corrected bar stay as they are.
- A gap-fill bar has no tick of its own; its `ts_init` is that of the bar whose close it repeats.
- `late_ticks` counts a tick once, however many types it is late for and whether or not lateness was allowed.
- Revisions come after the bars closed by time and before those closed by count, in configured order. They are not
  counted in `bars_generated`; gap-fill and flushed bars are, a skipped first bar is not.
- A refused tick is refused before it is looked up as a duplicate. A price-only print is a tick in every other
  respect (market time, duplicates, `ts_init`).
- "Value overflow" is the tick's own value, and any sum of volume or value in a bar that the tick would join.
- "Within a day of 2^63" includes the tick exactly one day before it.
- A bar closed by `stop()` is partial, and the next bar starts empty (a dollar bar with progress 0); the next tick
  of the same interval opens another bar, not partial by that alone.
- An open bar shows the sequence that it will get if it is emitted.
- `reset(instrument_id)` forgets that instrument; counts and the engine's clock stay. `reset()` makes the engine
  new.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.support.tape import DAY, NANO, Tick, half_even
from tests.support.twins.trading_calendar import sessions_of

LAST_TIME = 2**63 - DAY
NEVER = 2**63 - 1
LARGEST_QUANTITY = Fraction(2**127 - 1, 10**9)
LARGEST_VALUE = Fraction(2**127 - 1, 10**18)

UNITS = {"day": DAY, "hour": DAY // 24, "min": DAY // 1440, "s": 10**9, "ms": 10**6}
CALENDAR = {"day": 366, "week": 52, "month": 12}
TIMED = ("time", *CALENDAR)


class BarType(NamedTuple):
    kind: str  # "time", "tick", "volume", "dollar", "range", "day", "week" or "month"
    step: Fraction  # nanoseconds, ticks, units, value, price; days, weeks or months
    name: str  # canonical
    zone: str = ""
    start: timedelta = timedelta(0)


NUMBERED = r"(0|[1-9][0-9]*)(\.[0-9]{1,9})?(ms|s|min|hour|day|week|month|tick|volume|dollar|range)"
ZONED = r"@([A-Za-z][A-Za-z0-9_+/-]{0,39}?)(?:\+([01][0-9]|2[0-3]):([0-5][0-9]))?"


def parse_bar_type(text: str) -> BarType:
    """`60min` is BarType("time", 3600e9, "1hour"); raises ValueError if it is not a bar type."""
    match = re.fullmatch(f"{NUMBERED}(?:{ZONED})?", text, re.ASCII)
    if not match:
        raise ValueError(f"no bar type: {text}")
    number, unit = Fraction(match[1] + (match[2] or "")), match[3]
    if number == 0 or (match[2] and unit not in ("volume", "dollar", "range")):
        raise ValueError(f"no bar type: {text}")
    zone, start = match[4] or "", timedelta(hours=int(match[5] or 0), minutes=int(match[6] or 0))
    if zone == "UTC" and not start:
        zone = ""
    of_calendar = unit in UNITS and not start and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,31}", zone)
    if match[4] and unit not in CALENDAR and not of_calendar:
        raise ValueError(f"this type has no zone and no calendar of that name: {text}")
    if unit in CALENDAR and (zone or unit != "day" or number != 1):
        if number > CALENDAR[unit]:
            raise ValueError(f"too many: {text}")
        at = (f"@{zone}" if zone else "") + (f"+{match[5]}:{match[6]}" if start else "")
        return BarType(unit, number, f"{number}{unit}{at}", zone, start)
    if unit not in UNITS:
        if unit == "range" and number >= 2**63 * NANO:
            raise ValueError(f"no price moves so far: {text}")
        digits = match[1] + (match[2] or "").rstrip("0").rstrip(".")
        return BarType(unit, number, digits + unit)
    step = int(number) * UNITS[unit]
    if DAY % step:
        raise ValueError(f"a time step must divide 24 h: {text}")
    largest = next(name for name, length in UNITS.items() if step % length == 0)
    if zone and step == DAY:
        raise ValueError(f"a session is 1day: {text}")
    at = f"@{zone}" if zone else ""
    return BarType("time", Fraction(step), f"{step // UNITS[largest]}{largest}{at}", zone)


class Calendar:
    """Where the intervals of a calendar type begin, by the clocks of its zone."""

    def __init__(self, bar_type: BarType) -> None:
        self.zone = ZoneInfo(bar_type.zone or "UTC")
        self.unit, self.count, self.start = bar_type.kind, int(bar_type.step), bar_type.start
        # A session that starts in the afternoon is that of the next date.
        self.shift = bar_type.start - timedelta(days=bar_type.start >= timedelta(hours=12))

    def interval(self, time_s: int) -> tuple[int, int]:
        """The interval that holds a time, in seconds."""
        number = self.number_of((self.local(time_s) - self.shift).date())
        while self.begins(number) > time_s:
            number -= 1
        while self.begins(number + 1) <= time_s:
            number += 1
        return self.begins(number), self.begins(number + 1)

    def number_of(self, day: date) -> int:
        days = (day - date(1970, 1, 1)).days
        if self.unit == "month":
            return ((day.year - 1970) * 12 + day.month - 1) // self.count
        return days // self.count if self.unit == "day" else (days + 3) // (7 * self.count)

    def begins(self, number: int) -> int:
        """Returns the first second at which the clocks show the interval's start or later."""
        if self.unit == "month":
            months = number * self.count
            day = datetime(1970 + months // 12, months % 12 + 1, 1)
        else:
            days = number * self.count if self.unit == "day" else number * 7 * self.count - 3
            day = datetime(1970, 1, 1) + timedelta(days=days)
        return first_at(day + self.shift, self.zone)

    def local(self, time_s: int) -> datetime:
        return datetime.fromtimestamp(time_s, self.zone).replace(tzinfo=None)


@cache
def first_at(wall: datetime, zone: ZoneInfo) -> int:
    """Returns the first second at which a zone's clocks show that time or later."""
    before, after = (int(wall.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (1, 0))
    if datetime.fromtimestamp(after, zone).replace(tzinfo=None) == wall:
        return after
    # The clocks skip it, between these two.
    while before < after:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).replace(tzinfo=None) >= wall:
            after = middle
        else:
            before = middle + 1
    return after


@dataclass
class Bar:
    instrument_id: str
    bar_type: str
    open: Fraction
    high: Fraction
    low: Fraction
    close: Fraction
    ts_open: int
    ts_event: int
    ts_init: int
    volume: Fraction = Fraction(0)
    value: Fraction = Fraction(0)
    trade_count: int = 0
    buy_volume: Fraction = Fraction(0)
    sell_volume: Fraction = Fraction(0)
    sequence: int = 0
    is_partial: bool = False
    is_gap_fill: bool = False
    is_oversize: bool = False
    revision: int = 0
    first: tuple[int, int] = (0, 0)  # (ts_event, arrival) of the tick behind `open`
    last: tuple[int, int] = (0, 0)  # (ts_event, arrival) of the tick behind `close`
    uncovered: bool = False  # an instrument's first bar, whose start the engine did not see

    @property
    def vwap(self) -> Fraction | None:
        return half_even(self.value / self.volume, 9) if self.volume else None

    def public(self) -> dict[str, object]:
        """Every field a client sees, `vwap` included."""
        hidden = {"first", "last", "uncovered"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden} | {"vwap": self.vwap}

    def take(self, tick: Tick, quantity: Fraction, *, begins: bool) -> None:
        """Add a piece of a tick; `begins` marks the tick's first piece, with which the tick is counted."""
        self.volume += quantity
        self.value += tick.price * quantity
        if self.volume > LARGEST_QUANTITY or abs(self.value) > LARGEST_VALUE:
            raise OverflowError
        self.trade_count += begins and quantity > 0
        if tick.aggressor_side == "BUY":
            self.buy_volume += quantity
        elif tick.aggressor_side == "SELL":
            self.sell_volume += quantity
        self.high = max(self.high, tick.price)
        self.low = min(self.low, tick.price)
        self.ts_init = max(self.ts_init, tick.ts_init)


@dataclass
class Config:
    bar_types: list[str] = field(default_factory=lambda: ["1min"])
    max_bars_per_instrument: int = 1000
    origin_offset_ns: int = 0
    fill_gaps: bool = False
    max_gap_bars: int = 1000
    skip_first_partial: bool = False
    flush_on_stop: bool = False
    allowed_lateness_ns: int = 0
    zero_quantity: str = "reject"
    negative_price_instruments: tuple[str, ...] = ()
    max_bars_per_tick: int = 10_000
    max_instruments: int = 10_000
    duplicate_window: int = 10_000
    max_time_jump_ns: int = 300 * 10**9
    calendars: list[str] = field(default_factory=list)


@dataclass
class Series:
    """The bars of one instrument and one type."""

    instrument_id: str
    type: BarType
    config: Config
    open: Bar | None = None
    sequence: int = 0
    began: bool = False  # a first bar has closed, skipped or not
    progress: Fraction = Fraction(0)  # ticks, volume or value towards the next close
    last_closed: Bar | None = None  # what a gap-fill bar repeats
    gap_bars: int = 0  # filled in the present gap

    def close(self) -> Bar | None:
        """Close the open bar; None if it is a partial first bar that is skipped."""
        bar, self.open = self.open, None
        assert bar is not None
        skip = self.type.kind in TIMED and not self.began and bar.is_partial and self.config.skip_first_partial
        self.began, self.last_closed = True, bar
        return None if skip else self.number(bar)

    def number(self, bar: Bar) -> Bar:
        self.sequence += 1
        bar.sequence = self.sequence
        return bar

    def blank(self, tick: Tick, arrival: int) -> Bar:
        key = (tick.ts_event, arrival)
        p, ts = tick.price, tick.ts_event
        return Bar(self.instrument_id, self.type.name, p, p, p, p, ts, ts, tick.ts_init, first=key, last=key)


class TimeSeries(Series):
    def interval(self, ts: int) -> tuple[int, int]:
        """The interval that holds a time."""
        step, offset = int(self.type.step), 0 if self.type.zone else self.config.origin_offset_ns
        if self.type.kind != "time":
            first, end = calendar_of(self.type).interval((ts - offset) // 10**9)
            return first * 10**9 + offset, end * 10**9 + offset
        start = (ts - offset) // step * step + offset
        return start, start + step

    def next_interval(self, ts: int) -> tuple[int, int]:
        """The first interval that begins at a time or later; the time is where one ends."""
        return self.interval(ts)

    def due(self, now: int) -> list[Bar]:
        """Close what ends at or before `now`: the open bar, then flat ones for the quiet intervals after it."""
        bars = []
        if self.open and self.open.ts_event <= now:
            bars.append(self.close())
        while self.config.fill_gaps and self.last_closed and not self.open and self.gap_bars < self.config.max_gap_bars:
            before = self.last_closed
            start, end = self.next_interval(before.ts_event)
            if end > now:
                break
            flat = Bar(
                self.instrument_id, self.type.name, before.close, before.close, before.close, before.close,
                ts_open=start, ts_event=end, ts_init=before.ts_init, is_gap_fill=True,
            )  # fmt: skip
            self.gap_bars += 1
            self.last_closed = flat
            bars.append(self.number(flat))
        return [bar for bar in bars if bar]

    def apply(self, tick: Tick, arrival: int, first_advance: int | None) -> None:
        """Add a tick that is not late to the open bar; open one if needed."""
        if self.open is None:
            start, end = self.interval(tick.ts_event)
            self.gap_bars = 0
            self.open = self.blank(tick, arrival)
            self.open.ts_open, self.open.ts_event = start, end
            self.open.uncovered = not self.began and (first_advance is None or first_advance > start)
        self.join(self.open, tick, arrival)

    def correct(self, kept: deque[Bar], tick: Tick, arrival: int, market_time: int) -> list[Bar]:
        """Return the next revision of the kept bar whose interval holds a late tick, if lateness is allowed."""
        found = [bar for bar in kept if bar.ts_open <= tick.ts_event < bar.ts_event]
        lateness = self.config.allowed_lateness_ns
        if not found or not lateness or market_time - found[-1].ts_event > lateness:
            return []
        bar = replace(found[-1], revision=found[-1].revision + 1)
        self.join(bar, tick, arrival)
        return [bar]

    def join(self, bar: Bar, tick: Tick, arrival: int) -> None:
        key = (tick.ts_event, arrival)
        if bar.is_gap_fill:
            vars(bar).update(
                is_gap_fill=False, open=tick.price, high=tick.price, low=tick.price, close=tick.price,
                ts_init=tick.ts_init, first=key, last=key,
            )  # fmt: skip
        if key < bar.first:
            bar.first, bar.open = key, tick.price
        if key > bar.last:
            bar.last, bar.close = key, tick.price
        bar.take(tick, tick.quantity, begins=True)
        bar.is_partial = bar.uncovered and bar.first[0] != bar.ts_open


class SessionSeries(TimeSeries):
    """Bars by a trading calendar, of whole sessions or of a step from each open; outside of sessions there are none."""

    def spans(self) -> list[tuple[int, int]]:
        """From each open to the next close."""
        sessions = sessions_of(next(text for text in self.config.calendars if text.startswith(f"{self.type.zone} ")))
        if self.type.kind == "day":
            return [(parts[0][0], parts[-1][1]) for parts in sessions]
        return [part for parts in sessions for part in parts]

    def session_at(self, ts: int) -> tuple[int, int] | None:
        return next((span for span in self.spans() if span[0] <= ts < span[1]), None)

    def interval(self, ts: int) -> tuple[int, int]:
        if span := self.session_at(ts):
            step = int(self.type.step) if self.type.kind == "time" else span[1] - span[0]
            start = span[0] + (ts - span[0]) // step * step
            return start, min(start + step, span[1])
        closes = [close for _, close in self.spans() if close <= ts]
        opens = [opened for opened, _ in self.spans() if opened > ts]
        return max(closes, default=0), min(opens, default=NEVER)

    def next_interval(self, ts: int) -> tuple[int, int]:
        return self.interval(ts if self.session_at(ts) else self.interval(ts)[1])

    def apply(self, tick: Tick, arrival: int, first_advance: int | None) -> None:
        if self.session_at(tick.ts_event):
            super().apply(tick, arrival, first_advance)


@cache
def calendar_of(bar_type: BarType) -> Calendar:
    return Calendar(bar_type)


class CountSeries(Series):
    """Tick, volume, dollar and range bars, which depend on the order of arrival only."""

    def apply(self, tick: Tick, arrival: int) -> list[Bar]:
        pieces, progress = self.pieces(tick)
        oversize = sum(closes for _, closes in pieces) > self.config.max_bars_per_tick
        if oversize:
            pieces, progress = [(tick.quantity, True)], Fraction(0)
        self.progress = progress
        closed = []
        for index, (quantity, closes) in enumerate(pieces):
            self.add(tick, arrival, quantity, begins=index == 0)
            if closes:
                bar = self.close()
                assert bar is not None
                bar.is_oversize = oversize
                closed.append(bar)
        return closed

    def pieces(self, tick: Tick) -> tuple[list[tuple[Fraction, bool]], Fraction]:
        """Cut the tick where bars end: (quantity, whether it closes its bar), and the progress after them."""
        pieces: list[tuple[Fraction, bool]] = []
        left, progress, step = tick.quantity, self.progress, self.type.step
        while left and len(pieces) <= self.config.max_bars_per_tick:
            if self.type.kind == "tick":
                quantity, gain = left, Fraction(1)
            elif self.type.kind == "range":
                low, high = (self.open.low, self.open.high) if self.open else (tick.price, tick.price)
                progress = max(high, tick.price) - min(low, tick.price)
                return [(left, progress >= step)], Fraction(0)
            elif self.type.kind == "volume":
                quantity = gain = min(left, step - progress)
            elif tick.price == 0:
                quantity, gain = left, Fraction(0)
            else:
                price = abs(tick.price)
                quantity = min(left, max(NANO, math.ceil((step - progress) / price / NANO) * NANO))
                gain = price * quantity
            left, progress = left - quantity, progress + gain
            closes = progress >= step
            progress -= step * closes
            pieces.append((quantity, closes))
        return pieces, progress

    def add(self, tick: Tick, arrival: int, quantity: Fraction, *, begins: bool) -> None:
        if self.open is None:
            self.open = self.blank(tick, arrival)
        bar = self.open
        bar.close = tick.price
        bar.ts_open = min(bar.ts_open, tick.ts_event)
        bar.ts_event = max(bar.ts_event, tick.ts_event)
        bar.take(tick, quantity, begins=begins)


class Instrument:
    def __init__(self, name: str, types: list[BarType], config: Config) -> None:
        self.time: int | None = None  # greatest accepted ts_event
        calendars = {text.split(" ")[0] for text in config.calendars}

        def kind_of(bar_type: BarType) -> type[SessionSeries | TimeSeries | CountSeries]:
            if bar_type.kind not in TIMED:
                return CountSeries
            return SessionSeries if bar_type.zone in calendars else TimeSeries

        self.series = [kind_of(t)(name, t, config) for t in types]
        self.kept: list[deque[Bar]] = [deque(maxlen=config.max_bars_per_instrument) for _ in types]
        self.seen: deque[Tick] = deque(maxlen=config.duplicate_window)


class DataEngine:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.received: int | None = None  # when the calls that follow are received; None: after every time they carry
        self.types = list({t.name: t for t in map(parse_bar_type, self.config.bar_types)}.values())
        if not 1 <= len(self.types) <= 32:
            raise ValueError("between 1 and 32 bar types")
        self.reset()

    def reset(self, instrument_id: str | None = None) -> None:
        if instrument_id is not None:
            self.instruments.pop(instrument_id, None)
            return
        self.instruments: dict[str, Instrument] = {}  # in the order they were first seen
        self.time: int | None = None  # greatest advance_time
        self.first_advance: int | None = None  # least one
        self.arrivals = 0
        self.counts = dict.fromkeys(
            ("ticks_processed", "ticks_rejected", "late_ticks", "duplicate_ticks", "bars_generated"), 0
        )

    def statistics(self) -> dict[str, int]:
        return self.counts | {"instruments": len(self.instruments)}

    def process_trade_tick(self, tick: Tick) -> list[Bar]:
        """Return the bars that this tick closes or revises; none for a refused or duplicate tick."""
        known = self.instruments.get(tick.instrument_id)
        if self.refuses(tick, known):
            self.counts["ticks_rejected"] += 1
            return []
        instrument = known or Instrument(tick.instrument_id, self.types, self.config)
        if tick.trade_id and any(same_trade(tick, seen) for seen in instrument.seen):
            self.counts["duplicate_ticks"] += 1
            return []
        before = [replace(series, open=series.open and replace(series.open)) for series in instrument.series]
        try:
            timed, revised, counted, late = self.apply(instrument, tick)
        except OverflowError:
            instrument.series = before
            self.counts["ticks_rejected"] += 1
            return []
        self.instruments[tick.instrument_id] = instrument
        instrument.time = max(instrument.time or 0, tick.ts_event)
        if tick.trade_id:
            instrument.seen.append(tick)
        self.arrivals += 1
        self.counts["ticks_processed"] += 1
        self.counts["late_ticks"] += late
        return self.keep(timed) + [self.replace_kept(bar) for bar in revised] + self.keep(counted)

    def refuses(self, tick: Tick, known: Instrument | None) -> bool:
        return (
            (tick.quantity == 0 and self.config.zero_quantity != "price_only")
            or (tick.price <= 0 and tick.instrument_id not in self.config.negative_price_instruments)
            or not 0 <= tick.ts_event < LAST_TIME
            or self.is_ahead(tick.ts_event)
            or abs(tick.price) * tick.quantity > LARGEST_VALUE
            or (known is None and len(self.instruments) >= self.config.max_instruments)
        )

    def is_ahead(self, time: int) -> bool:
        jump = self.config.max_time_jump_ns
        return jump != 0 and self.received is not None and time > self.received + jump

    def apply(self, instrument: Instrument, tick: Tick) -> tuple[list[Bar], list[Bar], list[Bar], bool]:
        """Close by time, apply to every type, close by count; (closed by time, revised, closed by count, late)."""
        timed = self.due([instrument], tick.ts_event)
        revised, counted, late = [], [], False
        market_time = max((t for t in (instrument.time, self.time) if t is not None), default=tick.ts_event)
        for series, kept in zip(instrument.series, instrument.kept, strict=True):
            if isinstance(series, CountSeries):
                counted += series.apply(tick, self.arrivals)
            elif tick.ts_event < series.interval(market_time)[0]:
                late = True
                revised += series.correct(kept, tick, self.arrivals, market_time)
            else:
                series.apply(tick, self.arrivals, self.first_advance)
        return timed, revised, counted, late

    def advance_time(self, now_ns: int) -> list[Bar]:
        """Advance every instrument's market time; return the closed bars. ValueError for a time too far ahead."""
        if self.is_ahead(now_ns):
            raise ValueError("TIME_AHEAD")
        self.time = max(now_ns, self.time) if self.time is not None else now_ns
        self.first_advance = min(now_ns, self.first_advance) if self.first_advance is not None else now_ns
        return self.keep(self.due(list(self.instruments.values()), now_ns))

    def due(self, instruments: list[Instrument], now: int) -> list[Bar]:
        found = []
        for seen, instrument in enumerate(instruments):
            for configured, series in enumerate(instrument.series):
                if isinstance(series, TimeSeries):
                    found += [(bar.ts_event, seen, configured, bar) for bar in series.due(now)]
        return [bar for *_, bar in sorted(found, key=lambda entry: entry[:3])]

    def keep(self, bars: list[Bar]) -> list[Bar]:
        """Store closed bars and hand out copies; the stored ones may be revised."""
        names = [t.name for t in self.types]
        for bar in bars:
            self.instruments[bar.instrument_id].kept[names.index(bar.bar_type)].append(bar)
        self.counts["bars_generated"] += len(bars)
        return [replace(bar) for bar in bars]

    def replace_kept(self, revised: Bar) -> Bar:
        instrument = self.instruments[revised.instrument_id]
        index = [t.name for t in self.types].index(revised.bar_type)
        kept, series = instrument.kept[index], instrument.series[index]
        kept[[bar.sequence for bar in kept].index(revised.sequence)] = revised
        if series.last_closed and series.last_closed.sequence == revised.sequence:
            series.last_closed = revised
        return replace(revised)

    def stop(self) -> None:
        if not self.config.flush_on_stop:
            return
        for instrument in self.instruments.values():
            for series in instrument.series:
                if series.open:
                    series.open.is_partial = True
                    series.progress = Fraction(0)
                    bar = series.close()
                    self.keep([bar] if bar else [])

    def get_bars(
        self,
        instrument_id: str,
        bar_type: str,
        limit: int | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> list[Bar]:
        instrument = self.instruments.get(instrument_id)
        if instrument is None:
            return []
        index = [t.name for t in self.types].index(parse_bar_type(bar_type).name)
        bars = [
            replace(bar)
            for bar in instrument.kept[index]
            if (start is None or start <= bar.ts_open) and (end is None or bar.ts_open < end)
        ]
        return bars if limit is None else bars[max(0, len(bars) - limit) :]

    def open_bars(self, instrument_id: str) -> list[Bar]:
        instrument = self.instruments.get(instrument_id)
        if instrument is None:
            return []
        return [replace(series.open, sequence=series.sequence + 1) for series in instrument.series if series.open]


def same_trade(a: Tick, b: Tick) -> bool:
    return (a.trade_id, a.ts_event, a.price, a.quantity) == (b.trade_id, b.ts_event, b.price, b.quantity)
