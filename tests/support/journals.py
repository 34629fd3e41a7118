"""Where tested services keep their journals: in files, or with `pytest --journal=postgresql` in PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from tests.support.cluster import cluster_command
from tests.support.postgres import Pair

__all__ = ["journals_in", "use_postgresql"]

_pair: Pair | None = None
_template = ""
_dsns: dict[Path, str] = {}


def use_postgresql(pair: Pair | None) -> None:
    """Keeps journals in this pair from now on; None: in files."""
    global _pair, _template
    _pair = pair
    _dsns.clear()
    if pair is not None:
        made = pair.database()
        done = cluster_command(made, "init")
        assert done.returncode == 0, done.stderr
        _template = made.rpartition("/")[2]


def journals_in(folder: Path) -> str | None:
    """The DSN of the database for services with this data folder; None: they have files there."""
    if _pair is None:
        return None
    if folder not in _dsns:
        _dsns[folder] = _pair.database(template=_template)
    return _dsns[folder]
