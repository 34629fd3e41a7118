"""Snapshots of the release before the options of orders are read: their orders have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.execution.venue import Venue

EARLIER = Path(__file__).parent / "earlier"
HISTORY = (
    "a: limit BUY 1 @ 9 GTC s | b: limit BUY 1 @ 8 DAY t | c: limit SELL 1 @ 12 GTC s | tick 8.5 x 0.5"
    " | d: market BUY 5 GTC s | cancel c | tick 13 x 0.25 | tick 14 x 0.25 | e: stop SELL 2 stop 7 GTC"
    " | f: stop-limit BUY 2 stop 20 @ 21 DAY u | halt | g: market BUY 1 IOC | resume"
)
LATER = "tick 22 x 9 | h: reduce-only limit SELL 9 @ 23 GTD:9 s | i: trail SELL 1 by 2 GTC | tick 6 x 9"


@pytest.mark.parametrize("name", ["snapshot.bin", "checkpoint.bin"])
def test_it_is_read_and_goes_on_like_the_engine_that_wrote_it(name: str) -> None:
    """`max_final_orders` was 3, and the history that above."""
    venue, restored = Venue(max_final_orders=3), Venue(max_final_orders=3)
    venue.play(HISTORY)
    restored.engine.restore((EARLIER / name).read_bytes())
    assert restored.engine.validate() == []
    assert restored.engine.events() == venue.engine.events()
    assert restored.engine.state_hash() == venue.engine.state_hash()
    assert not any(order.reduce_only or order.expire_time_ns for order in restored.engine.get_orders())
    restored.seconds = venue.seconds
    restored.log()
    assert restored.play(LATER) == venue.play(LATER)
    assert restored.engine.state_hash() == venue.engine.state_hash()
