"""Reading any file gives trades or a TradeFileError, and no other exception."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from alphaforge_core.files import TradeFileError, read_trades
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

CSV = (
    b"instrument_id,trade_id,ts_event,price,quantity,aggressor_side\n"
    b"X,1,1723075200000,1.5,2,BUY\nX,2,1723075201000,1E-7,.5,\nX,3,2024-08-08T00:00:02Z,5.,+1,sell\n"
)


def parquet() -> bytes:
    columns = {
        "ts_event": pa.array([1723075200000, None], pa.timestamp("ms")),
        "price": pa.array(["1.5", "x"]).dictionary_encode(),
        "quantity": pa.array([1.5, None]),
    }
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trades.csv", CSV)
    return file.getvalue()


BASES = [
    CSV,
    CSV.decode().encode("utf-16"),
    CSV.replace(b",", b";"),
    b"1381095255,122.0,0.1\n1381179030,123.61,0.1\n",
    gzip.compress(CSV),
    bz2.compress(CSV),
    lzma.compress(CSV),
    pa.Codec("zstd").compress(CSV, asbytes=True),
    zipped(),
    parquet(),
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)),  # where, bytes removed, bytes inserted
    max_size=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=st.sampled_from(BASES), edits=EDITS)
@example(base=b"", edits=[])
@example(base=b"\0" * 100, edits=[])
@example(base=b'"', edits=[])
@example(base=b"a,b\n\n\n", edits=[])
@example(base=b"ts_event,price,quantity\n" + b"," * 1000, edits=[])
@example(base=b"PAR1", edits=[])
@example(base=b"PK\x03\x04", edits=[])
@pytest.mark.slow
def test_any_bytes_are_trades_or_one_kind_of_error(
    tmp_path: Path, base: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    content = bytearray(base)
    for place, gone, come in edits:
        at = int(place * len(content))
        content[at : at + gone] = come
    path = tmp_path / "trades"
    path.write_bytes(content)
    for options in ({}, {"positions": ("ts_event", "price", "quantity")}, {"sort": True}):
        said = ""
        try:
            blocks = list(read_trades(path, instrument="X", **options))
        except TradeFileError as error:
            said = str(error)
        else:
            assert all(len(block.batch) == len(block.ts_event) > 0 for block in blocks)
        assert said.isprintable()


@pytest.mark.parametrize(
    ("magic", "kind"), [(b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07", "RAR"), (b"\x89HDF\r\n", "HDF5")]
)
def test_what_can_not_be_unpacked_is_named(tmp_path: Path, magic: bytes, kind: str) -> None:
    path = tmp_path / "trades.csv"
    path.write_bytes(magic + bytes(100))
    with pytest.raises(TradeFileError, match=f"{kind} files can't be read; expected CSV or Parquet"):
        list(read_trades(path))


def test_paths_that_name_nothing_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(TradeFileError, match="no "):
            list(read_trades(path))
    with pytest.raises(TradeFileError, match="no files were given"):
        list(read_trades())
