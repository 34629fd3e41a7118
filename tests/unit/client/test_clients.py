"""A client before its first call."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import alphaforge_client._base.unnamed
import pytest
from alphaforge_client.aio.cache import GenericCache as AsyncGenericCache
from alphaforge_client.cache import GenericCache, NearCache
from alphaforge_client.credentials import Credentials
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.execution import ExecutionEngine, ExecutionEngineConfig

# Nothing listens there, so sending anything would fail.
NOWHERE = "127.0.0.1:1"


@pytest.fixture(params=[GenericCache, DataEngine, ExecutionEngine])
def kind(request: pytest.FixtureRequest) -> type[Any]:
    return request.param


def test_making_a_client_sends_nothing(kind: type[Any]) -> None:
    client = kind(name="n", target=NOWHERE)
    assert client.name == "n"
    assert client.target == NOWHERE
    client.close()


def test_its_repr_shows_where_it_is_and_no_secret(kind: type[Any]) -> None:
    credentials = Credentials(token="secret")
    client = kind(name="n", target=NOWHERE, credentials=credentials)
    assert repr(client) == f"{kind.__name__}(name='n', target='{NOWHERE}')"
    assert "secret" not in repr(client._connection.endpoint)
    assert "redentials" not in repr(client._connection.endpoint)


def test_it_can_not_be_pickled_and_says_what_to_do(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match="in each process"):
        pickle.dumps(kind(name="n", target=NOWHERE))


def test_configurations_can_be_pickled() -> None:
    data = DataEngineConfig(bar_types=["1min"], fill_gaps=True)
    assert pickle.loads(pickle.dumps(data)).given() == data.given()
    execution = ExecutionEngineConfig(taker_commission_rate="0.001")
    assert pickle.loads(pickle.dumps(execution)).given() == execution.given()
    near = NearCache(max_size=5)
    assert pickle.loads(pickle.dumps(near)) == near


@pytest.mark.parametrize(
    "make",
    [
        lambda: GenericCache(0, name="n"),
        lambda: GenericCache(name="n", max_bytes=0),
        lambda: GenericCache(name="n", default_ttl=0),
        lambda: GenericCache(name="n", timeout=0),
        lambda: GenericCache(name="n", target=""),
        lambda: NearCache(max_size=0),
        lambda: NearCache(max_age=0),
        lambda: DataEngine(name="n", timeout=-1),
        lambda: DataEngineConfig(bar_types=["7min"]),
    ],
)
def test_what_can_not_be_is_a_value_error_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: GenericCache("many", name="n"),
        lambda: GenericCache(name="n", timeout="soon"),
        lambda: GenericCache(name="n", target=50051),
        lambda: DataEngine("n"),
        lambda: ExecutionEngine("n"),
        lambda: DataEngine(name="n", timeout=True),
    ],
)
def test_what_is_of_a_wrong_type_is_a_type_error_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize("engine", [DataEngine, ExecutionEngine])
def test_a_name_in_the_place_of_a_configuration_is_told_where_it_belongs(engine: Any) -> None:
    with pytest.raises(TypeError, match=r"Config, not str; to name the engine, pass name='demo'"):
        engine("demo")


@pytest.mark.parametrize(
    "target",
    [
        "localhost:50051", "[::1]:50051", "cache.example:1", "dns:///cache.example:50051", "ipv4:127.0.0.1:50051",
        "ipv6:[::1]:50051", "unix:/run/cache.sock", "unix:///run/cache.sock", "unix-abstract:cache",
    ],
)  # fmt: skip
def test_addresses_that_grpc_connects_to_are_taken(kind: type[Any], target: str) -> None:
    assert kind(name="n", target=target).target == target


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("", "is empty"),
        ("localhost", "has no port"),
        ("localhost:", "has no port"),
        ("localhost:http", "has no port"),
        (":50051", "has no port"),
        ("[::1]", "has no port"),
        ("dns:///cache.example", "has no port"),
        ("localhost:0", "1 to 65535"),
        ("localhost:65536", "1 to 65535"),
        ("::1:50051", "without brackets"),
        ("http://localhost:50051", "is a URL; without http:// it is 'localhost:50051'"),
        ("https://cache.example/", "is a URL; without https:// it is 'cache.example'"),
    ],
)
def test_an_address_that_can_not_be_is_refused_with_what_is_wrong(
    kind: type[Any], target: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=problem):
        kind(name="n", target=target)
    if target:
        for noun in ("CACHE", "DATA", "EXECUTION"):
            monkeypatch.setenv(f"ALPHAFORGE_{noun}_TARGET", target)
        with pytest.raises(ValueError, match=problem):
            kind(name="n")


def test_the_second_unnamed_cache_warns_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alphaforge_client._base.unnamed, "_made", iter(range(1, 100)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GenericCache(name="default", target=NOWHERE)
        GenericCache(target=NOWHERE)
        for wrong in ({"max_size": 0}, {"default_ttl": -1.0}, {"timeout": 0.0}):
            with pytest.raises(ValueError):
                GenericCache(target=NOWHERE, **wrong)
        assert caught == []
        AsyncGenericCache(target=NOWHERE)
        GenericCache(target=NOWHERE)
    assert len(caught) == 1
    assert "name=" in str(caught[0].message)
    assert caught[0].filename == __file__
