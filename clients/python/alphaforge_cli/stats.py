"""`alphaforge stats`: what the three engines counted."""

from __future__ import annotations

from typing import Annotated

import typer
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.errors import AlphaForgeError

from alphaforge_cli.tables import counters_table, output

__all__ = ["stats"]


def stats(
    engine: Annotated[str | None, typer.Option(help="The engines' name on each service.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = 5.0,
) -> None:
    """Print the statistics of the cache, data and execution engines; exit 1 when one of them can't be had."""
    console = output()
    failed = False
    for noun, kind in (("cache", GenericCache), ("data", DataEngine), ("execution", ExecutionEngine)):
        try:
            with kind(name=engine or "default", timeout=timeout) as opened:
                values = opened.statistics().as_dict()
        except AlphaForgeError as error:
            failed = True
            console.print(f"{noun}: {error} ({error.reason})", style="red", markup=False, soft_wrap=True)
            continue
        console.print(counters_table(f"{noun} ({engine or 'default'})", values))
    raise typer.Exit(1 if failed else 0)
