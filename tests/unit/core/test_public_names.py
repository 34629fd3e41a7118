"""The package's public names are listed once, documented, and where pickles look for them; ruff sorts them."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from types import ModuleType

import alphaforge_core
import pytest

MODULES = (
    *("cache", "data", "errors", "execution", "journal", "model", "time"),
    *("cache_wire", "data_wire", "execution_wire", "rpc_wire"),
)


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"alphaforge_core.{request.param}")


def test_names_are_listed_once_and_exist(module: ModuleType) -> None:
    assert len(module.__all__) == len(set(module.__all__))
    assert module.__doc__
    for name in module.__all__:
        assert hasattr(module, name)


def test_classes_and_functions_are_documented_and_say_where_they_live(module: ModuleType) -> None:
    for name in module.__all__:
        public = getattr(module, name)
        if inspect.isclass(public) or callable(public):
            assert public.__doc__, name
            assert public.__module__ == module.__name__, name


def test_members_of_classes_are_documented(module: ModuleType) -> None:
    for name in module.__all__:
        public = getattr(module, name)
        if inspect.isclass(public):
            for member in vars(public):
                if not member.startswith("_"):
                    assert getattr(public, member).__doc__, f"{name}.{member}"


def test_the_version_is_that_of_the_package() -> None:
    assert alphaforge_core.__version__ == importlib.metadata.version("alphaforge-core")
