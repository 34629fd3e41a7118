"""A replay at the market's pace, under a clock that only its pauses move."""

from __future__ import annotations

import numpy as np
import pytest
from alphaforge_cli.replay import paced
from alphaforge_core.files import TradeBlock
from alphaforge_core.model import TradeTick, TradeTickBatch

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def block(*times: int) -> TradeBlock:
    ticks = [TradeTick("X", 5, 1, "BUY", str(time), time) for time in times]
    return TradeBlock(TradeTickBatch.from_ticks(ticks), np.array(times, np.int64))


@pytest.mark.parametrize("multiple", [0.5, 1.0, 2.0, 100.0])
def test_each_trade_comes_when_the_markets_clock_has_come_to_it(multiple: float) -> None:
    clock = Clock()
    seen: list[tuple[int, float]] = []
    blocks = iter([block(SECOND, SECOND, 2 * SECOND), block(4 * SECOND)])
    for part in paced(blocks, multiple, lambda: clock.now, clock.pause):
        seen += [(int(time), (clock.now - 100.0) * multiple) for time in part.ts_event]
        assert len(part.batch) == len(part.ts_event)
    assert [time for time, _ in seen] == [SECOND, SECOND, 2 * SECOND, 4 * SECOND]
    assert [passed for _, passed in seen] == pytest.approx([0, 0, 1, 3], abs=1e-6)
