"""Every vendor's format is detected and read completely; the rows follow the vendor's documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet
import pytest
from alphaforge_core.files import PRESETS, TradeFileError, read_trades
from alphaforge_core.model import TradeTick

PAGE = Path(__file__).parents[3] / "docs/reference/files.md"
MS = 10**6


class Sample(NamedTuple):
    preset: str
    name: str
    text: str
    # (instrument, price, quantity, side, id, ts_event)
    ticks: list[tuple[str, str, str, str, str, int]]
    instrument: str | None = None
    encoding: str = "utf-8"


BINANCE_SPOT = (
    "4248,61000.01,0.5,30500.0,1735689599999,True,True\n4249,61000.02,0.25,15250.0,1735689600000123,False,True\n"
)
SAMPLES = [
    Sample(
        "alphaforge", "trades.csv",
        "instrument_id,trade_id,ts_event,ts_init,price,quantity,aggressor_side\n"
        "BTCUSDT,7,1723075200000000001,1723075200000000002,61000.01,0.5,BUY\n",
        [("BTCUSDT", "61000.01", "0.5", "BUY", "7", 1723075200000000001)],
    ),
    Sample(
        # Milliseconds to the end of 2024, microseconds from 2025 on.
        "binance-spot-trades", "BTCUSDT-trades-2025-01.csv", BINANCE_SPOT,
        [
            ("BTCUSDT", "61000.01", "0.5", "SELL", "4248", 1735689599999 * MS),
            ("BTCUSDT", "61000.02", "0.25", "BUY", "4249", 1735689600000123000),
        ],
    ),
    Sample(
        "binance-spot-aggtrades", "BTCUSDT-aggTrades-2024-12.csv",
        "26129,61000.01,0.5,100,101,1733011200000,True,True\n26130,61000.02,0.25,102,102,1733011200001,False,True\n",
        [
            ("BTCUSDT", "61000.01", "0.5", "SELL", "26129", 1733011200000 * MS),
            ("BTCUSDT", "61000.02", "0.25", "BUY", "26130", 1733011200001 * MS),
        ],
    ),
    Sample(
        "binance-futures-trades", "BTCUSDT-trades-2024-08-08.csv",
        "id,price,qty,quote_qty,time,is_buyer_maker\n1,61000.1,0.5,30500.05,1733011200000,true\n",
        [("BTCUSDT", "61000.10", "0.5", "SELL", "1", 1733011200000 * MS)],
    ),
    Sample(
        "binance-futures-trades", "BTCUSDT-trades-2019-10-01.csv", "1,61000.1,0.5,30500.05,1733011200000,true\n",
        [("BTCUSDT", "61000.10", "0.5", "SELL", "1", 1733011200000 * MS)],
    ),
    Sample(
        "binance-futures-aggtrades", "BTCUSDT-aggTrades-2024-08-08.csv",
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        "7,61000.1,0.5,1,2,1733011200000,false\n",
        [("BTCUSDT", "61000.10", "0.5", "BUY", "7", 1733011200000 * MS)],
    ),
    Sample(
        # Newest first, seconds with a fraction.
        "bybit", "BTCUSDT2020-03-25.csv.gz",
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional\n"
        "1585180700.0648,BTCUSDT,Buy,0.042,6698.5,ZeroMinusTick,b,2.81337e+10,0.042,281.337\n"
        "1585180699.5,BTCUSDT,Sell,0.1,6698.0,ZeroMinusTick,a,6.698e+10,0.1,669.8\n",
        [
            ("BTCUSDT", "6698.00", "0.1", "SELL", "a", 1585180699500000000),
            ("BTCUSDT", "6698.50", "0.042", "BUY", "b", 1585180700064800000),
        ],
    ),
    Sample(
        "bybit-spot", "BTCUSDT_2024-08-08.csv", "id,timestamp,price,volume,side\n1,1723075200123,61000.1,0.5,sell\n",
        [("BTCUSDT", "61000.10", "0.5", "SELL", "1", 1723075200123 * MS)],
    ),
    Sample(
        "kraken", "XBTUSD.csv", "1381095255,122.0,0.1\n1381179030,123.61,0.05\n",
        [
            ("XBTUSD", "122.00", "0.1", "NONE", "", 1381095255 * 10**9),
            ("XBTUSD", "123.61", "0.05", "NONE", "", 1381179030 * 10**9),
        ],
    ),
    Sample(
        # The side is the maker's.
        "coinbase", "trades.csv",
        "trade_id,side,size,price,time,product_id\n74,buy,0.5,100.1,2024-08-08T00:00:00.123456Z,BTC-USD\n",
        [("BTC-USD", "100.10", "0.5", "SELL", "74", 1723075200123456000)],
    ),
    Sample(
        "tardis", "binance_trades_2020-04-01_BTCUSDT.csv.gz",
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
        "binance,BTCUSDT,1585699200245000,1585699200250000,9,buy,6424.5,0.3\n",
        [("BTCUSDT", "6424.50", "0.3", "BUY", "9", 1585699200245000000)],
    ),
    Sample(
        # Prices in billionths; `A` sold into the bid. Only trades are taken.
        "databento", "glbx-mdp3.csv",
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n"
        "1609160400099150057,1609160400098821953,0,1,5482,T,A,0,3720250000000,1,128,18678,70362,ESH1\n"
        "1609160400099150058,1609160400098821954,0,1,5482,A,B,0,3720250000000,1,128,18678,70363,ESH1\n",
        [("ESH1", "3720.25", "1", "SELL", "70362", 1609160400098821953)],
    ),
    Sample(
        # pretty_ts and pretty_px.
        "databento", "glbx-mdp3-pretty.csv",
        "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n"
        "2020-12-28T13:00:00.099150057Z,2020-12-28T13:00:00.098821953Z,0,1,5482,T,B,0,3720.250000000,1,128,8,62,ESH1\n",
        [("ESH1", "3720.25", "1", "BUY", "62", 1609160400098821953)],
    ),
    Sample(
        "polygon", "2024-01-02.csv.gz",
        "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,"
        'trf_id,trf_timestamp\nA,"12,37",0,11,52983525029461,1704186000009000000,139.03,1,1704186000009100000,50,1,0,0\n',
        [("A", "139.03", "50", "NONE", "52983525029461", 1704186000009000000)],
    ),
    Sample(
        "kaiko", "bfnx_btcusd_trades.csv",
        "id,exchange,symbol,date,price,amount,sell\n1,bfnx,btcusd,1577836800000,7000.1,0.5,true\n",
        [("btcusd", "7000.10", "0.5", "SELL", "1", 1577836800000 * MS)],
    ),
    Sample(
        "bitstamp", "transactions.csv", "date,tid,price,amount,type\n1577836800,5,7000.1,0.5,1\n",
        [("BTCUSD", "7000.10", "0.5", "SELL", "5", 1577836800 * 10**9)],
        instrument="BTCUSD",
    ),
    Sample(
        # Headers in two languages, in GBK.
        "okx", "BTC-USDT-SWAP-trades-2024-08-08.csv",
        "trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间\n1,buy,2.0,7000.1,1577836800000\n",
        [("BTC-USDT-SWAP", "7000.10", "2", "BUY", "1", 1577836800000 * MS)],
        encoding="gbk",
    ),
]  # fmt: skip


def written(folder: Path, sample: Sample) -> Path:
    path = folder / sample.name
    path.write_bytes(sample.text.encode(sample.encoding))
    return path


def shown(tick: TradeTick) -> tuple[str, str, str, str, str, int]:
    side = tick.aggressor_side
    return tick.instrument_id, str(tick.price), str(tick.quantity), side, tick.trade_id, tick.ts_event


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_a_vendors_file_is_recognised_and_read_whole(tmp_path: Path, sample: Sample) -> None:
    path = written(tmp_path, sample)
    encoding = None if sample.encoding == "utf-8" else sample.encoding
    for preset in ("auto", sample.preset):
        reader = read_trades(
            path, instrument=sample.instrument, preset=preset, encoding=encoding, max_jump_ns=0, strict=True
        )
        assert [shown(block.batch[row]) for block in reader for row in range(len(block.batch))] == sample.ticks
        assert not reader.report.left_out
        if sample.preset != "alphaforge":
            assert any(f"--preset {sample.preset})" in note for note in reader.report.notes)


def test_every_preset_has_a_sample_and_a_line_on_the_page() -> None:
    assert {sample.preset for sample in SAMPLES} == set(PRESETS)
    assert set(re.findall(r"^\| [^|]+ \| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)) == set(PRESETS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dukascopy.csv", "Gmt time,Ask,Bid,AskVolume,BidVolume\n01.01.2024 22:00:00.123,1.10418,1.10412,1.5,1.1\n"),
        ("EURUSD-2024-01.csv", "EUR/USD,20240101 22:00:00.123,1.10412,1.10418\n"),
        ("quotes.csv", "timestamp,bid_price,bid_size,ask_price,ask_size\n1723075200000,1,2,3,4\n"),
    ],
)
def test_files_of_quotes_are_said_to_be_quotes(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(TradeFileError, match=r"holds quotes \(bid and ask\), not trades"):
        list(read_trades(path, instrument="X"))


def test_databento_parquet_has_timestamps_and_prices(tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    times = pa.array([1609160400098821953], pa.timestamp("ns", "UTC"))
    columns = {
        "ts_recv": times, "ts_event": times, "rtype": [0], "action": ["T"], "side": ["A"], "price": [3720.25],
        "size": pa.array([1], pa.uint32()), "sequence": pa.array([7], pa.uint32()), "symbol": ["ESH1"],
    }  # fmt: skip
    pyarrow.parquet.write_table(pa.table(columns), path)
    [block] = read_trades(path)
    assert shown(block.batch[0]) == ("ESH1", "3720.25", "1", "SELL", "7", 1609160400098821953)
