"""The subcommands of `alphaforge`; each is in the module of its name or of its noun."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, NoReturn

import typer
from alphaforge_core.errors import AlphaForgeError
from typer.core import TyperCommand, TyperGroup

from alphaforge_cli.problems import extra_wanted, is_said_in_one_line, said

__all__ = ["app", "main"]

# Each command and its module. A module is imported when its command is called: pyarrow alone takes longer to
# import than a ping takes to run.
_VERBS = {
    "up": "up",
    "replay": "replay",
    "record": "record",
    "chart": "chart",
    "backtest": "backtest",
    "run": "run",
    "stats": "stats",
    "top": "top",
    "ping": "ping",
    "demo": "demo",
    "orders": "orders",
    "positions": "orders",
    "instruments": "instruments",
    "accounts": "orders",
    "cancel": "orders",
    "halt": "orders",
    "resume": "orders",
    "certs": "certs",
    "token": "token",
    "cache": "cache",
    "cluster": "cluster",
    "journal": "journal",
}


def _command(verb: Callable[..., None], **settings: Any) -> TyperCommand | TyperGroup:
    one = typer.Typer(add_completion=False)
    one.command(**settings)(verb)
    command: Any = typer.main.get_command(one)
    return command  # type: ignore[no-any-return]


def _not_installed(error: ModuleNotFoundError) -> TyperCommand | TyperGroup:
    """Replaces a command whose libraries are missing: says what to install, whatever the arguments."""
    wanted = extra_wanted(error)
    if wanted is None:
        raise error

    def say(_arguments: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        _fail(wanted)

    return _command(
        say,
        help=wanted.replace("[", r"\["),  # markup
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )


class _Commands(dict[str, Any]):
    """The commands by name. Those of _VERBS are made when they are looked up."""

    def __missing__(self, name: str) -> TyperCommand | TyperGroup:
        command: Any
        try:
            module = import_module(f"alphaforge_cli.{_VERBS[name]}")
        except ModuleNotFoundError as error:
            command = _not_installed(error)
        else:
            command = typer.main.get_group(module.app) if hasattr(module, "app") else _command(getattr(module, name))
        command.name = name
        self[name] = command
        made: TyperCommand | TyperGroup = command
        return made

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self or name in _VERBS else default

    def keys(self) -> Any:
        return {**dict.fromkeys(_VERBS), **dict.fromkeys(super().keys())}.keys()


class _Verbs(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(self.commands)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands.keys())


app = typer.Typer(name="alphaforge", cls=_Verbs, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(given: bool) -> None:
    if given:
        show_version()
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Command line of the AlphaForge services: bars from trades, orders on a simulated venue, a shared cache."""


@app.command("version")
def show_version() -> None:
    """Print the version of the installed client."""
    print(version("alphaforge-client"))


def main() -> None:
    """The entry point. Any failure prints one line to stderr and exits with 1, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # If the terminal lacks a character, prints a substitute instead of failing.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except AlphaForgeError as error:
        _fail(said(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
    except MemoryError:
        _fail("out of memory")
    except Exception as error:
        wanted = extra_wanted(error) if isinstance(error, ModuleNotFoundError) else None
        if wanted is not None or is_said_in_one_line(error):
            _fail(wanted or str(error))
        _fail(f"{type(error).__name__}: {error}; this is a bug; please report it with {_kept_traceback()}")


def _fail(message: str) -> NoReturn:
    print(f"alphaforge: {message}", file=sys.stderr)
    sys.exit(1)


def _kept_traceback() -> str:
    """Writes the current error's traceback to a file and returns the file's name."""
    with NamedTemporaryFile("w", prefix="alphaforge-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    return file.name
