"""After a power cut, a start serves all acknowledged changes, or begins a new epoch if the durability is `os`.

What the services do to their files is recorded. From the record, the tests make files as a cut at any moment may leave
them, and start the services on these. Forty cuts by seed, six hundred in a full run, each of engines of both
durabilities.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.cache import cache_files
from services.journal import suspects
from services.journal.files import store_sqlite
from tests.support.chaos import Chaos
from tests.support.in_process import serving
from tests.support.power_cuts import Before, Event, build_recorder, events, left_by_a_cut

ROOT = Path(__file__).resolve().parents[2]
LIVES = 3
CUTS = 10

Key = tuple[str, str]


@dataclass
class Known:
    """What was acknowledged of an engine."""

    epoch: int = 0
    """0: there is none."""
    used: list[tuple[int, int]] = field(default_factory=list)
    """Number and size of each call, in the present epoch."""
    is_uncertain: bool = False
    """Something has begun that gives it another epoch, or ends it."""
    before: set[int] = field(default_factory=set)
    """The epochs that it had."""


@dataclass
class Recording:
    """A folder as it was, and what was done to it and acknowledged since.

    A drop or reset that the cut before this life interrupted may have happened: that stays uncertain until the engine
    is opened.
    """

    before: Before
    known_before: Mapping[Key, Known]
    events: list[Event]
    acks: list[dict[str, Any]]

    def known(self, end: int) -> dict[Key, Known]:
        """Returns what is known when the trace is `end` bytes long."""
        known = {
            key: Known(each.epoch, list(each.used), each.is_uncertain, set(each.before))
            for key, each in self.known_before.items()
        }
        for ack in self.acks:
            if ack["at"] > end:
                break
            one = known.setdefault((ack["noun"], ack["name"]), Known())
            if ack["what"] == "used":
                one.used.append((ack["number"], ack["size"]))
                continue
            one.is_uncertain = ack["what"] in ("ends", "opens")
            if ack["what"] in ("open", "dropped") and ack.get("epoch") != one.epoch:
                one.before.add(one.epoch)
                one.epoch, one.used = ack.get("epoch", 0), []
        return known


def record(work: Path, library: Path, folder: Path, known: Mapping[Key, Known], seed: int, lives: range) -> Recording:
    """Runs the services in the folder, once per life, all with the same boot id; each life ends by a stop or a kill."""
    work.mkdir()
    before = Before.of(folder)
    trace, acks = work / "trace", work / "acks"
    for path in (trace, acks):
        path.touch()
    chance = random.Random(seed)
    for life in lives:
        end = chance.choice(("stop", "kill"))
        command = [sys.executable, "-m", "tests.programs.life_of_services", str(folder), str(trace), str(acks)]
        subprocess.run(
            [*command, str(seed), str(life), f"boot {lives[0]}", end],
            cwd=ROOT,
            env={
                **os.environ,
                "LD_PRELOAD": str(library),
                "RECORDED_FOLDER": str(folder),
                "RECORDED_TRACE": str(trace),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            check=True,
        )
    said = [json.loads(line) for line in acks.read_text().splitlines()]
    return Recording(before, known, list(events(trace.read_bytes())), said)


async def look_at(folder: Path, known: Mapping[Key, Known], end: str) -> dict[Key, Known]:
    """Starts the services; raises AssertionError where what they serve is not what was promised.

    Returns what is known of each engine from now on.
    """
    found: dict[Key, Known] = {}
    async with AsyncExitStack() as stack:
        services = {
            noun: await stack.enter_async_context(serving(noun, folder)) for noun in ("cache", "data", "execution")
        }
        for (noun, name), one in known.items():
            refused = services[noun].service.engines._damaged
            assert name not in refused, f"{end}: {noun} {name}: {refused[name][1]}"
            engines = {each.name: each for each in services[noun].service.engines.engines()}
            epoch = engines[name].epoch if name in engines else 0
            where = f"{end}: {noun} {name}: epoch {epoch}, {one}"
            if epoch == one.epoch and epoch:
                lost = [used for used in one.used if not has(noun, engines[name].core, one, used)]
                assert not lost, f"{where}, lost {lost}"
            elif not one.is_uncertain:
                assert epoch not in one.before - {0}, f"old state under its old epoch: {where}"
                assert name == "os" or not one.epoch, f"lost: {where}"
            found[noun, name] = Known(epoch, one.used if epoch == one.epoch else [], False, one.before)
    return found


def has(noun: str, core: Any, one: Known, used: tuple[int, int]) -> bool:
    """Whether an engine has the effect of a call."""
    number, size = used
    if noun == "cache":
        return bool(core.contains(str(number)))
    if noun == "execution":
        return all(core.get_order(f"{number}-{each}") is not None for each in range(size))
    return bool(core.statistics().ticks_processed >= sum(size for _, size in one.used))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


def test_after_a_cut_what_was_acknowledged_is_served_or_a_new_epoch_begins(
    tmp_path: Path, library: Path, chaos: Chaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = chaos.dice()
    cuts = 0
    boots = [""]
    for module in (store_sqlite, suspects, cache_files):
        monkeypatch.setattr(module, "boot_id", lambda: boots[0])
    for number in range(chaos.rounds(2, 30)):
        work = tmp_path / str(number)
        work.mkdir()
        (work / "first").mkdir()
        seed = chance.randrange(2**32)
        first = record(work / "recorded", library, work / "first", {}, seed, range(LIVES))
        # Repeat this on the files that a cut left, so that starts after a cut are cut too.
        for cut in range(CUTS):
            boots[0] = f"cut {cut}"
            cuts += 1
            folder, known, end = cut_off(first, work / f"cut {cut}", chance)
            left = asyncio.run(look_at(folder, known, end))
            asyncio.run(look_at(folder, left, f"{end}, started again"))
        folder, known, _ = cut_off(first, work / "second", chance)
        second = record(work / "recorded again", library, folder, known, seed, range(LIVES, LIVES + 1))
        for cut in range(CUTS):
            boots[0] = f"second cut {cut}"
            cuts += 1
            asyncio.run(look_at(*cut_off(second, work / f"second cut {cut}", chance)))
    chaos.count("cuts", cuts)


def cut_off(recording: Recording, folder: Path, chance: random.Random) -> tuple[Path, dict[Key, Known], str]:
    """Fills `folder` with what a cut at a random moment leaves; returns what was acknowledged before the cut."""
    end = chance.choice([0, *(event.end for event in recording.events)])
    left_by_a_cut(recording.before, recording.events, end, folder, chance)
    return folder, recording.known(end), f"cut at {end}"
