"""Maps the columns of a file to fields: by options, by a vendor's preset, or by common names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alphaforge_core.files._presets import FIELDS, PRESETS, Preset, SideMeaning, recognised, refuse_quotes
from alphaforge_core.files._report import TradeFileError

__all__ = ["Layout", "layout_of"]

# Common names, the more specific ones first. A preset takes precedence.
USUAL: Mapping[str, tuple[str, ...]] = {
    "ts_event": (
        "ts_event", "timestamp", "ts", "datetime", "date_time", "time", "trade_time", "transact_time", "exec_time",
        "created_time", "date",
    ),
    "price": ("price", "px", "trade_price", "last_price", "last"),
    "quantity": ("quantity", "qty", "size", "amount", "volume", "vol", "trade_size", "lastsize"),
    "instrument_id": ("instrument_id", "symbol", "ticker", "instrument", "instrument_name", "product_id", "pair"),
    "ts_init": ("ts_init", "ts_recv", "local_timestamp", "receive_time"),
    "aggressor_side": ("aggressor_side", "taker_side", "side", "is_buyer_maker", "isbuyermaker", "buyer_maker"),
    "trade_id": ("trade_id", "tradeid", "tid", "trdmatchid", "agg_trade_id", "id"),
}  # fmt: skip
_MEANING: Mapping[str, SideMeaning] = {
    "is_buyer_maker": "buyer_is_maker",
    "isbuyermaker": "buyer_is_maker",
    "buyer_maker": "buyer_is_maker",
    "taker_side_sell": "seller_is_taker",
    "maker_side": "maker",
}


@dataclass(frozen=True)
class Layout:
    """The position of each field among a file's columns, and the meaning of its cells."""

    names: tuple[str, ...]
    places: Mapping[str, int]
    side: SideMeaning = "aggressor"
    time_unit: str | None = None
    price_scale: int = 0
    where: Mapping[int, frozenset[str]] = field(default_factory=dict)
    instrument: str | None = None  # from the file's name
    preset: Preset | None = None

    @property
    def described(self) -> str:
        """A description such as `ts_event=time price=px`."""
        return " ".join(f"{each}={self.names[place]}" for each, place in self.places.items())


def layout_of(
    names: Sequence[str] | None,
    first_rows: Sequence[Sequence[str]],
    *,
    file: str,
    file_name: str,
    given: Mapping[str, str],
    positions: Sequence[str],
    preset: str,
    side: SideMeaning | None,
    where: Mapping[str, frozenset[str]],
    instrument: str | None,
) -> Layout:
    """Determines the meaning of each column. Raises TradeFileError, with the existing columns, if one is missing."""
    known = _preset_of(preset, names, first_rows, file) if not positions else None
    if known is None and (said := refuse_quotes(None if names is None else _lower(names), first_rows)) is not None:
        raise TradeFileError(f"{file} {said}")
    if names is None or positions:
        names = _positional(first_rows, positions, known, file)
    places, by = _places(names, known, given, file)
    of_name = _instrument_of(known, file_name) if instrument is None and "instrument_id" not in places else None
    _check(names, places, file, instrument or of_name)
    meaning: SideMeaning = known.side if known else "aggressor"
    if "aggressor_side" in places and known is None:
        meaning = _MEANING.get(names[places["aggressor_side"]].lower(), meaning)
    filters = {**(known.where if known else {}), **where}
    return Layout(
        names=tuple(names),
        places=places,
        side=side or meaning,
        time_unit=known.time_unit if known and by.get("ts_event") == "preset" else None,
        price_scale=known.price_scale if known else 0,
        where={_place(names, column, file): values for column, values in filters.items()},
        instrument=of_name,
        preset=known,
    )


def _preset_of(
    preset: str, names: Sequence[str] | None, first_rows: Sequence[Sequence[str]], file: str
) -> Preset | None:
    if preset == "none":
        return None
    if preset != "auto":
        if preset not in PRESETS:
            raise TradeFileError(f"--preset {preset}: expected auto, none, or one of {', '.join(PRESETS)}")
        known = PRESETS[preset]
        if names is not None and not set(known.columns.values()) & set(_lower(names)):
            raise TradeFileError(f"{file} has none of the columns of {preset}; it has {', '.join(names)}")
        return known
    return recognised(None if names is None else _lower(names), first_rows)


def _positional(
    first_rows: Sequence[Sequence[str]], positions: Sequence[str], known: Preset | None, file: str
) -> tuple[str, ...]:
    width = len(first_rows[0]) if first_rows else 0
    named = tuple(positions) or (known.positions if known else ())
    if not named:
        shown = ",".join(first_rows[0]) if first_rows else ""
        raise TradeFileError(
            f"{file} has no header and no known vendor's format: its first row is {shown!r}; name its columns "
            "with --columns, such as --columns ts_event,price,quantity"
        )
    if len(named) > width:
        raise TradeFileError(f"{file} has {width} columns, and --columns names {len(named)}")
    rest = (f"column{place + 1}" for place in range(len(named), width))
    return (*named, *rest)


def _places(
    names: Sequence[str], known: Preset | None, given: Mapping[str, str], file: str
) -> tuple[dict[str, int], dict[str, str]]:
    places: dict[str, int] = {}
    by: dict[str, str] = {}
    lower = _lower(names)
    in_halves = {"date", "time"} <= set(lower)
    for each in FIELDS:
        if each in given:
            places[each], by[each] = _place(names, given[each], file), "given"
        elif known is not None:
            if (column := known.columns.get(each)) is not None and column in lower:
                places[each], by[each] = _place(names, column, file), "preset"
        elif each in USUAL and not (each == "ts_event" and in_halves):
            if column := next((usual for usual in USUAL[each] if usual in lower), None):
                places[each], by[each] = _place(names, column, file), "usual"
        elif each in ("date", "time") and in_halves and "ts_event" not in places:
            places[each], by[each] = _place(names, each, file), "usual"
    if "ts_event" in places and by["ts_event"] == "given":
        places.pop("date", None)
        places.pop("time", None)
    return places, by


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _place(names: Sequence[str], column: str, file: str) -> int:
    found = [place for place, name in enumerate(names) if name == column]
    if not found:
        found = [place for place, name in enumerate(names) if name.lower() == column.strip().lower()]
    if not found:
        raise TradeFileError(f"{file} has no column {column!r}; it has {', '.join(names)}; map it with --column")
    if len(found) > 1:
        raise TradeFileError(f"{file} has the column {column!r} more than once; it has {', '.join(names)}")
    return found[0]


def _check(names: Sequence[str], places: Mapping[str, int], file: str, instrument: str | None) -> None:
    has = f"it has {', '.join(names)}"
    missing = [each for each in ("price", "quantity") if each not in places]
    if "ts_event" not in places and not {"date", "time"} <= places.keys():
        missing.insert(0, "ts_event")
    if missing:
        columns = ", ".join(map(repr, missing))
        raise TradeFileError(f"{file} has no column {columns}; {has}; map it with --column")
    if "instrument_id" not in places and instrument is None:
        raise TradeFileError(f"{file} has no column 'instrument_id'; {has}; set the instrument with --instrument")


def _instrument_of(known: Preset | None, file_name: str) -> str | None:
    if known is None or not known.instrument_in_name:
        return None
    found = re.match(known.instrument_in_name, file_name)
    return found[1] if found else None
