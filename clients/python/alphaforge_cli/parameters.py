"""Values of `--set` and `--speed`."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

import typer

__all__ = ["grid_of", "speed_multiple"]

RUNS_MAX = 10_000


def grid_of(given: Sequence[str]) -> list[dict[str, object]]:
    """Each combination of the values of `name=value,value`."""
    values: dict[str, list[object]] = {}
    for text in given:
        name, separator, rest = text.partition("=")
        if not separator or not name.isidentifier():
            raise typer.BadParameter(f"--set {text!r}: expected NAME=VALUE, or NAME=VALUE,VALUE for a grid")
        values[name] = [_value(each.strip()) for each in rest.split(",")]
    count = 1
    for each in values.values():
        count *= len(each)
    if count > RUNS_MAX:
        raise typer.BadParameter(f"--set makes {count:,} runs; at most {RUNS_MAX:,}")
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]


def _value(text: str) -> object:
    """A Python literal, such as 10, 0.5 or True; else the text itself."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def speed_multiple(speed: str) -> float | None:
    """Parses `--speed`: None for max, else the multiple of real time."""
    if speed == "max":
        return None
    try:
        multiple = float(speed.removesuffix("x"))
    except ValueError:
        multiple = 0.0
    if not 0 < multiple < 1e6:
        raise typer.BadParameter(f"--speed {speed!r}: expected max, or a multiple such as 1x or 10x")
    return multiple
