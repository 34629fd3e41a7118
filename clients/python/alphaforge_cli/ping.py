"""`alphaforge ping`: check that all three services are serving."""

from __future__ import annotations

from typing import Annotated

import typer

from alphaforge_cli.checks import SECONDS, check_services

__all__ = ["ping"]


def ping(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each service.", min=0.001)] = SECONDS,
) -> None:
    """Check the cache, data and execution services, one line each. Exits with 0 if all are serving, else with 1."""
    raise typer.Exit(check_services(timeout))
