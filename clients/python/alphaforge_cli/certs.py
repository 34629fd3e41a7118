"""`alphaforge certs`: a private CA, and the certificates that services and clients need for TLS.

For development and closed networks. Running it again keeps the CA and reissues the other certificates; running services
and clients load them without a restart.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer
from alphaforge_core.errors import InvalidArgument
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Pair", "certs"]

_AUTHORITY_DAYS = 3650
# Clocks of two machines differ a little.
_BACKDATED = timedelta(minutes=5)
_ALWAYS_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> None:
        """Writes `name`.pem, and `name`.key, which only its owner can read. Each is replaced atomically."""
        _write(folder / f"{name}.key", self.key, 0o600)
        _write(folder / f"{name}.pem", self.certificate, 0o644)


class Authority:
    """A certificate authority. Its key and those of its certificates are EC P-256."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidArgument("the CA's key is not an EC key made by this command", reason="SETTING_INVALID")
        self._key = key

    @classmethod
    def create(cls, name: str = "AlphaForge development CA") -> Authority:
        """A new CA, valid for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        until = datetime.now(UTC) + timedelta(days=_AUTHORITY_DAYS)
        certificate = (
            _builder(subject, subject, key, until)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(_pair(certificate, key))

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """The CA in `folder`."""
        return cls(Pair((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes()))

    def server(self, hosts: Sequence[str], lifetime: timedelta) -> Pair:
        """A certificate for a server reached at `hosts` (names or addresses), valid for the given time from now."""
        return self._issue(hosts[0], hosts, ExtendedKeyUsageOID.SERVER_AUTH, lifetime)

    def client(self, name: str, lifetime: timedelta) -> Pair:
        """A client certificate, valid for the given time from now; the services log `name`."""
        return self._issue(name, (), ExtendedKeyUsageOID.CLIENT_AUTH, lifetime)

    def _issue(self, name: str, hosts: Sequence[str], usage: x509.ObjectIdentifier, lifetime: timedelta) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(name), self._certificate.subject, key, datetime.now(UTC) + lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return _pair(builder.sign(self._key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), until) - _BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    # Made with mode 0600, so that others can't read a key, not even for a moment.
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)
    Path(scratch).replace(path)


def certs(
    folder: Annotated[Path, typer.Argument(help="Directory for the files; created if missing.")],
    host: Annotated[
        list[str] | None,
        typer.Option(help="Name or address at which clients reach the services, besides localhost. Repeatable."),
    ] = None,
    client: Annotated[list[str] | None, typer.Option(help="Name of a client. Repeatable. Default: client.")] = None,
    days: Annotated[int, typer.Option(help="Validity of the certificates, in days.", min=1, max=825)] = 90,
) -> None:
    """Create a CA (ca), a server certificate (server) and client certificates, each as NAME.pem and NAME.key.

    An existing CA is kept; all other certificates are reissued.
    """
    clients = client or ["client"]
    if reserved := {"ca", "server"} & set(clients):
        raise typer.BadParameter(f"{reserved.pop()} is a file name of this command; choose another client name")
    if wrong := [name for name in clients if not name or "/" in name or name.startswith(".")]:
        raise typer.BadParameter(f"{wrong[0]!r} can't be a client's name: files are named after the client")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "ca.key").exists():
        authority = Authority.load(folder)
    else:
        authority = Authority.create()
        authority.pair.write(folder, "ca")
    lifetime = timedelta(days=days)
    authority.server([*_ALWAYS_HOSTS, *(host or ())], lifetime).write(folder, "server")
    for name in clients:
        authority.client(name, lifetime).write(folder, name)
    for name in ("ca", "server", *clients):
        print(folder / f"{name}.pem")
