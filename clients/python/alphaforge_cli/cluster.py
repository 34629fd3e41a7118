"""`alphaforge cluster`: the tables of a cluster in PostgreSQL, who is primary, and the changes an operator makes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Candidates of services over one PostgreSQL, named by ALPHAFORGE_JOURNAL or ALPHAFORGE_JOURNAL_FILE.",
    no_args_is_help=True,
)

_Shard = Annotated[str, typer.Argument(help="A shard: data-0, execution-0, cache-0.")]


@app.command()
def init(
    name: Annotated[str, typer.Option(help="Name of the cluster; services give it as --cluster.")] = "alphaforge",
) -> None:
    """Make the tables of a cluster, all of them or none. Once for a database."""
    _run("init", "--name", name)


@app.command()
def status(
    engines: Annotated[bool, typer.Option("--engines", help="List the engines, each with its shard.")] = False,
) -> None:
    """Show PostgreSQL's standbys, each shard's primary and term, and how far its candidates are behind."""
    _run("status", *(("--engines",) if engines else ()))


@app.command()
def switch(shard: _Shard, to: Annotated[str, typer.Option(help="Address of the next primary.")] = "") -> None:
    """Make another candidate primary, in order: calls wait for a fraction of a second. For upgrades, one by one."""
    _run("switch", shard, *(("--to", to) if to else ()))


@app.command()
def move(
    engine: Annotated[str, typer.Argument(help="An engine: data/binance.")],
    to: Annotated[str, typer.Option(help="The shard it is placed in from now on: data-1, or 1.")],
) -> None:
    """Place an engine in another shard, with its epoch and sequences, while calls continue.

    The candidates of both shards run, or those of both are stopped.
    """
    _run("move", engine, "--to", to)


@app.command()
def restored() -> None:
    """Say that PostgreSQL was restored from a copy: every engine begins a new epoch, for clients may know more."""
    _run("restored")


def _run(*arguments: str) -> None:
    try:
        distribution("alphaforge-services")
    except PackageNotFoundError:
        raise typer.BadParameter(
            "the package alphaforge-services is not installed; install alphaforge-client[cli,services] and "
            "alphaforge-services[cluster]"
        ) from None
    status = subprocess.run((sys.executable, "-m", "services.cluster", *arguments), check=False).returncode
    if status:
        raise typer.Exit(status)
