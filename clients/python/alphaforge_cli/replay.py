"""`alphaforge replay`: a file of trades through the data service."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from alphaforge_client.data import BarList, DataEngine, DataEngineConfig
from alphaforge_core.model import Bar, BarType, TradeTickBatch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from alphaforge_cli.tables import bars_table, output, totals_table
from alphaforge_cli.trades import Columns, TimeUnit, TradeBlock, TradeFile, TradeFileError

__all__ = ["paced", "replay", "speed_multiple"]

PACE_SECONDS = 0.05
# A batch waits for its turn on a busy service rather than give the replay up.
BATCH_SECONDS_MAX = 60.0
# Pieces grow and shrink so that an answer carries about so many bars.
ANSWER_BARS = 10_000
PIECE_TICKS_FIRST = 512
PIECE_TICKS_MAX = 16_384
ERRORS = Console(stderr=True, highlight=False, soft_wrap=True)


class BarTotals:
    """What one bar type came to: closed bars are summed and forgotten but for the last ones, which are shown."""

    def __init__(self, shown: int) -> None:
        self.count = 0
        self.volume = Decimal(0)
        self.last: deque[Bar] = deque(maxlen=shown)

    def add(self, bar: Bar) -> None:
        """Counts a closed bar."""
        self.count += 1
        self.volume += bar.volume.as_decimal()
        self.last.append(bar)


def replay(
    file: Annotated[
        Path, typer.Argument(help="Trades: .csv, .csv.gz or .parquet, or a folder that was recorded.", exists=True)
    ],
    instrument: Annotated[
        str | None, typer.Option(help="Names the instrument of a file without that column; else selects its rows.")
    ] = None,
    bars: Annotated[str, typer.Option(help="Bar types, comma separated.")] = "1min",
    speed: Annotated[str, typer.Option(help="max, or a multiple of the market's own pace such as 1x or 10x.")] = "max",
    limit: Annotated[int | None, typer.Option(help="Stop after so many rows.", min=1)] = None,
    engine: Annotated[
        str | None, typer.Option(help="The engine to feed; without it, one of its own, dropped afterwards.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Empty the engine first (with --engine).")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop before the block of the first bad row.")] = False,
    show: Annotated[int, typer.Option(help="Closed bars to show of each type, the newest.", min=0)] = 5,
    column: Annotated[
        list[str] | None, typer.Option(help="What the file calls a column, such as price=px; may be repeated.")
    ] = None,
    time_unit: Annotated[TimeUnit, typer.Option(help="Of the file's times, where they are integers.")] = "ns",
    target: Annotated[str | None, typer.Option(help="The data service's address.")] = None,
) -> None:
    """Send a file of trades to the data service in batches and print the bars it makes of them.

    The tables go to stdout and are the same at every replay; progress, bad rows and the rate go to stderr. Ends with
    status 1 where the file can't be read to its end, or not as --strict wants it; what came before has been applied.
    """
    if reset and engine is None:
        raise typer.BadParameter("--reset empties a named engine; name it by --engine")
    multiple = speed_multiple(speed)
    bar_types = list(dict.fromkeys(str(BarType(text.strip())) for text in bars.split(",")))
    columns = _columns(column or [])
    files = [TradeFile(path, columns, instrument, None, strict, time_unit) for path in _paths(file)]
    name = engine or f"replay-{uuid.uuid4().hex[:12]}"
    # Not the engine's own context manager: that would stop an engine which others use.
    config = DataEngineConfig(bar_types=bar_types)
    with closing(DataEngine(config, name=name, target=target, timeout=BATCH_SECONDS_MAX)) as data:
        try:
            if reset:
                data.reset()
            _run(_Feed(data, {name: BarTotals(show) for name in bar_types}), files, limit, multiple)
        finally:
            if engine is None:
                data.drop()


@dataclass
class _Feed:
    """Sends batches to an engine and adds up what comes back."""

    data: DataEngine
    totals: dict[str, BarTotals]
    sent: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    instruments: dict[str, None] = field(default_factory=dict)
    _piece_ticks: int = PIECE_TICKS_FIRST

    def send(self, batch: TradeTickBatch) -> None:
        """In pieces: a few ticks of great volume may close more bars than one answer can carry."""
        first = 0
        while first < len(batch):
            piece = batch[first : first + self._piece_ticks]
            result = self.data.process_batch(piece)
            self._add(piece, result)
            first += len(piece)
            fitting = len(piece) * ANSWER_BARS // max(1, len(result))
            self._piece_ticks = max(1, min(fitting, 2 * self._piece_ticks, PIECE_TICKS_MAX))

    def _add(self, piece: TradeTickBatch, result: BarList) -> None:
        self.sent += len(piece)
        self.left_out.update(reason for _, reason in result.rejected)
        self.instruments.update(dict.fromkeys(piece.instrument_ids))
        for bar in result:
            self.totals[str(bar.bar_type)].add(bar)

    def open_bars(self) -> list[Bar]:
        """The unfinished bars of the types asked for."""
        return [
            bar for name in self.instruments for bar in self.data.open_bars(name) if str(bar.bar_type) in self.totals
        ]


def _run(feed: _Feed, files: list[TradeFile], limit: int | None, multiple: float | None) -> None:
    duplicates_before = feed.data.statistics().duplicate_ticks
    started = time.perf_counter()
    try:
        for block in _with_progress(files, limit, multiple):
            feed.send(block.batch)
        seconds = time.perf_counter() - started
        if (instrument := files[0].instrument) is not None and not any(trades.rows for trades in files):
            raise TradeFileError(f"no row has the instrument {instrument!r}")
        feed.left_out["DUPLICATE"] = feed.data.statistics().duplicate_ticks - duplicates_before
        _print_bars(feed.totals, feed.open_bars())
        _report_ticks(feed.sent, feed.left_out, seconds)
    finally:
        for trades in files:
            _report_bad_rows(trades)


def _print_bars(totals: dict[str, BarTotals], open_bars: list[Bar]) -> None:
    console = output()
    for name, total in totals.items():
        console.print(bars_table(name, total.last, [bar for bar in open_bars if str(bar.bar_type) == name]))
    console.print(totals_table({name: (total.count, total.volume) for name, total in totals.items()}, open_bars))


def _report_bad_rows(trades: TradeFile) -> None:
    for line, problem in trades.bad_rows:
        ERRORS.print(f"{trades.path}:{line}: {problem}", style="yellow", markup=False)
    if trades.bad_row_count:
        ERRORS.print(f"{trades.bad_row_count:,} bad rows left out, the first {len(trades.bad_rows)} are above")


def _report_ticks(sent: int, left_out: Counter[str], seconds: float) -> None:
    for reason, count in left_out.items():
        if count:
            ERRORS.print(f"{count:,} ticks left out by the engine: {reason}", style="yellow")
    ERRORS.print(f"{sent:,} ticks in {seconds:.2f} s, {sent / max(seconds, 1e-9):,.0f} ticks/s")


def _with_progress(files: list[TradeFile], limit: int | None, multiple: float | None) -> Iterator[TradeBlock]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERRORS, transient=True) as progress:
        task = progress.add_task("", total=len(files))

        def blocks() -> Iterator[TradeBlock]:
            left = limit
            for number, trades in enumerate(files):
                trades.limit = left
                for block in trades.blocks():
                    progress.update(task, description=trades.path.name, completed=number + trades.fraction_read)
                    yield block
                left = None if left is None else left - trades.rows
                if left == 0:
                    return

        yield from blocks() if multiple is None else paced(blocks(), multiple)


def paced(blocks: Iterator[TradeBlock], multiple: float) -> Iterator[TradeBlock]:
    """Cuts blocks where the market's clock, `multiple` times as fast, has not come to the next tick yet."""
    market_start: int | None = None
    wall_start = time.monotonic()
    for batch, ts_event in blocks:
        market_start = int(ts_event[0]) if market_start is None else market_start
        first = 0
        while first < len(ts_event):
            now = market_start + int((time.monotonic() - wall_start) * 1e9 * multiple)
            due = first
            while due < len(ts_event) and ts_event[due] <= now:
                due += 1
            if due == first:
                time.sleep(min(PACE_SECONDS, (int(ts_event[first]) - now) / 1e9 / multiple))
                continue
            yield TradeBlock(batch[first:due], ts_event[first:due])
            first = due


def speed_multiple(speed: str) -> float | None:
    """What `--speed` says: None for max, else how many times as fast as the market."""
    if speed == "max":
        return None
    try:
        multiple = float(speed.removesuffix("x"))
    except ValueError:
        multiple = 0.0
    if not 0 < multiple < 1e6:
        raise typer.BadParameter(f"--speed {speed!r}: max, or a multiple such as 1x or 10x")
    return multiple


def _paths(given: Path) -> list[Path]:
    """The file, or those of a recorded folder in their order."""
    paths = sorted(given.glob("*.parquet")) if given.is_dir() else [given]
    if not paths:
        raise typer.BadParameter(f"no .parquet files in the folder {given}")
    return paths


def _columns(given: list[str]) -> Columns:
    known = Columns._fields
    renamed = {}
    for text in given:
        ours, separator, theirs = text.partition("=")
        if not separator or ours not in known or not theirs:
            raise typer.BadParameter(f"--column {text!r}: OURS=THEIRS, where OURS is one of {', '.join(known)}")
        renamed[ours] = theirs
    return Columns()._replace(**renamed)
