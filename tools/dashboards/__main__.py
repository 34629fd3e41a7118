"""The Grafana dashboards: an overview, one for each engine, and one for clusters.

python -m tools.dashboards            # write observability/grafana/dashboards
python -m tools.dashboards --check    # exit 1 and name the files that are not what would be written
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tools.dashboards.cache import cache
from tools.dashboards.cluster import cluster
from tools.dashboards.data import data
from tools.dashboards.execution import execution
from tools.dashboards.overview import overview
from tools.dashboards.parts import STORY

FOLDER = Path(__file__).resolve().parents[2] / "observability/grafana/dashboards"


def main(arguments: list[str]) -> int:
    stale = []
    for board in (overview(), cache(), data(), execution(), cluster()):
        path = FOLDER / f"{board.uid.removeprefix('alphaforge-')}.json"
        text = json.dumps(board.json(STORY), indent=1) + "\n"
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            stale.append(path)
    for path in stale:
        print(f"{path} is not what tools/dashboards writes; run `make gen`", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
