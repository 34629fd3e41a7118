"""Settings that services share. A flag wins over an environment variable, which wins over `.env`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from alphaforge_core.errors import EngineError
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from services.access.audit import Audit
from services.access.tls import ServerTls
from services.base.targets import is_local
from services.base.variables import PER_SERVICE, PREFIX, check_environment

__all__ = ["CheckpointSettings", "JournalSettings", "Port", "ServerSettings", "ServiceSettings", "load", "log_settings"]

Port = Annotated[int, Field(ge=0, le=65535)]


class ServerSettings(BaseSettings):
    """The settings of every server process: where it listens, for whom, and its limits."""

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
    """The name of the service: cache, data, execution or relay."""

    host: str = "127.0.0.1"
    """Address to listen on, or `unix:PATH` for a socket file. An address other than loopback needs TLS or
    --insecure."""
    port: Port
    """TCP port of the gRPC service; 0 picks a free one. Unused with `unix:`."""
    metrics_host: str = "127.0.0.1"
    """Address of /metrics, with HTTPS if TLS is set. An address other than loopback needs TLS or --insecure."""
    metrics_port: Port
    """TCP port of /metrics; 0 picks a free one."""
    insecure: bool = False
    """Allow addresses other than loopback without TLS."""
    tls_certificate_file: Path | None = None
    """PEM file with the server's certificate chain. Set it together with tls_key_file."""
    tls_key_file: Path | None = None
    """PEM file with the server's private key."""
    tls_client_ca_file: Path | None = None
    """PEM file with the CA certificates for client certificates. If set, clients without a certificate are refused."""
    tokens_file: Path | None = None
    """File with the callers' names, roles and token hashes, written by `alphaforge token`. Without it, any client that
    can connect has all rights."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log lines below this level are not written."""
    log_format: Literal["json", "text"] = "json"
    """Log format: one JSON object per line, or plain text. Logs go to standard error."""
    max_message_bytes: int = Field(64 * 2**20, ge=2**20, le=2**30)
    """Largest message accepted, in bytes."""
    drain_seconds: float = Field(5.0, ge=0, le=3600)
    """How long a shutdown waits for calls in progress, in seconds."""
    heartbeat_seconds: float = Field(2.0, ge=0.05, le=4.5)
    """Idle time after which a stream sends a heartbeat, in seconds."""
    max_subscribers: int = Field(10_000, ge=1)
    """Maximum number of open streams."""
    max_streams_per_caller: int = Field(1_000, ge=1)
    """Maximum number of open streams per token; without tokens, per host."""
    max_connections: int = Field(10_000, ge=1)
    """Maximum number of open connections; further ones are closed immediately."""

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file belong together: set both or neither")
        if self.tls_client_ca_file is not None and self.tls_key_file is None:
            raise ValueError("tls_client_ca_file needs tls_certificate_file and tls_key_file")
        if not (self.insecure or self.tls_key_file is not None):
            for setting in ("host", "metrics_host"):
                if not is_local(address := getattr(self, setting)):
                    raise ValueError(
                        f"{setting} {address} can be reached from other machines without TLS: "
                        "set tls_certificate_file and tls_key_file, or pass --insecure"
                    )
        return self

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        if self.tokens_file is not None and self.tls_key_file is None and not is_local(self.host):
            raise ValueError(f"tokens would travel to {self.host} in clear text: tokens_file needs TLS on this address")
        return self

    def audit(self) -> Audit | None:
        """The audit log of these settings; None if there is none. Raises OSError for a file that can't be opened."""
        return None

    def tls(self) -> ServerTls | None:
        """The TLS of these settings, or None. Raises EngineError SETTING_INVALID for unusable files."""
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


