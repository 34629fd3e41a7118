"""`alphaforge cluster`: create and inspect a cluster, switch primaries, move engines."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Manage a cluster. Its PostgreSQL is the one in ALPHAFORGE_JOURNAL or ALPHAFORGE_JOURNAL_FILE.",
    no_args_is_help=True,
)

_Shard = Annotated[str, typer.Argument(help="A shard, such as data-0, execution-0 or cache-0.")]


@app.command()
def init(
    name: Annotated[
        str, typer.Option(help="Name of the cluster. Start its services with the same --cluster.")
    ] = "alphaforge",
) -> None:
    """Create the tables of a cluster in PostgreSQL, all or none. Run it once per database."""
    _run("init", "--name", name)


@app.command()
def status(
    engines: Annotated[bool, typer.Option("--engines", help="List the engines, each with its shard.")] = False,
) -> None:
    """Show PostgreSQL's standbys, each shard's primary and term, and how far its candidates are behind."""
    _run("status", *(("--engines",) if engines else ()))


@app.command()
def switch(
    shard: _Shard,
    to: Annotated[
        str, typer.Option(help="Address of the candidate to make primary. Default: any live candidate.")
    ] = "",
) -> None:
    """Make another candidate the primary, for example before its upgrade. Calls wait for a fraction of a second."""
    _run("switch", shard, *(("--to", to) if to else ()))


@app.command()
def move(
    engine: Annotated[str, typer.Argument(help="An engine, such as data/binance.")],
    to: Annotated[str, typer.Option(help="The shard to move the engine to: data-1, or 1.")],
) -> None:
    """Move an engine to another shard while calls continue. It keeps its epoch and sequences.

    Candidates of both shards must be running, or all of them stopped.
    """
    _run("move", engine, "--to", to)


@app.command()
def restored() -> None:
    """Run this after restoring PostgreSQL from a backup. Every engine starts a new epoch, as changes may be lost."""
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
