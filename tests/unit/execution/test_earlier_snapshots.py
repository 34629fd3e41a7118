"""Snapshots of earlier releases are read, and their engines work: their orders have none of the later options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.execution.venue import Venue

EARLIER = Path(__file__).parent / "earlier"
# Of each release: what differed from the defaults, and the history before the snapshot.
RELEASES: dict[str, tuple[dict[str, Any], str]] = {
    "": (
        {"max_final_orders": 3},
        "a: limit BUY 1 @ 9 GTC s | b: limit BUY 1 @ 8 DAY t | c: limit SELL 1 @ 12 GTC s | tick 8.5 x 0.5"
        " | d: market BUY 5 GTC s | cancel c | tick 13 x 0.25 | tick 14 x 0.25 | e: stop SELL 2 stop 7 GTC"
        " | f: stop-limit BUY 2 stop 20 @ 21 DAY u | halt | g: market BUY 1 IOC | resume",
    ),
    "groups": (
        {"taker_commission_rate": "0.001"},
        "tick 10 x 5 | a: market BUY 2 IOC s | b: limit SELL 3 @ 12 GTC s | c: trail SELL 1 by 2 GTC"
        " | d: trail-limit SELL 1 by 50bps limit 10 from 13 GTC | e: reduce-only stop SELL 2 stop 5 GTC"
        " | oco f: limit SELL 1 @ 20 GTC t; g: stop SELL 1 stop 4 GTC t"
        " | bracket h: limit BUY 2 @ 9 GTC u; i: limit SELL 2 @ 15 GTC u; j: stop SELL 2 stop 6 GTC u"
        " | tick 9 x 1 SELL | tick 12.5 x 1 | tick 11 x 1",
    ),
    "accounts": (
        {"starting_cash": 1000, "max_loss": 500, "maker_commission_rate": "0.001"},
        "register tick_size=0.5 lot_size=0.5 multiplier=2 off_grid=round min_commission=0.1 | tick 10 x 5"
        " | a: market BUY 2 GTC s | b: limit SELL 3 @ 12.2 GTC s | c: trail SELL 1 by 1.7 GTC"
        " | d: trail-limit SELL 1 by 50bps limit 10 from 13 GTC | e: trail BUY 1 by 75bps GTC | f: market SELL 1 IOC t"
        " | tick 9 x 1 SELL | tick 12.5 x 1 | tick 11 x 1",
    ),
    "sessions": (
        {"maker_commission_rate": "0.001"},
        "register session=UTC+00:01 tick_size=0.5 | tick 10 x 5 | a: limit BUY 2 @ 9 DAY s | b: limit SELL 3 @ 12 DAY s"
        " | c: trail SELL 1 by 4ticks DAY | oco f: limit SELL 1 @ 20 DAY t; g: stop SELL 1 stop 4 DAY t"
        " | tick 9 x 1 SELL | h: limit BUY 1 @ 5 GTD:500 s | tick 11 x 1 at 58 | i: limit BUY 1 @ 8 DAY s",
    ),
    "trailing": (
        {"starting_cash": 1000},
        "register tick_size=0.5 session=UTC+17:00 commission_per_order=1 | tick 10 x 5 | a: market BUY 2 DAY s"
        " | b: trail SELL 1 by 3ticks from 12 GTC | c: trail-limit BUY 1 by 50bps limit 10 GTC"
        " | d: trail SELL 1 by 2 DAY"
        " | bracket e: limit BUY 2 @ 9 GTC u; f: limit SELL 2 @ 15 GTC u; g: trail SELL 2 by 1 GTC u"
        " | h: trail-limit SELL 1 by 2 limit 1 from 99 GTC | i: trail BUY 1 by 75bps GTC"
        " | j: trail BUY 1 by 5 from 8 GTC t"
        " | tick 9 x 1 SELL | tick 12.5 x 1 | tick 10 x 1 | k: trail SELL 1 by 3 GTC | cancel k",
    ),
}
LATER = "tick 22 x 9 | m: reduce-only limit SELL 9 @ 23 GTD:9 s | n: trail SELL 1 by 2 GTC | tick 6 x 9"


@pytest.mark.parametrize("name", ["snapshot.bin", "checkpoint.bin"])
@pytest.mark.parametrize("release", RELEASES)
def test_it_is_read_and_goes_on_like_the_engine_that_wrote_it(release: str, name: str) -> None:
    settings, history = RELEASES[release]
    venue, restored = Venue(**settings), Venue(**settings)
    venue.play(history)
    restored.engine.restore((EARLIER / release / name).read_bytes())
    assert restored.engine.validate() == []
    assert restored.engine.events() == venue.engine.events()
    assert restored.engine.get_instruments() == venue.engine.get_instruments()
    restored.seconds = venue.seconds
    restored.log()
    assert restored.play(LATER) == venue.play(LATER)
    assert restored.engine.state_hash() == venue.engine.state_hash()
