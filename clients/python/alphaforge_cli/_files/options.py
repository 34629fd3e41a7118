"""The options of every verb that reads files of trades, and the reader they make."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer
from alphaforge_core.files import FIELDS, PRESETS, ReadOptions, SideMeaning, TimeUnit, TradeReader, parse_time

__all__ = ["FileInput", "reads_files", "span_ns"]

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(ns|us|ms|s|min|h|d)?")
_SPAN_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(KiB|MiB|GiB|k|M|G)?", re.IGNORECASE)
_SIZE_BYTES = {"k": 2**10, "m": 2**20, "g": 2**30}


class FileInput:
    """The files and options of one command."""

    def __init__(self, paths: list[str], options: ReadOptions) -> None:
        self.paths = paths
        self.options = options

    def with_options(self, **changes: Any) -> ReadOptions:
        """The options, with those that the command sets itself."""
        return replace(self.options, **changes)

    def reader(self, **changes: Any) -> TradeReader:
        """A reader of the files."""
        return TradeReader(self.paths, self.with_options(**changes))


def file_input(
    files: Annotated[
        list[str],
        typer.Argument(help="CSV or Parquet, plain or compressed: paths, globs, folders, or - for standard input."),
    ],
    instrument: Annotated[
        str | None,
        typer.Option(
            help="Instrument, if the files don't have that column; otherwise only rows of this instrument are read."
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help=f"Vendor format: auto, none, {', '.join(PRESETS)}.")] = "auto",
    column: Annotated[
        list[str] | None, typer.Option(help="Name of a field's column in the files, such as price=px. Repeatable.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of files without a header, such as ts_event,price,quantity.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only rows with one of these values in a column, such as action=T,F. Repeatable."),
    ] = None,
    time_unit: Annotated[
        TimeUnit | None, typer.Option(help="Unit of integer times. Default: detected from their size.")
    ] = None,
    side: Annotated[
        SideMeaning | None, typer.Option(help="Meaning of the side column. Default: as the format defines it.")
    ] = None,
    price_scale: Annotated[int | None, typer.Option(help="Decimal places of integer prices.", min=0, max=18)] = None,
    quantity_scale: Annotated[int, typer.Option(help="Decimal places of integer quantities.", min=0, max=18)] = 0,
    delimiter: Annotated[str | None, typer.Option(help="Column delimiter. Default: detected.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Text encoding, such as latin-1. Default: UTF-8 or UTF-16.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Only trades at or after this time, such as 2024-08-08T09:30Z.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Only trades before this time.")] = None,
    limit: Annotated[int | None, typer.Option(help="Maximum number of rows to read.", min=1)] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Stop at the first row that is invalid, late or has a wrong clock (see --max-jump)."
        ),
    ] = False,
    round_numbers: Annotated[
        bool,
        typer.Option(
            "--round", help="Round numbers with more than nine decimal places instead of skipping their rows."
        ),
    ] = False,
    max_jump: Annotated[
        str,
        typer.Option(
            help="Skip rows whose time is this far ahead of both neighbours (a wrong clock), such as 30min. 0: no "
            "check."
        ),
    ] = "1h",
    sort: Annotated[bool, typer.Option("--sort", help="Sort the trades by time first.")] = False,
    memory: Annotated[str, typer.Option(help="Memory for sorting. Larger inputs use temporary files.")] = "256MiB",
) -> FileInput:
    """The input that the options describe."""
    options = ReadOptions(
        instrument=instrument,
        columns=_renamed(column or []),
        positions=tuple(name.strip() for name in columns.split(",")) if columns else (),
        preset=preset,
        time_unit=time_unit,
        side=side,
        where=_filters(where or []),
        price_scale=price_scale,
        quantity_scale=quantity_scale,
        delimiter={"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter),
        encoding=encoding,
        start=_time("--start", start),
        end=_time("--end", end),
        limit=limit,
        strict=strict,
        round_numbers=round_numbers,
        max_jump_ns=span_ns("--max-jump", max_jump),
        sort=sort,
        memory_bytes=_bytes("--memory", memory),
    )
    if preset not in ("auto", "none", *PRESETS):
        raise typer.BadParameter(f"--preset {preset}: expected auto, none or one of {', '.join(PRESETS)}")
    return FileInput(files, options)


def reads_files(verb: Callable[..., None]) -> Callable[..., None]:
    """Decorates a command with the options above, which arrive as a FileInput in its first parameter."""
    ours = inspect.signature(file_input, eval_str=True).parameters
    first, *theirs = inspect.signature(verb, eval_str=True).parameters.values()
    names = {parameter.name for parameter in theirs}

    def command(**given: Any) -> None:
        own = {name: given.pop(name) for name in ours}
        verb(**{first.name: file_input(**own)}, **given)

    taken = [parameter for parameter in ours.values() if parameter.name not in names]
    required = [each for each in (*taken, *theirs) if each.default is inspect.Parameter.empty]
    optional = [each for each in (*theirs, *taken) if each.default is not inspect.Parameter.empty]
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*required, *optional)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__name__, command.__doc__ = verb.__name__, verb.__doc__
    return command


def _renamed(given: list[str]) -> dict[str, str]:
    renamed = {}
    for text in given:
        ours, separator, theirs = text.partition("=")
        if not separator or ours not in FIELDS or not theirs:
            raise typer.BadParameter(
                f"--column {text!r}: expected OURS=THEIRS, where OURS is one of {', '.join(FIELDS)}"
            )
        renamed[ours] = theirs
    return renamed


def _filters(given: list[str]) -> Mapping[str, frozenset[str]]:
    filters: dict[str, frozenset[str]] = {}
    for text in given:
        column, separator, values = text.partition("=")
        if not separator or not column:
            raise typer.BadParameter(f"--where {text!r}: COLUMN=VALUE, or COLUMN=VALUE,VALUE")
        filters[column] = frozenset(value.strip() for value in values.split(","))
    return filters


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    nanos = parse_time(text)
    if nanos is None:
        raise typer.BadParameter(f"{option} {text!r}: expected a time such as 2024-08-08 or 2024-08-08T09:30:00Z")
    return nanos


def span_ns(option: str, text: str) -> int:
    """A span such as 1h, 30min or 500ms in nanoseconds; 0 needs no unit."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or (found[2] is None and float(found[1]) != 0):
        raise typer.BadParameter(f"{option} {text!r}: expected a duration such as 1h, 30min or 500ms, or 0")
    return int(float(found[1]) * _SPAN_NS[found[2] or "s"])


def _bytes(option: str, text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{option} {text!r}: expected a size such as 256MiB or 1GiB")
    return int(float(found[1]) * _SIZE_BYTES.get((found[2] or "").lower()[:1], 1))
