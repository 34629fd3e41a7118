"""`alphaforge chart`: the bars of an instrument as candlesticks with volume, in a file or in the terminal."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from alphaforge_client.data import DataEngine
from alphaforge_client.errors import Unavailable
from alphaforge_core.model import Bar, BarType
from rich.console import Console
from rich.live import Live
from rich.text import Text

from alphaforge_cli._charts.terminal import Candles
from alphaforge_cli.engines import existing
from alphaforge_cli.problems import extra_wanted
from alphaforge_cli.tables import counted
from alphaforge_cli.tables import output as standard_output

__all__ = ["chart"]

REFRESH_SECONDS = 0.5
WRITERS = (".html", ".png")


def chart(
    instrument: Annotated[str, typer.Argument(help="The instrument.")],
    bar_type: Annotated[str, typer.Argument(help="The bar type: 1min, 100tick, ...")],
    output: Annotated[
        Path | None, typer.Option(help="Write an offline page (.html) or an image (.png). Default: the terminal.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Update with every change, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(help="Number of bars to draw: the newest ones.", min=1, max=100_000)] = 200,
    engine: Annotated[str, typer.Option(help="Name of the data engine.")] = "default",
    target: Annotated[str | None, typer.Option(help="Address of the data service.")] = None,
) -> None:
    """Draw the bars of an instrument as candlesticks with volume; the last one is the open bar.

    With --live, the chart follows the market; a file is rewritten at every change.
    """
    name = str(BarType(bar_type))
    if output is not None and output.suffix.lower() not in WRITERS:
        raise typer.BadParameter(f"--output {output}: expected a name that ends in {' or '.join(WRITERS)}")
    with closing(existing(DataEngine, engine, target=target)) as data:
        source = _Source(data, instrument, name, limit)
        if output is not None:
            _write(source, output, live)
        elif live:
            _follow(source, standard_output())
        else:
            standard_output().print(Candles(source.title, source.bars()))


class _Source:
    """The bars to draw."""

    def __init__(self, data: DataEngine, instrument: str, bar_type: str, limit: int) -> None:
        self.title = f"{instrument} {bar_type}"
        self._data = data
        self._instrument = instrument
        self._bar_type = bar_type
        self._limit = limit

    def bars(self) -> list[Bar]:
        """The newest closed bars, and the open bar, if any."""
        closed = self._data.get_bars(self._instrument, self._bar_type, self._limit)
        unfinished = [bar for bar in self._data.open_bars(self._instrument) if str(bar.bar_type) == self._bar_type]
        # Between the two calls the open bar may have closed, and another one begun.
        last = closed[-1].sequence if closed else 0
        return [*closed, *(bar for bar in unfinished if bar.sequence == last + 1)][-self._limit :]


def _write(source: _Source, path: Path, live: bool) -> None:
    # Loaded here: the libraries are large, and an extra.
    try:
        if path.suffix.lower() == ".html":
            from alphaforge_cli._charts.html import write
        else:
            from alphaforge_cli._charts.png import write
    except ImportError as error:
        raise typer.BadParameter(f"--output: {extra_wanted(error) or error}") from error
    drawn = source.bars()
    write(path, source.title, drawn, live)
    print(f"{path}: {counted(len(drawn), 'bar')}", flush=True)
    stop = _told_to_stop() if live else None
    while stop is not None and not stop.wait(REFRESH_SECONDS):
        try:
            bars = source.bars()
        except Unavailable:
            continue  # the service may come back
        if bars != drawn:
            write(path, source.title, bars, live)
            drawn = bars


def _follow(source: _Source, console: Console) -> None:
    stop = _told_to_stop()
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as screen:
        while True:
            try:
                screen.update(Candles(source.title, source.bars()), refresh=True)
            except Unavailable as error:
                screen.update(Text(f"{source.title}: {error}", style="red"), refresh=True)
            if stop.wait(REFRESH_SECONDS):
                return


def _told_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
