"""Imports point one way: services and clients to the core and the protos, and the core to nothing."""

from __future__ import annotations

import ast
import functools
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
# The repository's root is importable in development, but installed packages must not rely on that.
OURS = LAYERS.keys() | {"tests", "benchmarks", "tools", "examples", "core", "protos", "clients"}


@functools.cache
def imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported(path: Path) -> Iterator[str]:
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module and not node.level:
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


# The rooms of the services from the top down: each may import those after it. The nouns stand above all of them.
ROOMS = ("runtime", "rpc", "metrics", "engines", "access", "streams", "cluster", "journal", "base")
NOUNS = ("cache", "data", "execution", "relay")


@pytest.mark.parametrize("room", [*NOUNS, *ROOMS, "common"])
def test_a_room_of_the_services_imports_only_rooms_below_it(room: str) -> None:
    # The relay speaks for the data service.
    beside = {"data"} if room == "relay" else set()
    below = {room, *beside, *(ROOMS if room in NOUNS else ROOMS[ROOMS.index(room) + 1 :] if room in ROOMS else ())}
    files = sorted((ROOT / "services" / room).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in imported(path)
        if module.startswith("services.") and module.split(".")[1] not in below
    ]
    assert not wrong


# The rooms of the client, and what each may import. `aio` has the same rooms and may import those outside it;
# the others never import `aio`.
CLIENT_LAYERS: dict[str, set[str]] = {}
for _room in (
    {"errors", "model", "time"},
    {"_base"},
    {"credentials"},
    {"_grpc", "_wire"},
    {"_calls"},
    {"_near"},
    {"_parts"},
    {"cache", "data", "execution"},
    {"strategy"},
):
    CLIENT_LAYERS |= {_name: set(CLIENT_LAYERS) for _name in _room}
CLIENT = ROOT / "clients/python/alphaforge_client"


def modules(folder: Path) -> dict[str, Path]:
    """The modules of a package by their dotted names."""
    return {
        ".".join((folder.name, *path.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in sorted(folder.rglob("*.py"))
    }


def arrows(folder: Path) -> dict[str, set[str]]:
    """Returns each module's imports from its own package, including those for type checkers and inside functions."""
    known = modules(folder)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for node in imports(path):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names} & known.keys()
            elif node.module in known:
                members = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
                found[name] |= members or {node.module}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Returns the modules of one import cycle, or nothing if there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name not in done:
            for other in sorted(graph[name]):
                if found := visit(other, [*path, name]):
                    return found
            done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in graph)), [])


def client_room(module: str) -> tuple[bool, str]:
    """Whether a module belongs to the asyncio half, and its room."""
    parts = module.split(".")[1:]
    is_async = parts[:1] == ["aio"]
    return is_async, (parts[is_async:] or [""])[0]


def test_the_client_imports_only_rooms_below() -> None:
    wrong = []
    for module, others in arrows(CLIENT).items():
        is_async, room = client_room(module)
        for other in others:
            other_is_async, other_room = client_room(other)
            is_below = other_room == room or other_room in CLIENT_LAYERS.get(room, set())
            if not is_below or (other_is_async and not is_async):
                wrong.append(f"{module}: {other}")
    assert not wrong


@pytest.mark.parametrize("folder", [LAYERS[name][0] for name in ("alphaforge_client", "alphaforge_cli", "services")])
def test_no_module_imports_itself_by_a_detour(folder: str) -> None:
    """Imports for type checkers count too: a cycle of them couples modules as tightly."""
    assert not circle(arrows(ROOT / folder))


def test_a_circle_of_imports_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_only_public_modules_stand_outside_the_rooms_of_the_client() -> None:
    public = {"__init__", "cache", "credentials", "data", "errors", "execution", "model", "strategy", "time"}
    assert {path.stem for path in CLIENT.glob("*.py")} == public
    assert {path.stem for path in CLIENT.glob("aio/*.py")} == {"__init__", "cache", "data", "execution", "strategy"}
    assert {room for _, room in map(client_room, modules(CLIENT))} - {""} == CLIENT_LAYERS.keys()


# A folder of the engines, and which others it may include; `bindings` may include all.
CORE_LAYERS = {
    "base": {"base"},
    "model": {"base", "model"},
    "encoding": {"base", "model", "encoding"},
    "wire": {"base", "model", "encoding", "wire"},
    "cache": {"base", "model", "encoding", "cache"},
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


# A folder that can be read at a glance has about a dozen files; a .cpp with its .hpp is one.
FILES_MAX = 13
LARGER = {
    "benchmarks": "one file for each part of a run",
    "core/python/alphaforge_core": "the public modules, and one of wire functions beside each",
    "clients/python/alphaforge_cli": "one file for each verb of the command",
    "core/src/data": "one engine; its files include each other and nothing includes a part of them",
    "core/src/model": "the values of all engines, a file for each",
    "core/src/execution": "one engine; its files include each other and nothing includes a part of them",
    "tests/e2e": "each file is one story of whole processes, and belongs to no noun",
    "tests/support": "what tests share; flat, since every folder of tests imports it",
}


def files_of(folder: Path) -> set[str]:
    """The sources of a folder by their names without endings; Python's own `__init__` and the like left out."""
    return {
        path.stem
        for path in folder.iterdir()
        if path.suffix in {".py", ".cpp", ".hpp"} and not path.stem.startswith("__") and path.stem != "conftest"
    }


def test_folders_can_be_read_at_a_glance() -> None:
    tops = (
        "benchmarks",
        "clients",
        "core/bindings",
        "core/python",
        "core/src",
        "examples",
        "services",
        "tests",
        "tools",
    )
    folders = [folder for top in tops for folder in (ROOT / top, *(ROOT / top).rglob("*")) if folder.is_dir()]
    counts = {str(folder.relative_to(ROOT)): len(files_of(folder)) for folder in folders}
    assert {name: count for name, count in counts.items() if count > FILES_MAX and name not in LARGER} == {}
    assert [name for name in LARGER if counts.get(name, 0) <= FILES_MAX] == [], "these need no exception any more"


def test_no_engine_reads_a_clock() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "core/src").rglob("*.[ch]pp")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"(steady|system|high_resolution)_clock|clock_gettime|gettimeofday|\btime\(nullptr\)", line)
    ]
    assert not wrong
