"""At any time, a DAY order lasts as long as the twin reads from the calendar, also over a restart."""

from __future__ import annotations

from alphaforge_core import execution
from alphaforge_core.execution import Order, OrderSide, OrderStatus, TimeInForce
from alphaforge_core.execution_wire import ServiceEngine
from alphaforge_core.model import TradeTick
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import CALENDARS
from tests.support.tape import DAY
from tests.support.twins.instruments import Instrument
from tests.support.twins.trading_calendar import sessions_of


@st.composite
def calendars_and_times(draw: st.DrawFn) -> tuple[str, int]:
    """A time at an edge of a session, just before it, or anywhere."""
    calendar = draw(st.sampled_from(CALENDARS))
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
