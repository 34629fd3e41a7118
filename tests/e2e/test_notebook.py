"""The notebook's cells run in order, and its statements about the services are true."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack

NOTEBOOK = Path(__file__).parents[2] / "examples" / "research.ipynb"


def test_the_notebook_runs_and_comes_to_the_same_on_the_services(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    namespace: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec("".join(cell["source"]), namespace)
    in_process = namespace["venue"].get_fills("vwap")
    assert len(in_process) > 20

    stack.serve("data", "execution")
    for name, target in stack.environment().items():
        monkeypatch.setenv(name, target)
    [program] = re.findall(r"^```python\n(.*?)^```", "".join(cells[-1]["source"]), re.MULTILINE | re.DOTALL)
    program = program.replace('"notebook-', f'"notebook-{uuid.uuid4()}-')
    # The program closes its clients at the end of its blocks; its fills are read before that.
    program += '        fills = venue.get_fills("vwap")\n'

    # A notebook's cells run inside a loop.
    async def in_a_loop() -> None:
        exec(program, namespace)

    asyncio.run(in_a_loop())
    assert [(fill.price, fill.quantity) for fill in namespace["fills"]] == [
        (fill.price, fill.quantity) for fill in in_process
    ]
