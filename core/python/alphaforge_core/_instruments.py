"""Files of instruments."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alphaforge_core.calendars import read_calendar
from alphaforge_core.errors import AlphaForgeError, InvalidArgument
from alphaforge_core.model import TradingCalendar

if TYPE_CHECKING:
    from alphaforge_core.execution import Instrument

__all__ = ["read_instruments"]

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def read_instruments(path: str | os.PathLike[str]) -> list[Instrument]:
    """The instruments in a CSV file, whose header names attributes of Instrument, or in a JSON file, a list of objects.

    Empty fields are not set. A calendar is the path of its file (see read_calendar), as seen from the file of
    instruments. Raises OSError; InvalidArgument (a ValueError) that names the file and the line or item.
    """
    path = Path(path)
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path)
    # Read once for all instruments that have it.
    calendar = cache(lambda name: read_calendar(path.parent / name))
    return [_instrument(f"{path}, {place}", row, calendar) for place, row in rows]


def _csv_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        return [(f"line {reader.line_num}", row) for row in reader]


def _json_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        # Keeps numbers exactly as written.
        items = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except ValueError as error:
        raise InvalidArgument(f"{path}: not JSON: {error}", reason="ROW_INVALID") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidArgument(f"{path}: expected a list of objects", reason="ROW_INVALID")
    return [(f"item {number}", item) for number, item in enumerate(items, start=1)]


def _instrument(place: str, row: Mapping[str, Any], calendar: Callable[[str], TradingCalendar]) -> Instrument:
    # Imported here because alphaforge_core.execution imports this module.
    from alphaforge_core.execution import Instrument

    given = {str(name).strip(): value for name, value in row.items() if value not in (None, "")}
    for name in ("inverse", "negative_prices"):
        truth = given.get(name)
        if not isinstance(truth, str):
            continue
        if truth.strip().lower() not in _TRUTHS:
            raise InvalidArgument(f"{place}: {name} must be true or false, not {truth}", reason="ROW_INVALID")
        given[name] = _TRUTHS[truth.strip().lower()]
    try:
        if "calendar" in given:
            given["calendar"] = calendar(str(given["calendar"]))
        return Instrument(**{"instrument_id": "", **given})
    except (AlphaForgeError, TypeError) as error:
        raise InvalidArgument(f"{place}: {error}", reason="ROW_INVALID") from None
