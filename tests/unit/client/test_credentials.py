"""A client's secrets never appear in its repr and are never sent in clear text."""

from __future__ import annotations

from pathlib import Path

import pytest
from alphaforge_client.cache import GenericCache
from alphaforge_client.credentials import Credentials
from alphaforge_client.errors import InvalidArgument


def test_a_token_is_in_no_text() -> None:
    credentials = Credentials(ca_file="ca.pem", token="hunter2")
    assert "hunter2" not in f"{credentials} {credentials!r}"


@pytest.mark.parametrize("target", ["example.com:50051", "10.0.0.7:50051", "[2001:db8::1]:50051", "dns:///cache:50051"])
def test_a_token_is_never_sent_in_the_clear_to_another_machine(target: str) -> None:
    with pytest.raises(InvalidArgument, match="in clear text"):
        GenericCache(name="c", target=target, credentials=Credentials(token="hunter2"))
    GenericCache(name="c", target=target, credentials=Credentials(token="hunter2", ca_file="ca.pem")).close()


@pytest.mark.parametrize("target", ["localhost:50051", "127.0.0.1:1", "[::1]:50051", "unix:/run/cache.sock"])
def test_on_this_machine_a_token_needs_no_tls(target: str) -> None:
    GenericCache(name="c", target=target, credentials=Credentials(token="hunter2")).close()


@pytest.mark.parametrize(
    "given",
    [
        {"certificate_file": "c.pem", "ca_file": "ca.pem"},
        {"key_file": "c.key", "ca_file": "ca.pem"},
        {"certificate_file": "c.pem", "key_file": "c.key"},
        {"token": "t", "token_file": "t"},
    ],
)
def test_credentials_that_can_not_be_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        Credentials(**given)


def test_a_file_that_is_missing_is_named_by_the_first_call(tmp_path: Path) -> None:
    with (
        GenericCache(name="c", target="localhost:1", credentials=Credentials(ca_file=tmp_path / "none.pem")) as cache,
        pytest.raises(InvalidArgument, match=r"none\.pem"),
    ):
        cache.get("key")


def test_the_environment_gives_what_the_argument_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHAFORGE_TLS_CA_FILE", "ca.pem")
    monkeypatch.setenv("ALPHAFORGE_TOKEN_FILE", "token")
    assert Credentials.from_environment() == Credentials(ca_file="ca.pem", token_file="token")
    assert Credentials.from_environment({}) == Credentials()
