"""Credentials of a client: TLS and a token, from files or the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import grpc

from alphaforge_client._base.target import is_local
from alphaforge_client.errors import InvalidArgument

__all__ = ["Credentials"]

VARIABLES: Mapping[str, str] = {
    "ca_file": "ALPHAFORGE_TLS_CA_FILE",
    "certificate_file": "ALPHAFORGE_TLS_CLIENT_CERTIFICATE_FILE",
    "key_file": "ALPHAFORGE_TLS_CLIENT_KEY_FILE",
    "token_file": "ALPHAFORGE_TOKEN_FILE",
}


class Access(NamedTuple):
    """The contents of the files when a channel was created."""

    credentials: grpc.ChannelCredentials | None
    metadata: tuple[tuple[str, str], ...] | None
    stamps: tuple[object, ...]


@dataclass(frozen=True)
class Credentials:
    """TLS and token of a client. Changed files are reloaded when the service refuses the old ones.

    Raises InvalidArgument for a certificate without its key, and for one without `ca_file`.

    >>> Credentials(ca_file="certs/ca.pem", token="secret")
    Credentials(ca_file='certs/ca.pem', certificate_file=None, key_file=None, token_file=None)
    """

    ca_file: str | Path | None = None
    """PEM file with the CA certificates for the service's certificate. Without it, TLS is off."""
    certificate_file: str | Path | None = None
    """PEM file with the client certificate."""
    key_file: str | Path | None = None
    """PEM file with its private key."""
    token: str | None = field(default=None, repr=False)
    """The bearer token."""
    token_file: str | Path | None = None
    """File that holds the token, instead of `token`."""

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise InvalidArgument(
                "certificate_file and key_file belong together; set both or neither", reason="SETTING_INVALID"
            )
        if self.certificate_file is not None and self.ca_file is None:
            raise InvalidArgument("certificate_file needs ca_file, which turns TLS on", reason="SETTING_INVALID")
        if self.token is not None and self.token_file is not None:
            raise InvalidArgument("give token or token_file, not both", reason="SETTING_INVALID")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Credentials:
        """Reads ALPHAFORGE_TLS_CA_FILE, ALPHAFORGE_TLS_CLIENT_CERTIFICATE_FILE, ALPHAFORGE_TLS_CLIENT_KEY_FILE and
        ALPHAFORGE_TOKEN_FILE; all are optional."""
        return cls(**{name: environment.get(variable) or None for name, variable in VARIABLES.items()})

    def check_target(self, target: str) -> None:
        """Raises InvalidArgument if a token would be sent to another machine in clear text."""
        has_token = self.token is not None or self.token_file is not None
        if has_token and self.ca_file is None and not is_local(target):
            raise InvalidArgument(
                f"the token would be sent to {target} in clear text; set ca_file (ALPHAFORGE_TLS_CA_FILE) to use TLS",
                reason="SETTING_INVALID",
            )

    def access(self) -> Access:
        """Reads the files. Raises InvalidArgument for one that can't be read."""
        stamps = self.stamps()
        try:
            return Access(self._channel_credentials(), self._metadata(), stamps)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgument(f"a credentials file can't be used: {error}", reason="SETTING_INVALID") from None

    def stamps(self) -> tuple[object, ...]:
        """A value that changes when a file does."""
        files = (self.ca_file, self.certificate_file, self.key_file, self.token_file)
        return tuple(_stamp(Path(file)) for file in files if file is not None)

    def _channel_credentials(self) -> grpc.ChannelCredentials | None:
        if self.ca_file is None:
            return None
        files = (self.key_file, self.certificate_file)
        key, certificate = (None if file is None else Path(file).read_bytes() for file in files)
        return grpc.ssl_channel_credentials(Path(self.ca_file).read_bytes(), key, certificate)

    def _metadata(self) -> tuple[tuple[str, str], ...] | None:
        token = self.token if self.token_file is None else Path(self.token_file).read_text("ascii").strip()
        return None if token is None else (("authorization", f"Bearer {token}"),)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
