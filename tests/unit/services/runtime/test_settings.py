"""Settings come from flags, then the environment, then `.env`; unknown ones are errors."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from alphaforge_core.errors import InvalidArgument
from pydantic import SecretStr, ValidationError

from services.base import variables
from services.runtime.settings import Port, ServiceSettings, load


class Settings(ServiceSettings):
    service: ClassVar[str] = "cache"
    port: Port = 1
    """The port."""
    metrics_port: Port = 2
    """The other port."""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_flag_wins_over_the_environment_and_that_over_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("ALPHAFORGE_CACHE_PORT=10\nALPHAFORGE_CACHE_METRICS_PORT=11\nALPHAFORGE_DRAIN_SECONDS=12\n")
    monkeypatch.setenv("ALPHAFORGE_CACHE_PORT", "20")
    monkeypatch.setenv("ALPHAFORGE_CACHE_METRICS_PORT", "21")
    settings = load(Settings, ["--port", "30"])
    assert (settings.port, settings.metrics_port, settings.drain_seconds) == (30, 21, 12.0)


def test_a_services_own_variable_wins_over_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPHAFORGE_LOG_LEVEL", "error")
    assert load(Settings, []).log_level == "error"
    monkeypatch.setenv("ALPHAFORGE_CACHE_LOG_LEVEL", "debug")
    monkeypatch.setenv("ALPHAFORGE_DATA_LOG_LEVEL", "info")
    assert load(Settings, []).log_level == "debug"


@pytest.mark.parametrize("name", ["ALPHAFORGE_PORT", "ALPHAFORGE_CACHE_PROT", "ALPHAFORGE_"])
def test_a_variable_that_nothing_knows_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidArgument, match=f"unknown setting {name}"):
        load(Settings, [])


def test_a_variable_in_dotenv_that_nothing_knows_is_an_error_with_a_suggestion() -> None:
    Path(".env").write_text("ALPHAFORGE_CACHE_PROT=1\nOTHER=2\n")
    with pytest.raises(InvalidArgument, match="did you mean ALPHAFORGE_CACHE_PORT"):
        load(Settings, [])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_listening_beyond_this_machine_needs_tls_or_a_word(host: str) -> None:
    with pytest.raises(ValidationError, match="--insecure"):
        load(Settings, ["--host", host])
    assert load(Settings, ["--host", host, "--insecure"]).host == host
    files = ["--tls-certificate-file", "server.pem", "--tls-key-file", "key.pem"]
    assert load(Settings, ["--host", host, *files]).host == host


def test_metrics_beyond_this_machine_need_tls_or_a_word() -> None:
    with pytest.raises(ValidationError, match=r"metrics_host 0\.0\.0\.0"):
        load(Settings, ["--metrics-host", "0.0.0.0"])
    assert load(Settings, ["--metrics-host", "0.0.0.0", "--insecure"]).metrics_host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "unix:/tmp/socket"])
def test_listening_on_this_machine_needs_nothing(host: str) -> None:
    assert load(Settings, ["--host", host]).host == host


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tls-key-file", "key.pem"],
        ["--tls-certificate-file", "server.pem"],
        ["--tls-client-ca-file", "ca.pem"],
        ["--port", "65536"],
        ["--max-message-bytes", "1"],
        ["--log-format", "xml"],
    ],
)
def test_settings_out_of_range_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ValidationError):
        load(Settings, arguments)


def test_an_unknown_flag_ends_the_process_as_in_any_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        load(Settings, ["--prot", "1"])
    assert "--prot" in capsys.readouterr().err


def test_settings_are_frozen_and_each_is_documented() -> None:
    settings = load(Settings, [])
    with pytest.raises(ValidationError):
        settings.port = 5
    assert all(field.description for field in Settings.model_fields.values())


def test_a_secret_is_masked_when_settings_are_printed() -> None:
    class WithSecret(Settings):
        token: SecretStr = SecretStr("hunter2")
        """A secret."""

    settings = load(WithSecret, [])
    assert "hunter2" not in f"{settings.model_dump(mode='json')} {settings!r} {settings}"


def test_the_shared_variables_are_the_fields_of_the_settings() -> None:
    fields = {name.upper() for name in ServiceSettings.model_fields}
    assert fields == {*variables.SHARED, *variables.PER_SERVICE}
