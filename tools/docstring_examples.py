"""For the site: formats examples in docstrings (`>>> ...`) as code, since Markdown reads them as quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

__all__ = ["DocstringExamples"]

# From a prompt to the next empty line, with the output.
_EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class DocstringExamples(griffe.Extension):
    """Puts code fences around the examples of every object."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
