"""Runs clang-tidy over the C++ code, that of the tests too: `python -m tools.tidy`. With `--fix`, fixes includes.

Files that passed are recorded under build/tidy/passed by a hash of everything the result depends on: the file, the
project's headers it includes, the compile command, the settings, and the versions of clang-tidy, compiler and nanobind.
So a second run takes seconds, and a changed header rechecks the files that include it. Headers are checked separately
for their includes; the other checks see them through the sources.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core"
BUILD = ROOT / "build/tidy"
PASSED = BUILD / "passed"
HEADERS = (CORE / "src", CORE / "bindings")
FUZZ = ROOT / "tests/fuzz"
NATIVE = ROOT / "tests/native"
INCLUDE_ROOTS = (CORE / "src", CORE, FUZZ)

_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def compile_commands() -> dict[Path, str]:
    """The command of every source and header of the core, from a configuration without precompiled headers.

    Headers get the flags of a binding, which find every folder of headers; by default, clang-tidy takes the flags of a
    source with a similar name. The tests' own programs, which other build files compile, get an engine's flags.
    """
    configure = ["cmake", "-S", str(CORE), "-B", str(BUILD), "-G", "Ninja", "-Wno-dev"]
    configure += ["-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON", f"-DPython_EXECUTABLE={sys.executable}"]
    run = subprocess.run(configure, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout + run.stderr)
    database = BUILD / "compile_commands.json"
    entries = json.loads(database.read_text())
    flags = {entry["file"]: entry["command"].partition(" -o ")[0] for entry in entries}
    binding = f"{flags[str(CORE / 'bindings/errors.cpp')]} -x c++-header"
    engine = f"{flags[str(CORE / 'src/base/decimal.cpp')]} -I{FUZZ}"
    others = {header: binding for root in HEADERS for header in root.rglob("*.hpp")}
    others |= {source: engine for folder in (FUZZ, NATIVE) for source in folder.rglob("*.cpp")}
    others |= dict.fromkeys(FUZZ.glob("*.hpp"), f"{engine} -x c++-header")
    entries += [
        {"directory": str(BUILD), "file": str(file), "command": f"{command} -c {file}"}
        for file, command in sorted(others.items())
    ]
    database.write_text(json.dumps(entries))
    commands = {Path(entry["file"]): entry["command"] for entry in entries}
    return {file: command for file, command in commands.items() if file in others or file.is_relative_to(CORE)}


@cache
def included(file: Path) -> frozenset[Path]:
    """The project's headers that a file includes directly."""
    found = set()
    for name in _INCLUDE.findall(file.read_bytes()):
        for folder in (file.parent, *INCLUDE_ROOTS):
            if (path := folder / name.decode()).exists():
                found.add(path.resolve())
                break
    return frozenset(found)


def with_headers(file: Path) -> list[Path]:
    """A file and every header of the project that it includes, directly or not."""
    seen: set[Path] = set()
    pending = [file]
    while pending:
        if (path := pending.pop()) not in seen:
            seen.add(path)
            pending.extend(included(path))
    return sorted(seen)


def fingerprint(file: Path, command: str, environment: str) -> str:
    digest = hashlib.sha256(f"{environment}\n{command.replace(str(ROOT), '')}\n".encode())
    for path in with_headers(file):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def check(file: Path, mark: Path, *options: str) -> str:
    """Returns the findings in one file; records that the file passed if there are none."""
    if mark.exists():
        return ""
    if file.suffix == ".hpp" or "--fix" in options:
        options += ("--checks=-*,misc-include-cleaner",)
    run = subprocess.run(
        ["clang-tidy", "-p", str(BUILD), "--quiet", *options, str(file)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        return run.stdout or run.stderr
    if "--fix" not in options:
        mark.touch()
    return ""


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.tidy", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="sources and headers; all by default")
    parser.add_argument("--fix", action="store_true", help="add and remove includes; check nothing else")
    arguments = parser.parse_args()

    commands = compile_commands()
    files = [file.resolve() for file in arguments.files] or sorted(commands)
    environment = "\n".join(
        (
            output_of("clang-tidy", "--version"),
            output_of("c++", "--version"),
            version("nanobind"),
            (ROOT / ".clang-tidy").read_text(),
        )
    )
    PASSED.mkdir(parents=True, exist_ok=True)
    marks = {file: PASSED / fingerprint(file, commands[file], environment) for file in files}
    if not arguments.files:
        for mark in set(PASSED.iterdir()) - set(marks.values()):
            mark.unlink()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        options = ["--fix"] if arguments.fix else []
        findings = [found for found in pool.map(lambda file: check(file, marks[file], *options), files) if found]
    print("\n".join(findings) or f"clang-tidy: {len(files)} files are clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
