"""For the site: examples in docstrings (`>>> ...`) are shown as code, which Markdown would take for quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["DocstringExamples"]

# From a prompt to the next empty line, with the answers.
_EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class DocstringExamples(griffe.Extension):
    """Puts fences around the examples of every object."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