class ServiceSettings(ServerSettings):
    """The settings that the services with engines share; each service's model adds its own."""

    audit_file: Path | None = None
    """Audit log: every order command and every admin command is appended to this file as a JSON line."""
    audit_required: bool = True
    """Refuse commands with AUDIT_FAILED while the audit log can't be written. If off, commands are executed even then,
    and lines may be lost."""
    audit_size_bytes_max: int = Field(64 * 2**20, ge=2**16)
    """Size in bytes at which the audit log is rotated to FILE.1."""
    audit_files_max: int = Field(16, ge=2)
    """Maximum number of audit log files; beyond it, the oldest is deleted."""
    data_dir: Path = Path("var")
    """Directory of the service's state."""

    journal: SecretStr = SecretStr("sqlite")
    """Where the journal is: `sqlite` for files in data_dir, or the DSN of a cluster's PostgreSQL,
    `postgresql://user@host:5432/database`, with all hosts if it has standbys. Set a DSN by the variable or
    journal_file, never by the flag."""
    journal_file: Path | None = None
    """File with the DSN of a cluster's PostgreSQL; overrides journal."""
    cluster: str = Field("alphaforge", min_length=1, max_length=64)
    """Name of the cluster, as given to `alphaforge cluster init`."""
    shard: int = Field(0, ge=0, le=9_999)
    """Number of this process's shard."""
    advertise: str | None = Field(None, max_length=255)
    """Address at which clients reach this candidate, `host:port`. Default: the address it listens on."""
    unreplicated: Literal["refuse", "serve", "managed"] = "refuse"
    """What to do while PostgreSQL has no synchronous standby. refuse: refuse all calls; serve: serve with one copy;
    managed: serve, because the storage is replicated."""

    def journal_dsn(self) -> str | None:
        """The DSN of the cluster's PostgreSQL; None for a service on its own. Raises EngineError SETTING_INVALID."""
        value = self.journal.get_secret_value()
        if self.journal_file is not None:
            try:
                value = self.journal_file.read_text().strip()
            except OSError as error:
                raise EngineError(f"{self.journal_file} can't be read: {error}", reason="SETTING_INVALID") from None
        return None if value == "sqlite" else value

    def audit(self) -> Audit | None:
        """The audit log of these settings; None if there is none. Raises OSError for a file that can't be opened."""
        if self.audit_file is None:
            return None
        return Audit(
            self.audit_file,
            size_bytes_max=self.audit_size_bytes_max,
            files_max=self.audit_files_max,
            required=self.audit_required,
        )


class CheckpointSettings(ServiceSettings):
    """Settings of journals and their checkpoints."""

    journal_size_bytes_max: int = Field(16 * 2**30, ge=2**20)
    """Maximum size of a journal: bytes of inputs and checkpoints. A full journal refuses inputs."""
    journal_checkpoint_bytes: int = Field(64 * 2**20, ge=2**16)
    """A checkpoint of an engine is written after this many bytes of inputs, which are then deleted."""
    journal_checkpoint_seconds: float = Field(3600.0, ge=1)
    """Maximum time from an input to the next checkpoint of its engine, in seconds."""


class JournalSettings(CheckpointSettings):
    """Settings of services whose engines are journalled."""

    durability: Literal["fsync", "os", "none"]
    """What acknowledged calls survive, for engines that don't set it. fsync: a power loss; os: a killed process; none:
    neither."""


S = TypeVar("S", bound=ServerSettings)


def load(model: type[S], arguments: Sequence[str] | None = None) -> S:
    """The settings of this process.

    Raises InvalidArgument for an unknown variable, and ValueError for an invalid value. An unknown flag
    exits the process with 2.
    """
    check_environment()
    # pydantic hides these arguments of BaseSettings from type checkers.
    build: Callable[..., S] = model
    program = f"python -m services.{model.service}"
    return build(_cli_parse_args=True if arguments is None else list(arguments), _cli_prog_name=program)


def log_settings(settings: ServerSettings) -> None:
    """One log line with every setting; values of secret types are masked by pydantic."""
    logging.getLogger("services.settings").info("settings", extra={"settings": settings.model_dump(mode="json")})
