"""What every service can be told: by flag, by environment variable, by `.env`, in that order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from services.common.tls import ServerTls
from services.common.variables import PER_SERVICE, PREFIX, check_environment

__all__ = ["JournalSettings", "Port", "ServiceSettings", "is_local", "load", "log_settings"]

Port = Annotated[int, Field(ge=0, le=65535)]


class ServiceSettings(BaseSettings):
    """The settings that all services share; each service's own model adds its ports and what only it can be told."""

    model_config = SettingsConfigDict(
        frozen=True,
        hide_input_in_errors=True,
        extra="ignore",
        use_attribute_docstrings=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    service: ClassVar[str]
    """The noun: cache, data or execution."""

    host: str = "127.0.0.1"
    """Address to listen on, or `unix:PATH` for a socket file. Beyond this machine it needs TLS or --insecure."""
    port: Port
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_host: str = "127.0.0.1"
    """Address on which Prometheus finds /metrics, over HTTPS where there is TLS. Beyond this machine it needs that, or
    --insecure."""
    metrics_port: Port
    """TCP port of /metrics; 0 takes a free one."""
    insecure: bool = False
    """Allows listening beyond this machine without TLS."""
    tls_certificate_file: Path | None = None
    """PEM file with the server's certificate chain; needs the key file too."""
    tls_key_file: Path | None = None
    """PEM file with the server's private key."""
    tls_client_ca_file: Path | None = None
    """PEM file with the authorities whose client certificates are accepted; clients without one are then refused."""
    tokens_file: Path | None = None
    """File with the names, roles and token hashes of those who may call, as `alphaforge token` writes it; without it
    everybody who can connect may do everything."""
    audit_file: Path | None = None
    """File that every command about orders, and every one that only admins may give, is appended to as a JSON line."""
    data_dir: Path = Path("var")
    """Folder that holds the service's state."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log lines that are written."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or lines for people; on standard error either way."""
    max_message_bytes: int = Field(64 * 2**20, ge=2**20, le=2**30)
    """Size of the largest message that is taken, in bytes."""
    drain_seconds: float = Field(5.0, ge=0, le=3600)
    """How long a stop waits for calls under way, in seconds."""
    heartbeat_seconds: float = Field(2.0, ge=0.05, le=4.5)
    """A stream that has been silent for this long sends a heartbeat, in seconds."""
    max_subscribers: int = Field(10_000, ge=1)
    """Streams that are open at once on one service."""
    max_streams_per_caller: int = Field(1_000, ge=1)
    """Streams that one token, or without tokens one host, may have open at once."""
    max_connections: int = Field(10_000, ge=1)
    """Connections that are open at once; more are closed as they come."""

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file belong together; give both or none")
        if self.tls_client_ca_file is not None and self.tls_key_file is None:
            raise ValueError("tls_client_ca_file needs tls_certificate_file and tls_key_file")
        if not (self.insecure or self.tls_key_file is not None):
            for setting in ("host", "metrics_host"):
                if not is_local(address := getattr(self, setting)):
                    raise ValueError(
                        f"{setting} {address} can be reached from other machines, and there is no TLS: "
                        "give tls_certificate_file and tls_key_file, or say --insecure"
                    )
        return self

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        if self.tokens_file is not None and self.tls_key_file is None and not is_local(self.host):
            raise ValueError(f"tokens would travel to host {self.host} in the clear; tokens_file needs TLS there")
        return self

    def tls(self) -> ServerTls | None:
        """The TLS of these settings, None for none. Raises EngineError SETTING_INVALID for files that can't be used."""
        if self.tls_certificate_file is None or self.tls_key_file is None:
            return None
        return ServerTls(self.tls_certificate_file, self.tls_key_file, self.tls_client_ca_file)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        own, shared = f"{PREFIX}{cls.service.upper()}_", PREFIX
        return (
            init_settings,
            EnvSettingsSource(settings_cls, env_prefix=own),
            _SharedEnvironment(settings_cls, env_prefix=shared),
            DotEnvSettingsSource(settings_cls, env_prefix=own, env_file=".env"),
            _SharedDotenv(settings_cls, env_prefix=shared, env_file=".env"),
        )


class _SharedEnvironment(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _without_per_service(super().__call__())


class _SharedDotenv(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return _without_per_service(super().__call__())


def _without_per_service(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.upper() not in PER_SERVICE}


def is_local(address: str) -> bool:
    """Whether a host, `host:port` or `unix:path` is on this machine."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0] if address.count(":") == 1 or "]:" in address else address
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class JournalSettings(ServiceSettings):
    """The settings of services that keep their engines in a journal."""

    durability: Literal["fsync", "os", "none"]
    """What an acknowledgement survives, for engines that are made without saying so: fsync power loss, os kill -9."""
    journal_size_bytes_max: int = Field(16 * 2**30, ge=2**20)
    """Bytes that inputs and checkpoints may take in one journal; what comes then is refused."""
    journal_checkpoint_bytes: int = Field(64 * 2**20, ge=2**16)
    """Bytes of inputs after which an engine's state is written, and they are forgotten."""
    journal_checkpoint_seconds: float = Field(3600.0, ge=1)
    """Age of an input, in seconds, at which the state is written all the same."""


S = TypeVar("S", bound=ServiceSettings)


def load(model: type[S], arguments: Sequence[str] | None = None) -> S:
    """The settings of one process. Raises InvalidArgument for an unknown variable, ValueError for a value out of range;
    flags that do not exist end the process with status 2, as in any command."""
    check_environment()
    # Typed as any call: pydantic hides these arguments of BaseSettings from type checkers.
    build: Callable[..., S] = model
    program = f"python -m services.{model.service}"
    return build(_cli_parse_args=True if arguments is None else list(arguments), _cli_prog_name=program)


def log_settings(settings: ServiceSettings) -> None:
    """One log line with every setting; values of secret types are masked by pydantic."""
    logging.getLogger("services.settings").info("settings", extra={"settings": settings.model_dump(mode="json")})
