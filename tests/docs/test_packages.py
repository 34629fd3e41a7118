"""The packages that `make dist` builds, installed as the README says."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.stack import consecutive_ports
from tests.support.waiting import until
from tools.set_version import FILES, version_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("alphaforge_client", "alphaforge_core", "alphaforge_protos", "alphaforge_services")
LINE = re.search(r"^pip install --find-links dist (\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)


def run(*words: str | Path, **options: object) -> str:
    result = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return str(result.stdout)


def test_all_packages_have_one_version() -> None:
    assert len({version_of(file) for file in FILES}) == 1


def test_each_package_has_the_licence_of_the_project() -> None:
    licence = (ROOT / "LICENSE").read_text()
    for file in FILES:
        assert (file.parent / "LICENSE").read_text() == licence, file


def test_the_constraints_are_the_lock_without_its_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    versions = [line.rstrip(" \\") for line in lock.splitlines() if not line.lstrip().startswith("--hash")]
    assert versions == (ROOT / "requirements.txt").read_text().splitlines()
    assert lock.count("==") <= lock.count("--hash=sha256:")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the packages in a copy, so that another build can run concurrently."""
    run("make", "--no-print-directory", "dist", cwd=ROOT)
    return Path(shutil.copytree(ROOT / "dist", tmp_path_factory.mktemp("packages") / "dist"))


