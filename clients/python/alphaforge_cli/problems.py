"""Errors that are printed as one line instead of a traceback: missing extras and errors of strategies."""

from __future__ import annotations

import sys

from alphaforge_core.errors import AlphaForgeError

__all__ = ["StrategyError", "extra_wanted", "is_said_in_one_line", "said"]

# The extra of alphaforge-client that installs each module. This file itself imports none of these modules.
_EXTRAS = {
    "cryptography": "certs",
    "matplotlib": "chart",
    "numpy": "cli",
    "plotly": "chart",
    "pyarrow": "files",
    "rich": "cli",
    "typer": "cli",
}


class StrategyError(Exception):
    """A strategy's own code raised an error. The message has its file and line."""


def extra_wanted(error: ImportError) -> str | None:
    """How to install what is missing, if an extra of the client has it."""
    module = (error.name or "").partition(".")[0]
    if module not in _EXTRAS:
        return None
    return f"{module} is not installed; run: pip install 'alphaforge-client[{_EXTRAS[module]}]'"


def said(error: AlphaForgeError) -> str:
    """A failed call in one line."""
    return f"{error} ({error.reason})" if error.reason else str(error)


def is_said_in_one_line(error: Exception) -> bool:
    """Whether the message of this error is for the user: it is about a strategy or a file of trades."""
    # If the reader was not imported, the error isn't one of its errors.
    files = sys.modules.get("alphaforge_core.files")
    return isinstance(error, StrategyError) or (files is not None and isinstance(error, files.TradeFileError))
