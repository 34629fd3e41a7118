"""Bars of instruments whose prices may be 0 and below, in process and remote (rule 2.18)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.tape import DAY, SECOND

START = 19_000 * DAY


def trades(api: Api, tape: str, name: str = "X") -> list[Any]:
    """`price x quantity`, a second apart; `|` between them."""
    made = []
    for number, text in enumerate(tape.split("|")):
        price, quantity = (part.strip() for part in text.split("x"))
        ts = START + number * SECOND
        made.append(api.model.TradeTick(name, price, quantity, "BUY", "", ts, ts))
    return made


def shown(bar: Any) -> str:
    """`open high low close x volume = value @ vwap`."""
    numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.value, bar.vwap]
    *prices, volume, value, vwap = (Decimal(str(number)).normalize() for number in numbers)
    return f"{' '.join(f'{price:f}' for price in prices)} x {volume:f} = {value:f} @ {vwap:f}"


BARS: list[tuple[str, str, str, list[str]]] = [
    ("oil in April 2020: a time bar falls through 0", "4s",
     "18 x 1 | 1.5 x 2 | 0 x 3 | -40.32 x 1 | -37.63 x 5",
     ["18 18 -40.32 -40.32 x 7 = -19.32 @ -2.76"]),
    ("a tick bar below 0", "3tick", "-3 x 1 | -1 x 1 | -2 x 2", ["-3 -1 -3 -2 x 4 = -8 @ -2"]),
    ("volume bars share a trade at its price", "2volume", "-3 x 1 | -5 x 3 | 1 x 9",
     ["-3 -3 -5 -5 x 2 = -8 @ -4", "-5 -5 -5 -5 x 2 = -10 @ -5", *["1 1 1 1 x 2 = 2 @ 1"] * 4]),
    ("dollar bars count the size of the price, and a trade at 0 adds nothing", "100dollar",
     "30 x 1 | -30 x 2 | 0 x 70 | -5 x 4",
     ["30 30 -30 -5 x 75 = -40 @ -0.533333333"]),
    ("a dollar bar takes what it lacks of a trade below 0", "100dollar", "40 x 1 | -20 x 9",
     ["40 40 -20 -20 x 4 = -20 @ -5", "-20 -20 -20 -20 x 5 = -100 @ -20"]),
    ("a range bar spans 0", "3range", "1 x 1 | -1 x 1 | -2 x 1 | 5 x 1", ["1 1 -2 -2 x 3 = -2 @ -0.666666667"]),
    ("a spread at 0 has bars too", "2tick", "0 x 1 | 0 x 2", ["0 0 0 0 x 3 = 0 @ 0"]),
]  # fmt: skip


@pytest.mark.parametrize(("bar_type", "tape", "bars"), [case[1:] for case in BARS], ids=[case[0] for case in BARS])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_bars(api: Api, bar_type: str, tape: str, bars: list[str], one_by_one: bool) -> None:
    engine = api.make_data_engine(bar_types=[bar_type], negative_price_instruments=["X"])
    ticks = trades(api, tape)
    batches = [[tick] for tick in ticks] if one_by_one else [ticks]
    closed = [bar for batch in batches for bar in engine.process_trade_ticks(batch)]
    assert [shown(bar) for bar in closed] == bars
    assert [shown(bar) for bar in engine.get_bars("X", bar_type)] == bars
    assert engine.statistics().ticks_rejected == 0


def test_other_instruments_are_as_before(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"], negative_price_instruments=["SPREAD"])
    result = engine.process_trade_ticks(trades(api, "1 x 1 | 0 x 1 | -1 x 1 | 2 x 1"))
    assert result.rejected == [(1, "PRICE_NOT_POSITIVE"), (2, "PRICE_NOT_POSITIVE")]
    assert len(result) == 2
    assert len(engine.process_trade_ticks(trades(api, "-1 x 1", "SPREAD"))) == 1
    assert engine.statistics().ticks_rejected == 2


def test_what_is_out_of_range_stays_refused(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1tick"], negative_price_instruments=["X"])
    for price in ("nan", "-inf", "-9223372036.854775809"):
        with pytest.raises(ValueError):
            trades(api, f"{price} x 1")
    result = engine.process_trade_ticks(trades(api, "-9223372036.854775808 x 1 | -9 x 100000000000000000000 | -1 x 0"))
    assert result.rejected == [(0, "PRICE_NOT_POSITIVE"), (1, "VALUE_OVERFLOW"), (2, "QUANTITY_NOT_POSITIVE")]
    (bar,) = engine.process_trade_ticks(trades(api, "-9223372036.854775807 x 1"))
    assert bar.low == Decimal("-9223372036.854775807")


def test_sums_do_not_wrap(api: Api) -> None:
    """Values that cancel out hide no overflow of one bar, and at 0 a volume may be greater than any value."""
    most = "17000000000"  # of the 1.7e20 at a price of 1e10 / 1.7
    engine = api.make_data_engine(bar_types=["1day", "3tick"], negative_price_instruments=["X"])
    tape = f"-9000000000 x {most} | 9000000000 x {most} | 9000000000 x {most} | 9000000000 x {most}"
    result = engine.process_trade_ticks(trades(api, tape))
    assert result.rejected == [(3, "VALUE_OVERFLOW")]
    huge = "1" + "0" * 29
    result = engine.process_trade_ticks(trades(api, f"0 x {huge} | 0 x {huge} | 1 x 1"))
    assert result.rejected == [(1, "VALUE_OVERFLOW")]


def test_the_least_number_of_128_bits_is_no_value(api: Api) -> None:
    """Its opposite does not fit, and nobody could read it: so neither a trade nor a bar has it."""
    engine = api.make_data_engine(bar_types=["1day"], negative_price_instruments=["X"])
    price, whole, half = "-4611686018.427387904", "36893488147.419103232", "18446744073.709551616"
    result = engine.process_trade_ticks(trades(api, f"{price} x {whole} | {price} x {half} | {price} x {half}"))
    assert result.rejected == [(0, "VALUE_OVERFLOW"), (2, "VALUE_OVERFLOW")]
    assert [bar.value for bar in engine.open_bars("X")] == [Decimal("-85070591730234615865.843651857942052864")]


def test_late_trades_correct_a_bar_below_0(api: Api) -> None:
    engine = api.make_data_engine(
        bar_types=["1s"], allowed_lateness_ns=DAY, fill_gaps=True, negative_price_instruments=["X"]
    )
    first, second, third = trades(api, "-2 x 1 | -3 x 1 | 4 x 1")
    engine.process_trade_ticks([first, third])
    bars = engine.process_trade_ticks([second])
    assert [(shown(bar), bar.revision, bar.is_gap_fill) for bar in bars] == [("-3 -3 -3 -3 x 1 = -3 @ -3", 1, False)]


def test_bars_of_bars_have_signed_prices(api: Api) -> None:
    engine = api.make_data_engine(bar_types=["1s", "4s"], negative_price_instruments=["X"])
    engine.process_trade_ticks(trades(api, "1 x 1 | -3 x 2 | 0 x 5 | -2 x 1 | 9 x 1"))
    longer = api.data.combine_bars(engine.get_bars("X", "1s"), "4s")
    assert longer == engine.get_bars("X", "4s")
    assert [shown(bar) for bar in longer] == ["1 1 -3 -2 x 9 = -7 @ -0.777777778"]


def test_names_are_added_to_an_engine_and_never_removed(remote: Api) -> None:
    data, place = remote.data, remote.place("data")
    settings: list[dict[str, Any]] = [
        {"bar_types": ["1tick"]}, {"negative_price_instruments": ["X"]}, {"negative_price_instruments": ["Y"]}, {},
    ]  # fmt: skip
    taken = []
    for given in settings:
        with data.DataEngine(data.DataEngineConfig(**given), **place) as engine:
            taken.append([len(engine.process_trade_ticks(trades(remote, "-1 x 1", name))) for name in "XYZ"])
    assert taken == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    other = data.DataEngine(data.DataEngineConfig(negative_price_instruments=["Z"]), **place, reconfigure=True)
    remote.cleanup.callback(other.close)
    assert [len(other.process_trade_ticks(trades(remote, "-1 x 1", name))) for name in "XYZ"] == [1, 1, 1]


def test_in_process_names_are_added_by_reconfigure() -> None:
    from alphaforge_core.data import DataEngine, DataEngineConfig
    from alphaforge_core.model import TradeTick

    engine = DataEngine(DataEngineConfig(bar_types=["1tick"], negative_price_instruments=["X"]))
    engine.reconfigure(DataEngineConfig(bar_types=["1tick"], negative_price_instruments=["Y", "Y"]))
    taken = [len(engine.process_trade_tick(TradeTick(name, -1, 1, "NONE", "", START))) for name in "XYZ"]
    assert taken == [1, 1, 0]
    many = [f"N{number}" for number in range(999)]
    with pytest.raises(ValueError, match=r"1001 names; expected at most 1000"):
        engine.reconfigure(DataEngineConfig(negative_price_instruments=many))
    assert engine.process_trade_tick(TradeTick("N1", -1, 1, "NONE", "", START)) == []
