"""`alphaforge record`: write the trades of a data engine to Parquet files for `alphaforge replay`."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from alphaforge_client.data import DataEngine, Gap

from alphaforge_cli._files.recorder import TradeRecorder
from alphaforge_cli.engines import opened
from alphaforge_cli.tables import counted

__all__ = ["record"]


def record(
    directory: Annotated[Path, typer.Argument(help="Directory for the files.", file_okay=False)],
    instrument: Annotated[
        list[str] | None, typer.Option(help="Only this instrument. Repeatable. Default: all.")
    ] = None,
    engine: Annotated[str, typer.Option(help="Name of the data engine.")] = "default",
    megabytes: Annotated[
        float, typer.Option(help="Size in megabytes at which a new file is started.", min=0.001)
    ] = 64.0,
    limit: Annotated[int | None, typer.Option(help="Stop after this many trades.", min=1)] = None,
) -> None:
    """Write each trade that the data engine accepts to Parquet files, until Ctrl-C or SIGTERM.

    Replaying the directory gives the same bars. Exits with 1 if trades were missed.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    gaps = 0
    recorder = TradeRecorder(directory, int(megabytes * 1e6))
    with closing(recorder), closing(opened(DataEngine, name=engine)) as data:
        data.wait_ready()
        subscription = data.subscribe_trades(instrument or [])

        def close_when_stopped() -> None:
            stop.wait()
            subscription.close()

        # Not in the signal handler, which would run in the middle of the read that it has to interrupt.
        closer = threading.Thread(target=close_when_stopped)
        # The service has the subscription once the block is entered: from here on no trade is missed.
        with subscription:
            print("recording", flush=True)
            closer.start()
            try:
                for item in subscription:
                    if isinstance(item, Gap):
                        gaps += 1
                        print(f"alphaforge: some trades were missed: {item}", file=sys.stderr, flush=True)
                    else:
                        recorder.add(item)
                    if recorder.count == limit:
                        break
            finally:
                stop.set()
                closer.join()
    # Both are closed now: the last file is complete.
    print(f"{counted(recorder.count, 'trade')} in {counted(len(recorder.files), 'file')}")
    raise typer.Exit(1 if gaps else 0)
