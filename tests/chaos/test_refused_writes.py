"""Writes refused because the disk failed never reappear; if that can't be promised, the outcome is unknown.

Some fifty failures by seed, more than five hundred in a full run.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services.journal.files.store_sqlite import SqliteStore
from services.journal.store import Durability, Record
from tests.support.chaos import many

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "tests/native/failing_sync.c"

# Writes each line of its input as a record and prints the result.
WRITER = """
import sys
from pathlib import Path
from services.journal.store import Append, Durability, OutcomeUnknown, WriteRefused
from services.journal.files.store_sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]), Durability.FSYNC)
for _ in store.streams():
    list(store.replay("a"))
store.ready()
for line in sys.stdin:
    try:
        store.write([Append("a", 1, 1, line.strip().encode() + bytes(int(sys.argv[2])))])
        print("written", flush=True)
    except WriteRefused:
        print("refused", flush=True)
    except OutcomeUnknown:
        print("unknown", flush=True)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled."""
    path = tmp_path_factory.mktemp("shim") / "failing_sync.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, SHIM, "-ldl"], check=True)
    return path


class Disk:
    """A disk that fails a given number of the next syncs of write-ahead logs."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(4))
        self.path = path
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4)

    def fail(self, times: int) -> None:
        self._memory[:4] = struct.pack("i", times)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "failures")


def records(path: Path) -> list[bytes]:
    store = SqliteStore(path, Durability.FSYNC)
    try:
        return [item.payload.rstrip(b"\0") for item in store.replay("a") if isinstance(item, Record)]
    finally:
        store.close()


@pytest.mark.parametrize("seed", range(many(6, 70)))
def test_refused_is_never_and_written_is_always(
    tmp_path: Path, library: Path, disk: Disk, seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(seed)
    path = tmp_path / "data" / "a-fsync.journal"
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAILING_SYNC": str(disk.path), "PYTHONPATH": str(ROOT)}
    size = chance.choice([0, 100, 20_000])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    outcomes: dict[bytes, str] = {}
    try:
        for number in range(30):
            # The last write always fails, so no later write hides what it left.
            if number == 29 or (number and chance.random() < 1 / 3):
                # Once: the write fails and can be undone. Always: it can't be, until the disk is well again.
                disk.fail(chance.choice([1, 1, 2, -1]))
            elif chance.random() < 1 / 2:
                disk.fail(0)
            writer.stdin.write(f"input {number}\n")
            writer.stdin.flush()
            outcomes[b"input %d" % number] = writer.stdout.readline().strip()
    finally:
        writer.kill()
        writer.wait()
        writer.stdin.close()
        writer.stdout.close()
    assert {"written", "refused"} <= set(outcomes.values()) <= {"written", "refused", "unknown"}
    found = records(path)
    written = [payload for payload, outcome in outcomes.items() if outcome == "written"]
    record_property("refused", list(outcomes.values()).count("refused"))
    refused = {payload for payload, outcome in outcomes.items() if outcome == "refused"}
    assert not refused & set(found), "refused, and there after a restart"
    assert [payload for payload in found if outcomes[payload] == "written"] == written
