"""Settings of servers that are clients of the data service: its TLS and token files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import model_validator

from services.base.targets import is_local
from services.rpc.peer import PeerFiles
from services.runtime.settings import ServerSettings

__all__ = ["PeerSettings"]


class PeerSettings(ServerSettings):
    """Settings of servers that are clients of the data service."""

    tls_ca_file: Path | None = None
    """PEM file with the CA certificates for the data service's certificate. Without it, the connection doesn't use TLS.
    Clients read this variable and the next three, too."""
    tls_client_certificate_file: Path | None = None
    """PEM file with the client certificate for the data service. Set it together with tls_client_key_file."""
    tls_client_key_file: Path | None = None
    """PEM file with that certificate's private key."""
    token_file: Path | None = None
    """File with the token for the data service; role read is enough."""

    @model_validator(mode="after")
    def _check_way_to_data(self) -> Self:
        if (self.tls_client_certificate_file is None) != (self.tls_client_key_file is None):
            raise ValueError("tls_client_certificate_file and tls_client_key_file belong together: set both or neither")
        if self.tls_client_key_file is not None and self.tls_ca_file is None:
            raise ValueError("tls_client_certificate_file needs tls_ca_file, which turns TLS on")
        for target in self.peer_targets():
            is_near = all(is_local(seed.strip()) for seed in target.split(","))
            if self.token_file is not None and self.tls_ca_file is None and not is_near:
                raise ValueError(f"the token would be sent to {target} in clear text: set tls_ca_file")
        return self

    def peer_targets(self) -> Iterable[str]:
        """The targets that the token is sent to."""
        raise NotImplementedError

    @property
    def data_files(self) -> PeerFiles:
        """The TLS and token files for the data service."""
        return PeerFiles(self.tls_ca_file, self.tls_client_certificate_file, self.tls_client_key_file, self.token_file)
