"""`alphaforge ping`: check that all three services are serving."""

from __future__ import annotations

from typing import Annotated

import typer

from alphaforge_cli.targets import services, serving

__all__ = ["ping"]


def ping(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = 5.0,
) -> None:
    """Check the cache, data and execution services, one line each. Exits with 0 if all are serving, else with 1."""
    failures = 0
    for noun, target in services():
        problem = serving(noun, target, timeout)
        failures += problem is not None
        found = typer.style("serving", "green") if problem is None else typer.style(problem, "red")
        typer.echo(f"{noun:9} {target:24} {found}")
    if failures == len(services()):
        typer.echo("none of the services answers; `alphaforge up` starts all three on this machine", err=True)
    raise typer.Exit(1 if failures else 0)
