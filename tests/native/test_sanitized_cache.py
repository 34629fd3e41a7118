"""The core's cache and its codecs under sanitizers, without Python in the process."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core/src"
SOURCES = [
    ROOT / "tests/native/cache_histories.cpp",
    *sorted((CORE / "cache").glob("*.cpp")),
    CORE / "wire/cache.cpp",
    *sorted((CORE / "encoding").glob("*.cpp")),
    *(CORE / "base" / f"{name}.cpp" for name in ("decimal", "utf8")),
    CORE / "model/numbers.cpp",
]


def built(folder: Path, sanitizer: str) -> Path:
    if not shutil.which("g++"):
        pytest.skip("needs g++")
    flags = ["-std=c++20", "-O1", "-pthread", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", f"-I{CORE}"]

    def compiled(source: Path) -> Path:
        target = folder / f"{source.parent.name}_{source.stem}.o"
        subprocess.run(["g++", *flags, "-c", source, "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, SOURCES))
    subprocess.run(["g++", *flags, *objects, "-o", folder / "cache_histories"], check=True)
    return folder / "cache_histories"


def run(program: Path, *arguments: object) -> None:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "agreed\n"), done.stderr[-3000:]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("address"), "address,undefined")


@pytest.mark.parametrize("seed", range(5))
def test_large_histories_agree_with_a_plain_list(checked: Path, seed: int) -> None:
    run(checked, "history", seed, 30_000)


@pytest.mark.parametrize("seed", range(2))
def test_damaged_bytes_are_read_or_refused(checked: Path, seed: int) -> None:
    run(checked, "bytes", seed, 10_000)


def test_threads_do_not_race(tmp_path: Path) -> None:
    run(built(tmp_path, "thread"), "threads", 1, 2_000)
