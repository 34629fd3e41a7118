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
    """Copy the journals of a running or stopped service. Engines restored from the copy start new epochs."""
    _run("backup", str(data_dir), str(to))


@app.command()
def verify(
    data_dir: Annotated[Path, typer.Argument(help="A backup, or the data directory of a stopped service.")],
) -> None:
    """Check every input and checkpoint. Exits with 1 if one is missing or damaged. Changes nothing."""
    _run("verify", str(data_dir))


@app.command()
def skip(
    engine: Annotated[str, typer.Argument(help="An engine, such as execution/default.")],
    sequence: Annotated[int, typer.Argument(help="Number of the input, as in the error message.")],
    because: Annotated[str, typer.Option(help="Reason, which is kept in the journal.")],
    to: Annotated[Path, typer.Option(help="File to append the skipped input to, as a line of JSON.")],
    data_dir: _DataDir = Path("var"),
) -> None:
    """Skip an input that crashes the service whenever it is applied. The engine then starts a new epoch.

    Stop the service first. Exception: with ALPHAFORGE_JOURNAL or ALPHAFORGE_JOURNAL_FILE, the journal is in PostgreSQL,
    and the services keep running.
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
