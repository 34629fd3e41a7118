"""`alphaforge stats`: print the statistics of the three engines."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.errors import AlphaForgeError

from alphaforge_cli.engines import existing
from alphaforge_cli.tables import counters_table, output

__all__ = ["stats"]


def stats(
    engine: Annotated[str, typer.Option(help="Name of the engine on each service.")] = "default",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = 5.0,
) -> None:
    """Print the statistics of the cache, data and execution engines of that name.

    Exits with 1 if a service does not answer, or if no service has an engine of that name.
    """
    console = output()
    failed, found = False, False
    for noun, kind in (("cache", GenericCache), ("data", DataEngine), ("execution", ExecutionEngine)):
        try:
            # Not the data engine's own context manager, which starts the engine and stops it.
            with closing(existing(kind, engine, timeout)) as client:
                values = client.statistics().as_dict()
        except AlphaForgeError as error:
            failed = failed or error.reason != "ENGINE_UNKNOWN"
            console.print(f"{noun}: {error} ({error.reason})", style="red", markup=False, soft_wrap=True)
            continue
        found = True
        console.print(counters_table(f"{noun} ({engine})", values))
    raise typer.Exit(1 if failed or not found else 0)
