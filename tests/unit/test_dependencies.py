"""Every package declares what it imports, and nothing besides."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

# Each project, and the folders of its packages.
PROJECTS = {
    "core": ["core/python/alphaforge_core"],
    "protos/python": ["protos/python/alphaforge"],
    "clients/python": [f"clients/python/alphaforge_{name}" for name in ("client", "pyo3", "cli")],
    "services": ["services"],
}

# Packages whose import name differs from the installed name; namespaces are listed by their parts.
DISTRIBUTIONS = {
    "alphaforge": "alphaforge-protos",
    "dotenv": "python-dotenv",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
}
# pandas and polars read Arrow tables through pyarrow; `alphaforge up` starts the services as processes.
INDIRECT = {"core": {"pyarrow"}, "clients/python": {"alphaforge-services"}}
# Optional packages: a project uses them if they are installed, and otherwise says how to install them.
BY_CHOICE = {"core": {"databento", "databento-dbn"}, "clients/python": {"pyarrow"}}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def distribution(module: str) -> str:
    parts = module.split(".")
    prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((DISTRIBUTIONS[each] for each in prefixes if each in DISTRIBUTIONS), parts[0].replace("_", "-"))


def needed(folders: list[str]) -> set[str]:
    own = {Path(folder).name for folder in folders}
    modules = {module for folder in folders for path in (ROOT / folder).rglob("*.py") for module in imported(path)}
    outside = {module for module in modules if module.split(".")[0] not in own | sys.stdlib_module_names}
    return {distribution(module) for module in outside}


def declared(project: dict[str, Any]) -> set[str]:
    optional = project.get("optional-dependencies", {})
    lines = [*project.get("dependencies", []), *(line for extra in optional.values() for line in extra)]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in lines}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_declares_what_it_imports(name: str) -> None:
    project = tomllib.loads((ROOT / name / "pyproject.toml").read_text())["project"]
    found = needed(PROJECTS[name])
    assert found - declared(project) == BY_CHOICE.get(name, set()), "imported and not declared"
    unused = declared(project) - found - INDIRECT.get(name, set()) - {project["name"]}
    assert unused == set(), "declared and not imported"


def test_a_module_belongs_to_the_distribution_that_brings_it() -> None:
    assert distribution("google.rpc.status_pb2") == "googleapis-common-protos"
    assert distribution("opentelemetry.trace") == "opentelemetry-api"
    assert distribution("prometheus_client.core") == "prometheus-client"
