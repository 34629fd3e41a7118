"""`alphaforge journal`: back up, verify and repair a service's journals. Runs on the service's machine."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Back up, verify and repair the journals of a service.", no_args_is_help=True)

_DataDir = Annotated[Path, typer.Option(help="Data directory of the service.", envvar="ALPHAFORGE_DATA_DIR")]


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="New directory for the copy.")], data_dir: _DataDir = Path("var")
) -> None:
    """Copy the journals of a service, which may be running. Engines restored from the copy start new epochs."""
    _run("backup", str(data_dir), str(to))


@app.command()
def verify(
    data_dir: Annotated[Path, typer.Argument(help="A backup, or the data directory of a stopped service.")],
) -> None:
    """Check every input and checkpoint. Exits with 1 if one is missing or damaged. Changes nothing."""
    _run("verify", str(data_dir))


@app.command()
def skip(
    engine: Annotated[str, typer.Argument(help="An engine: execution/default.")],
    sequence: Annotated[int, typer.Argument(help="The input, as the error of the engine names it.")],
    because: Annotated[str, typer.Option(help="Why; the journal keeps it.")],
    to: Annotated[Path, typer.Option(help="File to which the input is appended, as a line of JSON.")],
    data_dir: _DataDir = Path("var"),
) -> None:
    """Skip an input that ends the process whenever it is applied. The engine of a stopped service starts a new epoch.

    With ALPHAFORGE_JOURNAL or ALPHAFORGE_JOURNAL_FILE: in the PostgreSQL of a cluster, whose services keep running.
    """
    arguments = (engine, str(sequence), "--because", because, "--to", str(to))
    if os.environ.get("ALPHAFORGE_JOURNAL_FILE") or os.environ.get("ALPHAFORGE_JOURNAL", "sqlite") != "sqlite":
        _run("skip", *arguments, module="services.cluster")
    else:
        _run("skip", str(data_dir), *arguments)


def _run(*arguments: str, module: str = "services.journal") -> None:
    try:
        distribution("alphaforge-services")
    except PackageNotFoundError:
        raise typer.BadParameter(
            "the package alphaforge-services is not installed; install alphaforge-client[cli,services]"
        ) from None
    status = subprocess.run((sys.executable, "-m", module, *arguments), check=False).returncode
    if status:
        raise typer.Exit(status)
