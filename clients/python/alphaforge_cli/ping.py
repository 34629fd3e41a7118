"""`alphaforge ping`: do all three services serve?"""

from __future__ import annotations

from typing import Annotated

import typer

from alphaforge_cli.tables import output
from alphaforge_cli.targets import services, serving

__all__ = ["ping"]


def ping(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = 5.0,
) -> None:
    """Exit 0 when the cache, data and execution services all serve, else 1; one line each."""
    console = output()
    failures = 0
    for noun, target in services():
        problem = serving(target, timeout)
        failures += problem is not None
        console.print(f"{noun:9} {target:24} {'[green]serving[/]' if problem is None else f'[red]{problem}[/]'}")
    raise typer.Exit(1 if failures else 0)
