"""What the execution service can be told."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from services.common.peer import PeerFiles
from services.common.settings import JournalSettings, Port, is_local

__all__ = ["ExecutionServiceSettings"]


class ExecutionServiceSettings(JournalSettings):
    """The settings of `python -m services.execution`."""

    service: ClassVar[str] = "execution"

    port: Port = 50053
    """TCP port of the gRPC service; 0 takes a free one. Not used with `unix:`."""
    metrics_port: Port = 9153
    """TCP port of /metrics; 0 takes a free one."""
    market_data: Literal["subscribe", "off"] = "subscribe"
    """Whether engines follow the trades of the data engine of the same name; "off" overrides their own setting."""
    data_target: str = "localhost:50052"
    """Where the data service is; the variable ALPHAFORGE_DATA_TARGET, which clients read too, sets it as well."""
    tls_ca_file: Path | None = None
    """PEM file with the authorities that the data service's certificate may be signed by; without it there is no TLS
    on the way there. This and the next three are the client's variables, ALPHAFORGE_TLS_CA_FILE and so on."""
    tls_client_certificate_file: Path | None = None
    """PEM file with the certificate that the data service is shown; needs the key file too."""
    tls_client_key_file: Path | None = None
    """PEM file with that certificate's private key."""
    token_file: Path | None = None
    """File with the token for the data service; role read is enough."""
    event_backlog: int = Field(10_000, ge=256)
    """Order events that a subscriber may be behind before it is disconnected."""
    live_clock: bool = False
    """Whether the wall clock drives the market time of engines that are made without saying so."""
    durability: Literal["fsync", "os", "none"] = "fsync"
    """What an acknowledgement survives, for engines that are made without saying so: fsync power loss, os kill -9."""

    @model_validator(mode="after")
    def _check_way_to_data(self) -> Self:
        if (self.tls_client_certificate_file is None) != (self.tls_client_key_file is None):
            raise ValueError("tls_client_certificate_file and tls_client_key_file belong together; give both or none")
        if self.tls_client_key_file is not None and self.tls_ca_file is None:
            raise ValueError("tls_client_certificate_file needs tls_ca_file; without it there is no TLS")
        if self.token_file is not None and self.tls_ca_file is None and not is_local(self.data_target):
            raise ValueError(f"a token would go to {self.data_target} in the clear; give tls_ca_file")
        return self

    @property
    def data_files(self) -> PeerFiles:
        """What reaching the data service takes."""
        return PeerFiles(self.tls_ca_file, self.tls_client_certificate_file, self.tls_client_key_file, self.token_file)
