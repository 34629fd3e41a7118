"""`alphaforge stats`: what the three engines counted."""

from __future__ import annotations

from typing import Annotated

import typer
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine
from alphaforge_client.execution import ExecutionEngine
from alphaforge_core.errors import AlphaForgeError
from rich.console import Console
from rich.table import Table

__all__ = ["stats"]


def stats(
    engine: Annotated[str | None, typer.Option(help="The engines' name on each service.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = 5.0,
) -> None:
    """Print the statistics of the cache, data and execution engines; exit 1 when one of them can't be had."""
    console = Console(highlight=False)
    failed = False
    for noun, kind in (("cache", GenericCache), ("data", DataEngine), ("execution", ExecutionEngine)):
        table = Table(title=f"{noun} ({engine or 'default'})", title_justify="left", show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        try:
            with kind(name=engine or "default", timeout=timeout) as opened:
                values = opened.statistics().as_dict()
        except AlphaForgeError as error:
            failed = True
            console.print(f"[red]{noun}: {error}[/] ({error.reason})", soft_wrap=True)
            continue
        for name, value in values.items():
            table.add_row(name, f"{value:,.6g}" if isinstance(value, float) else f"{value:,}")
        console.print(table)
    raise typer.Exit(1 if failed else 0)
