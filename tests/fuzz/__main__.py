"""Builds the fuzz targets and runs each for its share of the time, from the corpora that are checked in.

    python -m tests.fuzz            # FUZZ_SECONDS in all, 60 by default
    python -m tests.fuzz orders     # only these targets

What a run finds new stays in build/fuzz/corpus. A target that fails leaves its input there as crash-..., and prints it:
fix the bug, and add the input to tests/fuzz/corpus/<target>. Without clang, whose libFuzzer makes the inputs, the
corpora are run once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests/fuzz"
BUILD = ROOT / "build/fuzz"
INPUT_BYTES_MAX = 4096


def build(compiler: str) -> None:
    configure = ["cmake", "-S", SOURCES, "-B", BUILD, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}"]
    if launcher := shutil.which("ccache"):
        configure.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}")
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD], check=True)


def run(target: str, seconds: int, fuzzes: bool) -> bool:
    seeds, found = SOURCES / "corpus" / target, BUILD / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    command = [BUILD / target]
    if fuzzes:
        command += [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=10", "-rss_limit_mb=2048"]
        command += [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0", found]
    done = subprocess.run([*command, seeds], capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        print(f"{target}: failed\n{done.stderr[-8000:]}")
        return False
    executed = [line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(f"{target}: {executed[0] + ' inputs' if executed else done.stdout.strip()}")
    return True


def main(wanted: list[str]) -> int:
    targets = sorted(path.stem for path in (SOURCES / "targets").glob("*.cpp"))
    if unknown := set(wanted) - set(targets):
        print(f"unknown targets {', '.join(sorted(unknown))}; there are {', '.join(targets)}", file=sys.stderr)
        return 2
    compiler = shutil.which("clang++")
    build(compiler or "g++")
    seconds = max(1, int(os.environ.get("FUZZ_SECONDS", "60")) // len(wanted or targets))
    failed = [target for target in wanted or targets if not run(target, seconds, compiler is not None)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
