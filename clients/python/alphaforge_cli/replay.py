"""`alphaforge replay`: send files of trades through the data service."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from alphaforge_client.data import BarList, DataEngine, DataEngineConfig
from alphaforge_core.calendars import read_calendar
from alphaforge_core.files import TradeBlock, TradeFileError, TradeReader
from alphaforge_core.model import Bar, BarType, TradeTickBatch
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from alphaforge_cli._files.losses import ERRORS, print_losses, print_reading
from alphaforge_cli._files.options import FileInput, reads_files, span_ns
from alphaforge_cli.engines import opened
from alphaforge_cli.parameters import speed_multiple
from alphaforge_cli.tables import bars_table, counted, output, totals_table

__all__ = ["paced", "replay", "time_steps"]

PACE_SECONDS = 0.05
# On a busy service a batch waits, so that the replay does not fail.
BATCH_SECONDS_MAX = 60.0
# Chunks grow and shrink so that a response has about this many bars.
ANSWER_BARS = 10_000
CHUNK_TICKS_FIRST = 512
CHUNK_TICKS_MAX = 16_384


class BarTotals:
    """The totals of one bar type, and its last closed bars, which are printed."""

    def __init__(self, shown: int) -> None:
        self.count = 0
        self.volume = Decimal(0)
        self.last: deque[Bar] = deque(maxlen=shown)

    def add(self, bar: Bar) -> None:
        """Counts a closed bar."""
        self.count += 1
        self.volume += bar.volume.as_decimal()
        self.last.append(bar)


@reads_files
def replay(
    files: FileInput,
    bars: Annotated[str, typer.Option(help="Bar types, comma-separated.")] = "1min",
    calendars: Annotated[
        list[Path] | None,
        typer.Option(
            "--calendar", help="CSV file of the sessions of a calendar in --bars: XNYS.csv for 1day@XNYS. Repeatable."
        ),
    ] = None,
    speed: Annotated[str, typer.Option(help="max, or a multiple of real time such as 1x or 10x.")] = "max",
    engine: Annotated[
        str | None, typer.Option(help="Name of the engine to send the trades to. Default: a temporary engine.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Reset the engine first; needs --engine.")] = False,
    max_time_jump: Annotated[
        str | None,
        typer.Option(
            help="How far ahead of the clock trades may be, such as 5min. 0: no limit, for files dated in the future."
        ),
    ] = None,
    show: Annotated[int, typer.Option(help="Number of closed bars to print per type: the newest ones.", min=0)] = 5,
    target: Annotated[str | None, typer.Option(help="Address of the data service.")] = None,
) -> None:
    """Send files of trades to the data service and print the bars.

    The tables go to stdout and are the same for every replay. Progress, the rate and the trades that were skipped, late
    or refused go to stderr. Exits with 1 if a file can't be read to its end or there are no trades. With --strict,
    stops with 1 at the first row that would be skipped; the trades before it are already applied.
    """
    if reset and engine is None:
        raise typer.BadParameter("--reset needs --engine")
    multiple = speed_multiple(speed)
    bar_types = list(dict.fromkeys(str(BarType(text.strip())) for text in bars.split(",")))
    reader = files.reader(late_steps_ns=time_steps(bar_types))
    name = engine or f"replay-{uuid.uuid4().hex[:12]}"
    # Not the engine's own context manager, which would stop an engine that others use.
    limits: dict[str, Any] = (
        {} if max_time_jump is None else {"max_time_jump_ns": span_ns("--max-time-jump", max_time_jump)}
    )
    known = [read_calendar(path) for path in calendars or ()]
    config = DataEngineConfig(bar_types=bar_types, calendars=known, **limits)
    with closing(opened(DataEngine, config, name=name, target=target, timeout=BATCH_SECONDS_MAX)) as data:
        try:
            if reset:
                data.reset()
            _run(_Feed(data, {name: BarTotals(show) for name in bar_types}), reader, multiple)
        finally:
            if engine is None:
                data.drop()


def time_steps(bar_types: list[str]) -> tuple[int, ...]:
    """The steps of the time bars among the types that count from 00:00 UTC, in nanoseconds."""
    return tuple(int(kind.step) for kind in map(BarType, bar_types) if kind.kind == "time" and kind.zone is None)


@dataclass
class _Feed:
    """Sends batches to an engine and adds up the bars returned."""

    data: DataEngine
    totals: dict[str, BarTotals]
    sent: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    instruments: dict[str, None] = field(default_factory=dict)
    seconds: float = 0.0
    _chunk_ticks: int = CHUNK_TICKS_FIRST

    def send(self, batch: TradeTickBatch) -> None:
        """Sends a batch in parts, because a few ticks of large volume may close more bars than one response holds."""
        first = 0
        while first < len(batch):
            chunk = batch[first : first + self._chunk_ticks]
            started = time.perf_counter()
            result = self.data.process_batch(chunk)
            self.seconds += time.perf_counter() - started
            self._add(chunk, result)
            first += len(chunk)
            fitting = len(chunk) * ANSWER_BARS // max(1, len(result))
            self._chunk_ticks = max(1, min(fitting, 2 * self._chunk_ticks, CHUNK_TICKS_MAX))

    def _add(self, chunk: TradeTickBatch, result: BarList) -> None:
        self.sent += len(chunk)
        self.left_out.update(reason for _, reason in result.rejected)
        self.instruments.update(dict.fromkeys(chunk.instrument_ids))
        for bar in result:
            self.totals[str(bar.bar_type)].add(bar)

    def open_bars(self) -> list[Bar]:
        """The open bars of the types asked for."""
        return [
            bar for name in self.instruments for bar in self.data.open_bars(name) if str(bar.bar_type) in self.totals
        ]


def _run(feed: _Feed, reader: TradeReader, multiple: float | None) -> None:
    before = feed.data.statistics()
    started = time.perf_counter()
    try:
        with closing(reader.blocks()) as blocks:
            for block in _with_progress(reader, blocks, multiple):
                feed.send(block.batch)
        seconds = time.perf_counter() - started
        if (problem := reader.report.first_trade_problem) is not None:
            raise TradeFileError(f"nothing to replay: {problem}")
        after = feed.data.statistics()
        refused = feed.left_out.total()
        feed.left_out["LATE"] = after.late_ticks - before.late_ticks
        feed.left_out["DUPLICATE"] = after.duplicate_ticks - before.duplicate_ticks
        _print_bars(feed.totals, feed.open_bars())
    finally:
        print_reading(reader.report)
    print_losses(feed.left_out)
    rate = feed.sent / max(feed.seconds, 1e-9)
    ERRORS.print(
        f"{counted(feed.sent, 'tick')} in {feed.seconds:.2f} s, {rate:,.0f} ticks/s; "
        f"{max(0.0, seconds - feed.seconds):.2f} s more for reading"
    )
    if refused == feed.sent:
        raise TradeFileError("the engine refused every trade; see the reasons above")


def _print_bars(totals: dict[str, BarTotals], open_bars: list[Bar]) -> None:
    console = output()
    for name, total in totals.items():
        console.print(bars_table(name, total.last, [bar for bar in open_bars if str(bar.bar_type) == name]))
    console.print(totals_table({name: (total.count, total.volume) for name, total in totals.items()}, open_bars))


def _with_progress(reader: TradeReader, blocks: Iterator[TradeBlock], multiple: float | None) -> Iterator[TradeBlock]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=ERRORS, transient=True) as progress:
        task = progress.add_task("", total=1.0, rate="")
        started, sent = time.perf_counter(), 0
        for block in blocks if multiple is None else paced(blocks, multiple):
            yield block
            sent += len(block.batch)
            rate = f"{sent / max(1e-9, time.perf_counter() - started):,.0f} ticks/s"
            progress.update(task, description=reader.file, completed=reader.fraction_read, rate=rate)


def paced(
    blocks: Iterator[TradeBlock],
    multiple: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[TradeBlock]:
    """Splits blocks so that no tick is sent before its time; market time runs `multiple` times as fast as `clock`."""
    market_start: int | None = None
    wall_start = clock()
    for batch, ts_event in blocks:
        market_start = int(ts_event[0]) if market_start is None else market_start
        first = 0
        while first < len(ts_event):
            now = market_start + int((clock() - wall_start) * 1e9 * multiple)
            is_ahead = ts_event[first:] > now
            due = first + (int(np.argmax(is_ahead)) if is_ahead.any() else len(is_ahead))
            if due == first:
                sleep(min(PACE_SECONDS, (int(ts_event[first]) - now) / 1e9 / multiple))
                continue
            yield TradeBlock(batch[first:due], ts_event[first:due])
            first = due
