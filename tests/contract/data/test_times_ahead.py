"""Rule 1.8: a print with a wrong clock changes nothing; times within the limit are accepted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.tape import DAY, MINUTE, SECOND

YEAR = 365 * DAY


def tick(api: Api, ts_event: int, price: float = 100.0, trade_id: str = "") -> Any:
    return api.model.TradeTick("X", price, 1, "BUY", trade_id, ts_event, ts_event)


@pytest.mark.parametrize("jump", [3600 * SECOND, DAY, 10 * YEAR, 173 * YEAR])
def test_a_print_with_a_wrong_clock_has_no_effect(api: Api, jump: int) -> None:
    # A tape of the last hour; the wrong one comes second, and for "Y" first.
    now = time.time_ns()
    tape = [tick(api, now - (60 - number) * MINUTE, trade_id=str(number)) for number in range(60)]
    wrong = [tick(api, now + jump, 500.0, "wrong"), api.model.TradeTick("Y", 500, 1, "BUY", "", now + jump)]
    with_it, without = (api.make_data_engine(bar_types=["1min", "7tick"]) for _ in range(2))
    result = with_it.process_trade_ticks([tape[0], *wrong, *tape[1:]])
    assert list(result) == list(without.process_trade_ticks(tape))
    assert result.rejected == [(1, "TIME_AHEAD"), (2, "TIME_AHEAD")]
    statistics = with_it.statistics()
    assert (statistics.ticks_processed, statistics.ticks_rejected) == (60, 2)
    assert (statistics.late_ticks, statistics.duplicate_ticks) == (0, 0)
    assert with_it.instruments() == ["X"]
    assert with_it.open_bars("X") == without.open_bars("X")
    # Also one by one, and as columns.
    assert with_it.process_trade_tick(wrong[0]) == []
    columns = with_it.process_trade_ticks(
        instrument_id="X", prices=[1, 2], quantities=[1, 1], ts_event=[now + jump, now - SECOND]
    )
    assert columns.rejected == [(0, "TIME_AHEAD")]


def test_a_few_minutes_are_allowed_and_0_allows_every_time(api: Api) -> None:
    now = time.time_ns()
    assert api.make_data_engine().process_trade_ticks([tick(api, now + 4 * MINUTE)]).rejected == []
    strict = api.make_data_engine(max_time_jump_ns=SECOND)
    assert strict.process_trade_ticks([tick(api, now + MINUTE)]).rejected == [(0, "TIME_AHEAD")]
    unlimited = api.make_data_engine(max_time_jump_ns=0)
    assert unlimited.process_trade_ticks([tick(api, now + 200 * YEAR)]).rejected == []
    unlimited.advance_time(now + 201 * YEAR)


def test_advance_time_too_far_ahead_is_an_error_and_moves_nothing(api: Api) -> None:
    now = time.time_ns()
    engine = api.make_data_engine(bar_types=["1min"])
    engine.process_trade_tick(tick(api, now - MINUTE))
    with pytest.raises(ValueError, match="max_time_jump_ns allows 300000000000") as caught:
        engine.advance_time(now + DAY)
    assert caught.value.reason == "TIME_AHEAD"
    assert engine.process_trade_tick(tick(api, now - MINUTE + 1)) == []
    assert engine.statistics().late_ticks == 0
    assert len(engine.advance_time(now + MINUTE)) == 1


def test_the_limit_can_be_changed(remote: Api) -> None:
    now, place = time.time_ns(), remote.place("data")
    engine = remote.data.DataEngine(remote.data.DataEngineConfig(), **place)
    remote.cleanup.callback(engine.close)
    assert engine.process_trade_ticks([tick(remote, now + DAY, trade_id="7")]).rejected == [(0, "TIME_AHEAD")]
    config = remote.data.DataEngineConfig(max_time_jump_ns=0)
    changed = remote.data.DataEngine(config, **place, reconfigure=True)
    remote.cleanup.callback(changed.close)
    # The refused tick is not in the window of duplicates.
    result = changed.process_trade_ticks([tick(remote, now + DAY, trade_id="7")])
    assert (result.rejected, result.duplicates) == ([], [])
