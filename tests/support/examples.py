"""The examples in docstrings, run as a reader would type them; `await` at the prompt works."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from types import ModuleType
from typing import Any

PARSER = doctest.DocTestParser()
CHECKER = doctest.OutputChecker()


def docstrings(module: ModuleType) -> Iterator[tuple[str, Any, str]]:
    """Yields the name, owner and docstring of a module's public classes and functions, and of classes' members."""
    for name in module.__all__:
        thing = getattr(module, name)
        yield name, thing, (inspect.getdoc(thing) or "")
        if inspect.isclass(thing):
            for member in vars(thing):
                attribute = getattr(thing, member)
                if not member.startswith("_") and callable(attribute):
                    yield f"{name}.{member}", thing, (inspect.getdoc(attribute) or "")


def of(text: str) -> list[doctest.Example]:
    """The examples in a docstring."""
    return PARSER.get_examples(text)


def run(text: str, namespace: dict[str, Any]) -> None:
    """Types the examples of one docstring into one session. Raises AssertionError if an answer differs."""
    with asyncio.Runner() as loop:
        for example in of(text):
            got = _typed(example.source, namespace, loop)
            assert CHECKER.check_output(example.want, got, doctest.ELLIPSIS), (
                f"{example.source}gave\n{got}not\n{example.want}"
            )


def _typed(source: str, namespace: dict[str, Any], loop: asyncio.Runner) -> str:
    output = io.StringIO()
    code = compile(source, "<docstring>", "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with redirect_stdout(output):
        try:
            answer = eval(code, namespace)
            if inspect.iscoroutine(answer):
                loop.run(answer)
        except Exception:
            kind, error, _ = sys.exc_info()
            output.write("Traceback (most recent call last):\n")
            output.write("".join(traceback.format_exception_only(kind, error)))
    return output.getvalue()
