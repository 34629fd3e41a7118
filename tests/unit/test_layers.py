"""Imports point one way: services and clients to the core and the protos, and the core to nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each package's folder, and which of the project's own packages it may import beside itself.
LAYERS = {
    "alphaforge_core": ("core/python/alphaforge_core", set()),
    "alphaforge": ("protos/python/alphaforge", set()),
    "alphaforge_client": ("clients/python/alphaforge_client", {"alphaforge_core", "alphaforge"}),
    "alphaforge_pyo3": ("clients/python/alphaforge_pyo3", {"alphaforge_client"}),
    "alphaforge_cli": ("clients/python/alphaforge_cli", {"alphaforge_client", "alphaforge_core", "alphaforge"}),
    "services": ("services", {"alphaforge_core", "alphaforge"}),
}
# The repository's root is importable in development; nothing that is installed may count on it.
OURS = LAYERS.keys() | {"tests", "benchmarks", "tools", "examples", "core", "protos", "clients"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_the_layers_below_it(package: str) -> None:
    folder, allowed = LAYERS[package]
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in imported(path)
        if (top := module.split(".")[0]) in OURS and top != package and top not in allowed
    ]
    assert not wrong


def test_no_service_imports_another() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for noun in ("cache", "data", "execution")
        for path in (ROOT / "services" / noun).rglob("*.py")
        for module in imported(path)
        if module.startswith("services.") and module.split(".")[1] not in {noun, "common"}
    ]
    assert not wrong


# A folder of the engines, and which others it may include; `bindings` may include all.
CORE_LAYERS = {
    "base": {"base"},
    "model": {"base", "model"},
    "wire": {"base", "model", "wire"},
    "cache": {"base", "model", "wire", "cache"},
    "data": {"base", "model", "data"},
    "execution": {"base", "model", "execution"},
}


@pytest.mark.parametrize("folder", CORE_LAYERS)
def test_an_engine_includes_neither_python_nor_another_engine(folder: str) -> None:
    files = [path for path in (ROOT / "core/src" / folder).iterdir() if path.suffix in {".cpp", ".hpp"}]
    assert files
    wrong = []
    for path in files:
        for header in re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.MULTILINE):
            top = header.split("/")[0]
            if "/" in header and top in CORE_LAYERS and top not in CORE_LAYERS[folder]:
                wrong.append(f"{path.relative_to(ROOT)}: {header}")
            if "Python.h" in header or "nanobind" in header or "grpc" in header or "google/protobuf" in header:
                wrong.append(f"{path.relative_to(ROOT)}: {header}")
    assert not wrong


def test_no_engine_reads_a_clock() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "core/src").rglob("*.[ch]pp")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"(steady|system|high_resolution)_clock|clock_gettime|gettimeofday|\btime\(nullptr\)", line)
    ]
    assert not wrong
