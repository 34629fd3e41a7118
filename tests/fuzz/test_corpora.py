"""Runs the corpora of the fuzz targets through the core, under a sanitizer if it was built with one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "tests/fuzz"
TARGETS = sorted(path.stem for path in (FUZZ / "targets").glob("*.cpp"))


def built_core() -> tuple[Path, str]:
    """Returns the library from which this environment's extension is linked, and its sanitizers."""
    for cache in ROOT.glob("build/native*/CMakeCache.txt"):
        settings = dict(re.findall(r"^(\w+):\w+=(.*)$", cache.read_text(), re.MULTILINE))
        if Path(settings.get("Python_EXECUTABLE", "")).parent == Path(sys.executable).parent:
            return cache.parent / "libalphaforge.a", settings.get("ALPHAFORGE_SANITIZE", "")
    pytest.skip("the core was not built from this checkout, as `make build` does")


@pytest.mark.parametrize("target", TARGETS)
def test_a_corpus_breaks_no_law(target: str, tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    library, sanitizers = built_core()
    program = tmp_path / target
    flags = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=undefined"] if sanitizers else []
    sources = [FUZZ / "replay.cpp", FUZZ / "targets" / f"{target}.cpp"]
    include = [f"-I{ROOT / 'core/src'}", f"-I{FUZZ}"]
    subprocess.run([compiler, "-std=c++20", "-O0", *flags, *include, *sources, library, "-o", program], check=True)
    corpus = FUZZ / "corpus" / target
    done = subprocess.run([program, corpus], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{len(list(corpus.iterdir()))} files\n"
