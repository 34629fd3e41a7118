"""Columns of tables in the form that the core decodes: numbers, sides, names and ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alphaforge_core.files._csv import UNDECODABLE
from alphaforge_core.files._presets import SideMeaning
from alphaforge_core.files._report import TradeFileError

__all__ = ["SIDE_NONE", "check_meaning", "name_codes", "number_column", "side_codes", "text_buffers", "texts"]

SIDE_NONE, _BUY, _SELL = 1, 2, 3
_WORDS = {
    _BUY: ("buy", "b", "bid", "buyer", "1", "+1", "1.0", "long", "bought"),
    _SELL: ("sell", "s", "a", "ask", "seller", "-1", "-1.0", "short", "sold", "offer"),
    SIDE_NONE: ("", "none", "n", "na", "n/a", "null", "unknown", "unk", "0", "u", "-"),
}
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")
_BY_MEANING: Mapping[SideMeaning, Mapping[str, int]] = {
    "aggressor": {word: code for code, words in _WORDS.items() for word in words},
    "maker": {word: {_BUY: _SELL, _SELL: _BUY}.get(code, code) for code, words in _WORDS.items() for word in words},
    "buyer_is_maker": dict.fromkeys(_TRUE, _SELL) | dict.fromkeys(_FALSE, _BUY) | {"": SIDE_NONE},
    "seller_is_taker": dict.fromkeys(_TRUE, _SELL) | dict.fromkeys(_FALSE, _BUY) | {"": SIDE_NONE},
    "one_is_sell": {"0": _BUY, "1": _SELL, "": SIDE_NONE},
}
_EXACT = pa.decimal128(38, 9)

Mask = npt.NDArray[np.bool_]


def texts(column: pa.Array) -> pa.Array:
    """As plain strings, "" for null."""
    return (column if pa.types.is_string(column.type) else column.cast(pa.string())).fill_null("")


def text_buffers(column: pa.Array) -> tuple[Any, Any]:
    """Offsets and bytes of strings, without copying."""
    _, offsets, data = column.buffers()
    at = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return at, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def number_column(column: pa.Array, scale: int) -> Any:
    """Numbers in a form that the core decodes exactly; with a scale, integers mean mantissa / 10^scale."""
    kind = column.type
    if pa.types.is_floating(kind):
        if scale and pc.any(pc.not_equal(column, pc.round(column))).as_py():
            scale = 0  # the scale applies to integers only
        if not scale:
            narrow = pa.types.is_float32(kind)
            return np.ascontiguousarray(column.cast(pa.float32() if narrow else pa.float64()).fill_null(np.nan))
    if pa.types.is_decimal(kind) and not scale and (mantissas := _mantissas(column)) is not None:
        return mantissas
    written = texts(column)
    if scale:
        # The core's parser applies the scale. A price with a decimal point is not an integer and stays unchanged.
        is_integer = pc.match_substring_regex(written, r"^[+-]?\d+$")
        written = pc.if_else(is_integer, pc.binary_join_element_wise(written, f"e-{scale}", ""), written)
    return text_buffers(written)


def _mantissas(column: pa.Array) -> npt.NDArray[np.int64] | None:
    """Decimals of at most nine places in 64 bits; None for other types."""
    if column.null_count:
        return None
    try:
        exact = column.cast(_EXACT)
    except pa.ArrowInvalid:
        return None
    halves = np.frombuffer(exact.buffers()[1], np.int64).reshape(-1, 2)[exact.offset : exact.offset + len(exact)]
    low, high = halves[:, 0], halves[:, 1]
    return np.ascontiguousarray(low) if bool(((low >> 63) == high).all()) else None


def name_codes(column: pa.Array) -> tuple[list[str | None], npt.NDArray[np.uint32]]:
    """The distinct names (None for one that is not UTF-8), and the position of each row's name among them."""
    coded = texts(column).dictionary_encode()
    names: list[str | None] = []
    for each in coded.dictionary:
        try:
            name = each.as_py()
        except UnicodeDecodeError:
            name = UNDECODABLE
        names.append(None if UNDECODABLE in name else name)
    return names, np.asarray(coded.indices).astype(np.uint32)


def side_codes(column: pa.Array, meaning: SideMeaning) -> tuple[npt.NDArray[np.uint8], list[tuple[int, str]], Mask]:
    """The code of each row's side; the first rows with an unknown side, with their sides; and all such rows."""
    words, index = name_codes(column)
    known = _BY_MEANING[meaning]
    codes = np.array([known.get("?" if word is None else word.strip().lower(), 0) for word in words], np.uint8)[index]
    bad = codes == 0
    first = [(int(row), words[index[row]] or "?") for row in np.flatnonzero(bad)[:10]]
    return np.where(bad, np.uint8(SIDE_NONE), codes), first, bad


def check_meaning(text: str) -> SideMeaning:
    """Raises TradeFileError for an unknown meaning."""
    for known in _BY_MEANING:
        if text == known:
            return known
    raise TradeFileError(f"--side {text}: expected one of {', '.join(_BY_MEANING)}")
