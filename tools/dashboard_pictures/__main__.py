"""The pictures of docs/how-to/dashboards.md: runs services, the demo and Prometheus, and draws each board at the end.

python -m tools.dashboard_pictures [SECONDS]    # how long the demo runs, 300 by default

Needs Chromium, Prometheus, PostgreSQL (for the board of clusters) and npm, with which Grafana's panels (620 MB) are
installed in build/grafana. Exits with 1 and names the panels without data and those whose title is cut off.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from tests.support.browser import browser
from tests.support.cluster import Candidate, running_cluster
from tests.support.postgres import running_pair
from tests.support.prometheus import DASHBOARDS, Prometheus, running_prometheus
from tests.support.stack import NOUNS, running_stack
from tests.support.waiting import let_pass

SOURCES = Path(__file__).parent
ROOT = SOURCES.parents[1]
WORK = ROOT / "build/grafana"
PICTURES = ROOT / "docs/assets/dashboards"
BYTES_MAX = 150_000

# The rows of each picture; the rows that every service's board has are drawn once.
STACK = {
    "overview": ("overview", ["Health", "Rate, errors, duration", "Engines"]),
    "data": ("data", ["Health", "Ticks and bars"]),
    "execution": ("execution", ["Health", "Orders", "Market data and state"]),
    "positions": ("execution", ["Positions by strategy and symbol", "Accounts of strategies"]),
    "cache": ("cache", ["Health", "Keys"]),
    "calls": ("data", ["Calls", "Journal"]),
    "access": ("data", ["Access", "Streams of bars and trades", "Process"]),
}
CLUSTER = {"cluster": ("cluster", ["Health", "Over time"])}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def build_panels() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "panels.jsx", "index.html"):
        shutil.copy(SOURCES / name, WORK)
    subprocess.run(("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"), cwd=WORK, check=True)
    loaders = [f"--loader:.{kind}=dataurl" for kind in ("svg", "woff", "woff2", "ttf")]
    defined = ("--define:global=window", '--define:process.env.NODE_ENV="production"')
    bundle = ("node_modules/.bin/esbuild", "panels.jsx", "--bundle", "--outfile=out.js", "--log-level=error")
    subprocess.run((*bundle, *defined, *loaders), cwd=WORK, check=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder are served."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def running_demo(targets: dict[str, str]) -> Iterator[None]:
    environment = {"PATH": "/usr/bin:/bin", **{f"ALPHAFORGE_{noun.upper()}_TARGET": at for noun, at in targets.items()}}
    command = (sys.executable, "-m", "alphaforge_cli", "demo")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            assert process.poll() is None, "the demo has ended"
        finally:
            process.terminate()


def draw(prometheus: Prometheus, pictures: dict[str, tuple[str, list[str]]], seconds: int) -> list[str]:
    """Takes the pictures, and returns what is wrong in them."""
    wrong = []
    boards = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
    folder = TemporaryDirectory(ignore_cleanup_errors=True)
    with served(WORK) as site, folder as profile, browser(Path(profile)) as page:
        for name, (board, rows) in pictures.items():
            page.show(1208, 100)
            page.open(f"{site}/index.html?{urlencode({'prometheus': prometheus.url, 'seconds': seconds})}")
            found = page.run(f"draw({json.dumps(boards[board])}, {json.dumps(rows)})")
            path = PICTURES / f"{name}.webp"
            page.picture(path)
            if path.stat().st_size > BYTES_MAX:
                found.append(f"{path.stat().st_size:,} bytes")
            wrong += [f"{name}: {each}" for each in found]
    return wrong


@contextmanager
def running_clusters(folder: Path, dsn: str) -> Iterator[dict[str, list[Candidate]]]:
    """Two candidates of each service."""
    with running_cluster(folder, dsn, "cache", "data") as first:
        follows = ("--data-target", first.target("data"))
        with running_cluster(folder, dsn, "execution", is_made=True, execution=follows) as second:
            yield first.candidates | second.candidates


def main(seconds: int) -> int:
    build_panels()
    wrong = []
    with TemporaryDirectory() as name, running_stack(folder := Path(name)) as stack:
        stack.serve(*NOUNS)
        metrics = {noun: [port] for noun, port in stack.metrics_ports.items()}
        targets = {noun: stack.target(noun) for noun in NOUNS}
        with running_prometheus(folder, metrics, often=False) as prometheus, running_demo(targets):
            let_pass(seconds + 60)
            wrong += draw(prometheus, STACK, seconds)
    with (
        TemporaryDirectory() as name,
        running_pair() as pair,
        running_clusters(folder := Path(name), pair.database()) as candidates,
    ):
        metrics = {noun: [each.metrics_port for each in candidates[noun]] for noun in NOUNS}
        targets = {noun: ",".join(each.address for each in candidates[noun]) for noun in NOUNS}
        with running_prometheus(folder, metrics, often=False) as prometheus, running_demo(targets):
            let_pass(seconds + 60)
            wrong += draw(prometheus, CLUSTER, seconds)
    print(*wrong, sep="\n", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
