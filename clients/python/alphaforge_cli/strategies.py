"""Strategy classes in files."""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer
from alphaforge_client.strategy import Strategy
from alphaforge_core.errors import AlphaForgeError
from alphaforge_core.model import Bar

from alphaforge_cli.problems import StrategyError, is_said_in_one_line

if TYPE_CHECKING:
    from alphaforge_core.backtest import Strategy as HasOnBar

__all__ = ["explained", "strategy_class", "with_all_hooks"]


def strategy_class(
    path: Path, name: str | None, parameters: Mapping[str, Any] | None = None
) -> Callable[..., HasOnBar]:
    """The class named, or the file's class with `on_bar`; checks that it takes the venue and parameters."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None or not path.is_file():
        raise typer.BadParameter(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    with explained(path):
        specification.loader.exec_module(module)
    found = {
        each.__name__: cast("Callable[..., HasOnBar]", each)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__ and callable(getattr(each, "on_bar", None))
    }
    if name is not None and name not in found:
        raise typer.BadParameter(f"{path} has no class {name} with on_bar(bar); it has {', '.join(found) or 'none'}")
    if name is None and len(found) != 1:
        raise typer.BadParameter(f"{path} has {len(found)} classes with on_bar(bar); choose one with --class")
    chosen = name or next(iter(found))
    try:
        inspect.signature(found[chosen]).bind("venue", **(parameters or {}))
    except TypeError as error:
        arguments = ", ".join(("venue", *(f"{name}=..." for name in parameters or ())))
        raise typer.BadParameter(f"{path}: can't call {chosen}({arguments}): {error}") from None
    return found[chosen]


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns an exception of the strategy's code into one line with file and line number."""
    try:
        yield
    except (typer.BadParameter, OSError, MemoryError):
        raise
    except Exception as error:
        if is_said_in_one_line(error):
            raise
        place = next((line for file, line in _frames(error) if Path(file) == path), None)
        if place is None and isinstance(error, AlphaForgeError):
            raise
        where = f"{path}:{place}" if place is not None else str(path)
        raise StrategyError(f"{where}: the strategy raised {type(error).__name__}: {error}") from error


def _frames(error: Exception) -> list[tuple[str, int]]:
    frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 0))
    return frames[::-1]


def with_all_hooks(strategy: HasOnBar, venue: Any) -> Strategy:
    """The strategy itself, or a Strategy that passes it the bars."""
    if isinstance(strategy, Strategy):
        return strategy

    class BarsOnly(Strategy):
        def on_bar(self, bar: Bar) -> None:
            strategy.on_bar(bar)

    return BarsOnly(venue)
