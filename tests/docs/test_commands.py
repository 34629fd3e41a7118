"""Runs the commands of the documentation: the blocks after a comment `<!-- run -->`, page by page.

`<!-- by hand: WHY -->` precedes those that no test runs. `<!-- run: stays -->` is a separate terminal, whose command
runs to the end of the page. `<!-- writes: NAME -->` precedes the text of a file. `<!-- prints -->` precedes lines that
the previous block must print, in that order. A page runs in a folder of links to the built clone, and in a network of
its own, so that the documented ports are free.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tools import sample_trades

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
STEP = "--- step"
BLOCK = re.compile(r"^<!-- (run|run: stays|prints|writes: [\w.]+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^([^\n]*)\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (run|run: stays|by hand: .+) -->")
# Files of a clone that a page may write to, or that would change the commands' behaviour.
NOT_SHARED = {".env", ".git", "var"}

IN_A_NETWORK_OF_ITS_OWN = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
LOOPBACK_UP = "ip link set lo up"

# The start of a page's script. A terminal that stays counts as started when its command says so, or after a while.
PRELUDE = r"""
set -euo pipefail
stays() {
    ( eval "$1" ) > "terminal-$2.log" 2>&1 &
    for _ in $(seq 600); do
        if grep -q -e 'alphaforge ready' -e 'alphaforge demo: trading' "terminal-$2.log"; then return; fi
        if ! grep -q -e 'alphaforge up' -e 'make run' -e 'alphaforge demo' <<< "$1"; then sleep 5; return; fi
        if ! kill -0 $!; then break; fi
        sleep 0.1
    done
    cat "terminal-$2.log"
    exit 1
}
"""


class Page(NamedTuple):
    """The shell script of a page, and the lines that each of its blocks must print, by the block's number."""

    script: str
    printed: dict[int, list[str]]


def read(path: Path) -> Page | None:
    steps, printed = [], {}
    ran = -1
    for number, (kind, language, block) in enumerate(BLOCK.findall(path.read_text())):
        if kind == "prints":
            assert ran >= 0, f"{path.name} prints before it runs anything"
            printed[ran] = block.splitlines()
        elif kind.startswith("writes: "):
            steps.append(f"cat > {kind.removeprefix('writes: ')} <<'WRITTEN'\n{block}WRITTEN\n")
        elif kind == "run":
            ran = number
            steps.append(f"echo '{STEP} {number}'\n")
            steps.append(
                f".venv/bin/python - <<'PYTHON_BLOCK'\n{block}PYTHON_BLOCK\n" if language == "python" else block
            )
        else:
            steps.append(f"stays {shlex.quote(block)} {number}\n")
    return Page(PRELUDE + "\n".join(steps), printed) if steps else None


def is_in_order(lines: list[str], within: list[str]) -> bool:
    left = iter(within)
    return all(line in left for line in lines)


PAGES_THAT_RUN = [path for path in (ROOT / "README.md", *sorted(PAGES.rglob("*.md"))) if read(path)]


def networks_can_be_made() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run((*IN_A_NETWORK_OF_ITS_OWN, "sh", "-c", LOOPBACK_UP), capture_output=True).returncode == 0


def test_the_pages_that_lead_a_newcomer_are_run() -> None:
    names = {str(path.relative_to(ROOT)) for path in PAGES_THAT_RUN}
    led = ("tutorial/panels", "tutorial/strategy", "how-to/secure", "how-to/recover")
    assert {"README.md", *(f"docs/{name}.md" for name in led)} <= names


def test_every_command_is_run_or_says_why_not() -> None:
    for path in (ROOT / "README.md", *sorted(PAGES.rglob("*.md"))):
        for before, block in COMMANDS.findall(path.read_text()):
            assert MARK.fullmatch(before), f"{path.name}: neither run nor by hand:\n{block}"


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not networks_can_be_made(), reason="needs unshare and ip, and the right to make a network of its own"
)
@pytest.mark.parametrize("path", PAGES_THAT_RUN, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_commands_run_as_they_stand(path: Path, tmp_path: Path) -> None:
    page = read(path)
    assert page is not None
    if "buf curl" in page.script and not (ROOT / ".tools/node_modules/.bin/buf").exists():
        pytest.skip("buf is not installed: make .tools/node_modules/.bin/buf")
    for each in ROOT.iterdir():
        if each.name not in NOT_SHARED:
            (tmp_path / each.name).symlink_to(each)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
    result = subprocess.run(
        (*IN_A_NETWORK_OF_ITS_OWN, "bash", "-c", f"{LOOPBACK_UP}\n{page.script}"),
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=550,
    )
    assert result.returncode == 0, result.stdout
    said = dict(part.split("\n", 1) for part in result.stdout.split(f"{STEP} ")[1:])
    for number, lines in page.printed.items():
        assert is_in_order(lines, said[str(number)].splitlines()), f"{lines} are not in:\n{said[str(number)]}"


def test_the_first_strategy_of_the_readme_fills_the_same_in_process() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    in_process = program.replace("alphaforge_pyo3", "alphaforge_core")
    result = subprocess.run((sys.executable, "-c", in_process), capture_output=True, text=True, check=True)
    page = read(ROOT / "README.md")
    assert page is not None
    assert result.stdout.splitlines() in page.printed.values()


def test_the_tutorial_promises_the_same_in_process_and_on_the_services() -> None:
    page = read(PAGES / "tutorial/strategy.md")
    assert page is not None
    in_process, on_services, *_ = page.printed.values()
    assert in_process == on_services


def test_the_curve_on_the_home_page_is_what_the_command_beside_it_draws(tmp_path: Path) -> None:
    home = (PAGES / "index.md").read_text()
    (command,) = re.findall(r"`alphaforge (backtest [^`]*)`", home)
    drawn = tmp_path / "equity.svg"
    words = command.replace("equity.svg", str(drawn)).split()
    subprocess.run((sys.executable, "-m", "alphaforge_cli", *words), cwd=ROOT, capture_output=True, check=True)
    assert drawn.read_text() == (PAGES / "assets/equity.svg").read_text()


def test_the_sample_of_trades_is_what_its_generator_writes() -> None:
    compressed = (ROOT / "examples/trades.csv.gz").read_bytes()
    assert gzip.decompress(compressed).decode().splitlines() == list(sample_trades.lines())
