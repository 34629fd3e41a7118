"""Batches sent in several requests have the answer of one call, wherever they are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alphaforge_client._wire.ticks import CHUNK_TICKS_MAX

from tests.support.api import Api
from tests.support.tape import SECOND

COUNT = 5 * CHUNK_TICKS_MAX + 9
CUTS = range(CHUNK_TICKS_MAX, COUNT, CHUNK_TICKS_MAX)
# Around each cut, and at both ends.
PLACES = [0, *(cut + offset for cut in CUTS for offset in (-2, 1)), COUNT - 1]


def columns() -> dict[str, Any]:
    """Returns trades a second apart, refused at PLACES; two positions after each, a tick repeats the previous one."""
    numbers = np.arange(COUNT)
    prices = 10_000 + numbers % 97
    prices[PLACES] = 0
    ids = numbers.copy()
    times = numbers * SECOND
    for place in PLACES[:-1]:
        for column in (prices, ids, times):
            column[place + 2] = column[place + 1]
    return {
        "instrument_id": "X",
        "prices": prices,
        "price_scale": 2,
        "quantities": np.full(COUNT, 5),
        "quantity_scale": 1,
        "ts_event": times,
        "trade_ids": [str(number) for number in ids],
        "sides": "BUY",
    }


REJECTED = [(place, "PRICE_NOT_POSITIVE") for place in PLACES]
DUPLICATES = [place + 2 for place in PLACES[:-1]]


def given(api: Api, form: str) -> dict[str, Any]:
    """The arguments of a call, as columns or as objects."""
    if form == "columns":
        return columns()
    batch = api.model.TradeTickBatch.from_columns(**columns())
    return {"ticks": [batch[row] for row in range(len(batch))]}


@pytest.mark.parametrize("form", ["columns", "objects"])
def test_a_large_batch_gives_the_bars_and_indices_of_one_call(api: Api, form: str) -> None:
    from alphaforge_core.data import DataEngine, DataEngineConfig

    settings: dict[str, Any] = {"bar_types": ["1min", "100tick", "5volume"]}
    expected = DataEngine(DataEngineConfig(**settings)).process_trade_ticks(**columns())
    engine = api.make_data_engine(**settings)
    result = engine.process_trade_ticks(**given(api, form))
    assert result.rejected == expected.rejected == REJECTED
    assert result.duplicates == expected.duplicates == DUPLICATES
    assert result == expected


def test_bars_that_one_answer_cannot_carry_come_with_several(api: Api) -> None:
    from alphaforge_core.data import DataEngine, DataEngineConfig

    # Each tick closes four bars. An answer has at most about 50,000, and says how many ticks are left.
    settings: dict[str, Any] = {"bar_types": ["1tick", "0.5volume", "0.25volume"]}
    given = columns() | {"prices": 10_000 + np.arange(COUNT) % 97, "trade_ids": None}
    expected = DataEngine(DataEngineConfig(**settings)).process_trade_ticks(**given)
    engine = api.make_data_engine(**settings)
    assert engine.process_trade_ticks(**given) == expected


@pytest.mark.parametrize("form", ["columns", "objects"])
def test_a_large_batch_gives_the_fills_and_indices_of_one_call(api: Api, form: str) -> None:
    x = api.execution
    engine = api.make_execution_engine()
    orders = [
        x.Order.limit("X", x.OrderSide.Sell, 1, 100 + cents / 100, x.TimeInForce.GoodTillCancel, "s")
        for cents in range(97)
    ]
    engine.submit_orders(orders)
    result = engine.process_trade_ticks(**given(api, form))
    assert result.rejected == REJECTED
    assert result.duplicates == DUPLICATES
    assert len(engine.get_fills("s")) == 2 * 97
    statistics = engine.statistics()
    assert statistics.ticks_processed == COUNT - len(REJECTED) - len(DUPLICATES)


def test_a_batch_that_closes_more_bars_than_an_answer_has_is_answered_whole(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["0.01volume", "1tick"], max_bars_per_instrument=10)
    count = 40
    prices = [0.0 if number % 7 == 3 else 10.0 for number in range(count)]
    result = engine.process_trade_ticks(
        instrument_id="X", prices=prices, quantities=[99.99] * count, ts_event=range(count)
    )
    refused = [number for number in range(count) if number % 7 == 3]
    assert result.rejected == [(number, "PRICE_NOT_POSITIVE") for number in refused]
    taken = count - len(refused)
    assert [bar.sequence for bar in result if str(bar.bar_type) == "1tick"] == list(range(1, taken + 1))
    assert [bar.sequence for bar in result if str(bar.bar_type) != "1tick"] == list(range(1, 9999 * taken + 1))
    statistics = engine.statistics()
    assert (statistics.ticks_processed, statistics.ticks_rejected) == (taken, len(refused))
