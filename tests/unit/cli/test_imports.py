"""What each verb of the command imports: no verb imports slow libraries that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("cryptography", "numpy", "pandas", "pyarrow", "rich")
MAY_IMPORT: dict[str, set[str]] = {
    "ping": set(),
    "token": set(),
    "up": set(),
    "journal": set(),
    "orders": {"rich"},
    "positions": {"rich"},
    "cancel": {"rich"},
    "halt": {"rich"},
    "resume": {"rich"},
    "stats": {"rich"},
    "top": {"rich"},
    "certs": {"cryptography"},
}
"""The others read or draw, and may import what they like."""

PROGRAM = """
import sys
from alphaforge_cli.main import app
from typer.main import get_command
get_command(app).commands[sys.argv[1]]
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""


@pytest.mark.parametrize("verb", MAY_IMPORT)
def test_a_verb_imports_only_what_it_may(verb: str) -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM, verb, *HEAVY], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) <= MAY_IMPORT[verb]


def test_a_ping_needs_no_typer() -> None:
    # Its import takes longer than the checks.
    program = """
import sys
sys.argv = ["alphaforge", "ping"]
from alphaforge_cli.__main__ import main
try:
    main()
except SystemExit as end:
    print(end.code, sorted({"pydantic", "rich", "typer"} & set(sys.modules)))
"""
    environment = {**os.environ, "ALPHAFORGE_DATA_TARGET": "nowhere"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.startswith("alphaforge: ")
    assert run.stdout.endswith(" []\n")


@pytest.mark.parametrize("noun", ["cache", "data", "execution"])
def test_a_service_loads_neither_numpy_nor_what_only_a_cluster_needs(noun: str) -> None:
    program = (
        f"import sys, services.{noun}.__main__; print({{'asyncpg', 'numpy', 'services.cluster'}} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
