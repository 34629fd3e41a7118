"""A calendar has the sessions that the twin reads, and a DAY order lasts as long as they say, also over a restart."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from alphaforge_core import execution
from alphaforge_core.execution import Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_core.execution_wire import ServiceEngine
from alphaforge_core.model import TradeTick, TradingCalendar
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CALENDARS
from tests.support.tape import DAY
from tests.support.twins.instruments import Instrument
from tests.support.twins.trading_calendar import dates_of, sessions_of


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Runs of days with the same times, which may overlap."""
    words, day = ["X"], date(2024, 3, 1)
    for _ in range(draw(st.integers(1, 4))):
        day += timedelta(days=draw(st.sampled_from((1, 1, 2, 3, 5, 0))))
        kind, count = draw(st.sampled_from("xw")), draw(st.integers(1, 11))
        if kind == "w" and day.weekday() > 4:
            day += timedelta(days=7 - day.weekday())
        size = 2 * draw(st.integers(1, 4))
        edges = draw(st.lists(st.integers(0, 1_439), min_size=size, max_size=size))
        if draw(st.booleans()):
            edges.sort()
        edges[-1] += draw(st.sampled_from((0, 0, 1_440)))
        clock = [f"{each // 60:02}:{each % 60:02}" for each in edges]
        parts = [f"{open_}-{end}" for open_, end in zip(clock[::2], clock[1::2], strict=True)]
        words += [f"{day}{kind}{count}", ",".join(parts)]
        day = dates_of(words[-2])[-1]
    return " ".join(words)


def is_in_order(text: str) -> bool:
    days = [day for word in text.split(" ")[1::2] for day in dates_of(word)]
    sessions = sessions_of(text)
    return all(one < other for one, other in pairwise(days)) and all(
        one[-1][1] <= other[0][0] for one, other in pairwise(sessions)
    )


@given(texts())
def test_a_text_says_the_sessions_that_the_twin_reads(text: str) -> None:
    if is_in_order(text):
        assert [parts for _, parts in TradingCalendar(text).sessions] == sessions_of(text)
    else:
        with pytest.raises(ValueError, match="isn't in order"):
            TradingCalendar(text)


@st.composite
def calendars_and_times(draw: st.DrawFn) -> tuple[str, int]:
    """A time at an edge of a session, just before it, or anywhere."""
    calendar = draw(st.sampled_from(CALENDARS) | texts().filter(is_in_order))
    edges = [edge for parts in sessions_of(calendar) for part in parts for edge in part]
    near = st.builds(int.__add__, st.sampled_from(edges), st.sampled_from((-1, 0, 1)))
    return calendar, draw(near | st.integers(edges[0] - DAY, edges[-1] + DAY))


@given(calendars_and_times(), st.booleans())
def test_a_day_ends_where_the_twin_says(drawn: tuple[str, int], restarts: bool) -> None:
    calendar, time = drawn
    twin = Instrument("A", calendar=calendar)
    engine = ServiceEngine()
    engine.register_instruments([execution.Instrument("A", calendar=calendar)])
    engine.process_trade_tick(TradeTick("A", 100, 1, "NONE", "", time))
    order = Order.limit("A", OrderSide.Buy, 1, 50, TimeInForce.Day, "s", order_id="a")
    engine.submit_order(order)
    if restarts:
        other = ServiceEngine()
        other.restore(engine.snapshot())
        assert other.state_hash() == engine.state_hash()
        engine = other

    def status() -> OrderStatus:
        found = engine.get_order("a")
        assert found is not None
        return found.status

    if not twin.knows_day(time):
        assert status() is OrderStatus.Rejected
        return
    end = twin.end_of_day(time)
    if end - 1 > time:
        engine.advance_time(end - 1)
    assert status() is OrderStatus.Submitted
    engine.advance_time(end)
    assert status() is OrderStatus.Cancelled
