"""The site in a real browser, as on a desk and on a phone: nothing clipped, readable in the dark, found by search.

The pictures that it takes are in build/pictures, for people to look at.
"""

from __future__ import annotations

import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import CHROMIUM, Browser, browser
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build/site"
PICTURES = ROOT / "build/pictures"
DESK, PHONE = (1440, 900), (390, 844)
PAGES = sorted(str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md"))

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None, reason="Chromium is not installed (Debian's package chromium; .ci/run installs it)"
    ),
    pytest.mark.timeout(600),
]

# Content that a reader can't see: text beyond the window or clipped by a box that does not scroll; missing pictures.
CLIPPED = """
(() => {
  const found = [];
  const scrolls = (box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const inside = (box) => { for (; box; box = box.parentElement) if (scrolls(box)) return true; return false; };
  const name = (box) => `${box.tagName.toLowerCase()}.${box.className}: ${box.textContent.trim().slice(0, 60)}`;
  for (const box of document.querySelectorAll("article *")) {
    const place = box.getBoundingClientRect();
    if (!place.width || !place.height || getComputedStyle(box).visibility === "hidden") continue;
    if (place.right > innerWidth + 1 && !inside(box.parentElement)) found.push(`beyond the window: ${name(box)}`);
    const cuts = ["hidden", "clip"].includes(getComputedStyle(box).overflowX) && box.clientWidth;
    if (cuts && box.scrollWidth > box.clientWidth + 1 && box.textContent.trim()) found.push(`cut off: ${name(box)}`);
    if (box.tagName === "IMG" && !box.naturalWidth) found.push(`no picture: ${box.src}`);
  }
  for (const box of document.querySelectorAll(".language-python pre")) {
    const words = box.textContent.trim().slice(0, 60);
    if (innerWidth > 1000 && box.scrollWidth > box.clientWidth) found.push(`Python that must be scrolled: ${words}`);
    if (!box.querySelector("span[class]")) found.push(`Python that is not highlighted: ${words}`);
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push("the page is wider than the window");
  return found;
})()
"""

# The contrast of text and background as WCAG defines it; WCAG requires 4.5 for text.
CONTRASTS = """
(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const over = (colors) => {
    pen.clearRect(0, 0, 1, 1);
    for (const color of colors) { pen.fillStyle = color; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const contrasts = {};
  for (const kind of ["h1", "p", "td", "li", "a", "pre code", "code"]) {
    const box = document.querySelector(`article ${kind}`);
    if (!box) continue;
    const grounds = [];
    for (let each = box; each; each = each.parentElement) grounds.unshift(getComputedStyle(each).backgroundColor);
    const [a, b] = [light(over(grounds)), light(over([...grounds, getComputedStyle(box).color]))];
    contrasts[kind] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }
  return contrasts;
})()
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the site, built as `make docs` builds it."""
    built = subprocess.run(
        ("zensical", "build", "--clean", "--strict"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize(("size", "name"), [(DESK, "desk"), (PHONE, "phone")], ids=["desk", "phone"])
def test_nothing_is_clipped(site: str, page: Browser, size: tuple[int, int], name: str) -> None:
    page.show(*size)
    clipped = {}
    python_blocks = 0
    for each in PAGES:
        page.open(f"{site}/{each}")
        page.picture(PICTURES / name / each.replace("/", "-").replace(".html", ".png"))
        if found := page.run(CLIPPED):
            clipped[each] = found
        python_blocks += page.run("document.querySelectorAll('.language-python pre').length")
    assert clipped == {}
    assert python_blocks > 20


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read_in_the_light_and_in_the_dark(site: str, page: Browser, dark: bool) -> None:
    page.show(*DESK, dark=dark)
    for each in ("index.html", "reference/rules.html", "reference/python.html"):
        page.open(f"{site}/{each}")
        ground = page.run("getComputedStyle(document.body).getPropertyValue('background-color')")
        page.picture(PICTURES / ("dark" if dark else "light") / each.replace("/", "-").replace(".html", ".png"))
        contrasts = page.run(CONTRASTS)
        assert len(contrasts) >= 5
        assert {kind: ratio for kind, ratio in contrasts.items() if ratio < 4.5} == {}, (each, ground)


# The search is a dialog in a separate shadow root.
DIALOG = (
    "[...document.querySelectorAll('*')].map((box) => box.shadowRoot).find((root) => root?.querySelector('dialog'))"
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("look-ahead", "how-to/look-ahead.html"),
        ("BAR_TYPE_UNKNOWN", "how-to/troubleshoot.html"),
        ("ALPHAFORGE_DATA_TARGETS", "reference/client.html"),
        ("backup", "how-to/recover.html"),
        ("trailing stop", "reference/client.html"),
    ],
)
def test_search_finds(site: str, page: Browser, words: str, found: str) -> None:
    page.show(*DESK)
    page.open(f"{site}/index.html")
    page.run("document.querySelector('.md-search__button').click()")
    until(lambda: page.run(f"({DIALOG})?.activeElement?.tagName") == "INPUT", "the dialog's focus")
    page.call("Input.insertText", text=words)
    results = f"[...({DIALOG}).querySelectorAll('[role=option]')].map((box) => box.href)"
    until(lambda: any(found in link for link in page.run(results)), lambda: page.run(results))
