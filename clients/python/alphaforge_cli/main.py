"""The verbs of the `alphaforge` command; each lives in the module of its name or of its noun."""

from __future__ import annotations

import sys
from importlib.metadata import version

import typer
from alphaforge_core.errors import AlphaForgeError
from rich.console import Console

from alphaforge_cli import cache
from alphaforge_cli.backtest import backtest
from alphaforge_cli.certs import certs
from alphaforge_cli.chart import chart
from alphaforge_cli.demo import demo
from alphaforge_cli.orders import cancel, halt, orders, positions, resume
from alphaforge_cli.ping import ping
from alphaforge_cli.record import record
from alphaforge_cli.replay import replay
from alphaforge_cli.stats import stats
from alphaforge_cli.token import token
from alphaforge_cli.top import top
from alphaforge_cli.trades import TradeFileError
from alphaforge_cli.up import up

__all__ = ["app", "main"]

app = typer.Typer(
    name="alphaforge",
    help="Trade ticks to bars, orders on a simulated venue, shared state: the AlphaForge services from a terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for verb in (
    up,
    replay,
    record,
    chart,
    backtest,
    stats,
    top,
    ping,
    demo,
    orders,
    positions,
    cancel,
    halt,
    resume,
    certs,
    token,
):
    app.command()(verb)
app.add_typer(cache.app, name="cache")


@app.command("version")
def show_version() -> None:
    """Print the version of the installed client."""
    print(version("alphaforge-client"))


def main() -> None:
    """The entry point: an expected failure is one line on stderr and exit status 1, never a traceback."""
    try:
        app()
    except (AlphaForgeError, TradeFileError) as error:
        reason = f" ({error.reason})" if isinstance(error, AlphaForgeError) else ""
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"alphaforge: {error}{reason}", markup=False)
        sys.exit(1)