@pytest.mark.timeout(900)
def test_wheels_and_sdists_say_what_they_are(dist: Path) -> None:
    for name in PACKAGES:
        (wheel,) = dist.glob(f"{name}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (metadata,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
            fields = email.message_from_bytes(archive.read(metadata))
            assert any(each.endswith("/LICENSE") for each in archive.namelist()), wheel
        assert fields["License-Expression"] == "Apache-2.0"
        assert fields["Description-Content-Type"] == "text/markdown"
        assert len(fields.get_payload()) > 100
        assert "Programming Language :: Python :: 3.11" in fields.get_all("Classifier", [])
        (sdist,) = dist.glob(f"{name}-*.tar.gz")
        with tarfile.open(sdist) as archive:
            names = {each.partition("/")[2] for each in archive.getnames()}
        assert {"LICENSE", "README.md", "PKG-INFO", "pyproject.toml"} <= names, sdist
    (core,) = dist.glob("alphaforge_core-*.whl")
    if sys.platform == "linux":
        assert re.search(r"-manylinux_2_\d+_\w+\.whl$", core.name), core.name


Install = Callable[[str], Path]
MODULES = {name: name for name in PACKAGES} | {"alphaforge_protos": "alphaforge.data.v1.data_service_pb2"}
MODULES["alphaforge_services"] = "services.data.__main__"


@pytest.fixture(scope="module")
def install(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Installs a requirement, and nothing else, in a virtual environment, once; returns its folder of commands."""

    @cache
    def made(requirement: str) -> Path:
        venv = tmp_path_factory.mktemp("installed") / "venv"
        run("uv", "venv", "--python", sys.executable, venv)
        packages = ("--find-links", dist, "--constraint", ROOT / "requirements.txt", requirement)
        # A wheel of the same name and version, from an earlier run, may be in the cache.
        fresh = (word for name in PACKAGES for word in ("--refresh-package", name))
        run("uv", "pip", "install", "--python", venv / "bin/python", *fresh, *packages)
        return venv / "bin"

    return made


@pytest.fixture(scope="module")
def up(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment for programs against services that run from what the line of the README installs."""
    assert LINE is not None
    command = install(LINE[1].strip('"')) / "alphaforge"
    folder = tmp_path_factory.mktemp("up")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALPHAFORGE_")}
    base = consecutive_ports(6)
    log_file = folder / "up.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            (command, "up", "--port-base", str(base), "--metrics-base", str(base + 3)),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: "alphaforge ready" in log_file.read_text() or process.poll() is not None, log_file.read_text, 120)
        said = log_file.read_text()
        assert "alphaforge ready" in said
        yield environment | dict(re.findall(r"(ALPHAFORGE_\w+_TARGET)=(\S+)", said))
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.timeout(900)
def test_the_line_of_the_readme_installs_services_that_run(install: Install, up: dict[str, str]) -> None:
    assert LINE is not None
    command = install(LINE[1].strip('"')) / "alphaforge"
    assert run(command, "--version", env=up).strip() == version_of(FILES[0])
    assert run(command, "ping", env=up).count(" serving") == 3


@pytest.mark.timeout(900)
def test_services_need_the_extra_cluster_for_postgresql_alone(install: Install, tmp_path: Path) -> None:
    python = install("alphaforge-services") / "python"
    result = subprocess.run(
        (python, "-m", "services.data", "--port", "0", "--metrics-port", "0", "--data-dir", tmp_path),
        env=os.environ | {"ALPHAFORGE_JOURNAL": "postgresql://me@127.0.0.1:1/d"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "a journal in PostgreSQL needs asyncpg: install alphaforge-services[cluster]" in result.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PACKAGES)
def test_each_wheel_installs_alone_and_is_imported_from_where_it_was_installed(name: str, install: Install) -> None:
    program = f"import {MODULES[name]} as module; print(module.__file__)"
    python = install(name.replace("_", "-")) / "python"
    # Outside the repository, whose folders are also importable.
    assert python.parents[1] in Path(run(python, "-c", program, cwd=python.parent).strip()).parents


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("extras", "megabytes"), [("", 40), ("[numpy]", 95), ("[cli]", 130)])
def test_the_client_is_small(extras: str, megabytes: int, install: Install) -> None:
    """Excludes the bytecode that pip compiles, about a quarter more, and Python itself, to which there are links."""
    files = [file for file in install(f"alphaforge-client{extras}").parent.rglob("*") if file.suffix != ".pyc"]
    assert sum(file.lstat().st_size for file in files if file.is_file()) <= megabytes * 1_000_000


WITHOUT_NUMPY = """
from alphaforge_client.cache import GenericCache
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide
from alphaforge_client.model import Price, Quantity, TradeTick

def tick(number):
    return TradeTick("BTCUSD", Price(100 + number), Quantity(1), "BUY", str(number), number, number)

config = DataEngineConfig(bar_types=["2tick"])
with (
    GenericCache(100, name="small") as cache,
    DataEngine(config, name="small") as data,
    ExecutionEngine(name="small") as venue,
):
    cache.put("last", Price("1.5"))
    print(cache.get("last"))
    bars = data.process_trade_ticks([tick(1), tick(2)])
    bars += data.process_trade_ticks(instrument_id="BTCUSD", prices=[5.0, 6.0], quantities=[1, 1], ts_event=[5, 6])
    print(*(bar.close for bar in bars))
    venue.process_trade_ticks([tick(1)])
    venue.submit_order(Order.market("BTCUSD", OrderSide.Buy, 1, "s"))
    print(*(fill.price for fill in venue.get_fills("s")))
    try:
        print(cache.get("array"))
    except ModuleNotFoundError as error:
        print(error)
"""


@pytest.mark.timeout(900)
def test_the_client_alone_works_without_numpy_and_says_what_needs_it(install: Install, up: dict[str, str]) -> None:
    assert LINE is not None
    put = "import numpy; from alphaforge_client.cache import GenericCache as Cache; "
    put += "Cache(100, name='small').put('array', numpy.arange(3))"
    run(install(LINE[1].strip('"')) / "python", "-c", put, env=up)
    said = run(install("alphaforge-client") / "python", "-c", WITHOUT_NUMPY, env=up).splitlines()
    assert said[:3] == ["1.50", "102.00 6.00", "101.00"]
    assert said[3].endswith("need numpy, which is not installed; run: pip install numpy")


@pytest.mark.timeout(900)
def test_the_command_needs_the_extra_files_for_files_alone(install: Install, up: dict[str, str]) -> None:
    command = install("alphaforge-client[cli]") / "alphaforge"
    assert "pip install 'alphaforge-client[files]'" in re.sub(r"[\s│]+", " ", run(command, "--help", env=up))
    assert "orders" in run(command, "demo", "--duration", "3", env=up)
    run(command, "stats", "--engine", "demo", env=up)
    for words in (("replay", "trades.csv"), ("record", "-h"), ("demo", "--file", "trades.csv")):
        result = subprocess.run((command, *words), capture_output=True, text=True, check=False, env=up)
        assert result.returncode == 1
        assert result.stderr == "alphaforge: pyarrow is not installed; run: pip install 'alphaforge-client[files]'\n"
