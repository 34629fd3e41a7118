"""Files of instruments."""

from __future__ import annotations

from pathlib import Path

import pytest
from alphaforge_core.errors import InvalidArgument
from alphaforge_core.execution import Instrument, read_instruments

EXPECTED = [
    Instrument("ES", tick_size="0.25", lot_size=1, multiplier=50, currency="USD", min_commission=2),
    Instrument("XBT", tick_size="0.5", inverse=True, off_grid="round", maker_commission_rate="-0.0001"),
    Instrument("CL", session="America/New_York+18:00", negative_prices=True),
]
CSV = """\
instrument_id,tick_size,lot_size,multiplier,currency,inverse,off_grid,maker_commission_rate,min_commission,session,negative_prices
ES,0.25,1,50,USD,false,,,2,,
XBT,0.5,,,,TRUE,round,-0.0001,,,false
CL,,,,,,,,,America/New_York+18:00,true
"""
JSON = """[
  {"instrument_id": "ES", "tick_size": 0.25, "lot_size": 1, "multiplier": "50", "currency": "USD", "min_commission": 2},
  {"instrument_id": "XBT", "tick_size": "0.5", "inverse": true, "off_grid": "round", "maker_commission_rate": -0.0001},
  {"instrument_id": "CL", "session": "America/New_York+18:00", "negative_prices": true}
]"""


@pytest.mark.parametrize(("name", "text"), [("instruments.csv", CSV), ("instruments.json", JSON)])
def test_a_file_has_the_attributes_by_name(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_instruments(path) == read_instruments(str(path)) == EXPECTED


CALENDAR = "date,open,close\n2024-07-03,2024-07-03T13:30,2024-07-03T17:00\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "instrument_id,calendar\nSPY,days/XNYS.csv\nQQQ,days/XNYS.csv\n"),
        (
            "a.json",
            '[{"instrument_id": "SPY", "calendar": "days/XNYS.csv"},'
            ' {"instrument_id": "QQQ", "calendar": "days/XNYS.csv"}]',
        ),
    ],
)
def test_a_calendar_is_a_file_as_seen_from_that_of_the_instruments(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days/XNYS.csv").write_text(CALENDAR)
    path = tmp_path / name
    path.write_text(text)
    calendar = "XNYS 2024-07-03 13:30-17:00"
    assert read_instruments(path) == [Instrument("SPY", calendar=calendar), Instrument("QQQ", calendar=calendar)]
    (tmp_path / "days/XNYS.csv").write_text(CALENDAR.replace("17:00", "noon"))
    with pytest.raises(InvalidArgument, match=r"XNYS\.csv, line 2"):
        read_instruments(path)
    (tmp_path / "days/XNYS.csv").unlink()
    with pytest.raises(FileNotFoundError):
        read_instruments(path)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.csv", "instrument_id,tick_size\nES,0.25\nNQ,zero\n", "line 3: tick_size"),
        ("a.csv", "instrument_id,inverse\nES,perhaps\n", "line 2: inverse must be true or false"),
        (
            "a.csv",
            "instrument_id,inverse,negative_prices\nES,true,true\n",
            "line 2: instrument ES: an inverse contract",
        ),
        ("a.csv", "instrument_id,session\nES,New_York+25:00\n", "line 2: session 'New_York"),
        ("a.csv", "instrument_id,colour\nES,red\n", "line 2: Instrument has no attribute 'colour'"),
        ("a.csv", "tick_size\n1\n", "line 2: instrument_id is empty"),
        ("a.json", '[{"instrument_id": "ES"}, {"instrument_id": "NQ", "lot_size": 0}]', "item 2: lot_size"),
        ("a.json", '{"instrument_id": "ES"}', "expected a list of objects"),
        ("a.json", "[", "not JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, text: str, place: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=place) as caught:
        read_instruments(path)
    assert str(path) in str(caught.value)
    assert caught.value.reason == "ROW_INVALID"
