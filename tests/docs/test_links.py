"""Links between pages work, on the site and in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    listed = subprocess.run(("git", "ls-files", "*.md"), cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [ROOT / name for name in listed.split() if not name.startswith("tests/")]


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.skipif(not pages(), reason="needs git and a clone: the pages are those that it lists")
def test_every_link_in_the_repository_leads_somewhere() -> None:
    dead = []
    for page in pages():
        for link in LINK.findall(CODE.sub("", page.read_text())):
            if re.match(r"\w+:", link):
                continue
            target, _, part = link.partition("#")
            file = (page.parent / target).resolve() if target else page
            if not file.exists():
                dead.append(f"{page.relative_to(ROOT)}: {link}")
            elif part and file.suffix == ".md" and part not in headings(file):
                dead.append(f"{page.relative_to(ROOT)}: {link} has no such heading")
    assert dead == []


def test_the_home_page_has_the_strategy_of_the_readme() -> None:
    readme, home = (
        re.search(r"^```python\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
        for path in (ROOT / "README.md", ROOT / "docs/index.md")
    )
    assert readme is not None
    assert home is not None
    assert home[1] == readme[1]
