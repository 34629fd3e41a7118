"""`alphaforge certs` creates valid files for TLS and keeps existing ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alphaforge_cli.main import app
from cryptography import x509
from typer.testing import CliRunner


def run(*arguments: str) -> None:
    result = CliRunner().invoke(app, ["certs", *arguments])
    assert result.exit_code == 0, result.output


def load(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def test_the_authority_signs_a_server_for_its_hosts_and_clients_by_name(tmp_path: Path) -> None:
    run(str(tmp_path), "--host", "data.example", "--host", "10.0.0.7", "--client", "alice", "--client", "bob")
    authority, server = load(tmp_path, "ca"), load(tmp_path, "server")
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "data.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "10.0.0.7"]
    for name in ("alice", "bob"):
        client = load(tmp_path, name)
        client.verify_directly_issued_by(authority)
        assert client.subject.rfc4514_string() == f"CN={name}"


def test_run_again_it_keeps_the_authority_and_renews_the_rest(tmp_path: Path) -> None:
    run(str(tmp_path))
    before = {name: load(tmp_path, name) for name in ("ca", "server", "client")}
    run(str(tmp_path), "--days", "1")
    after = {name: load(tmp_path, name) for name in before}
    assert after["ca"] == before["ca"]
    assert after["server"] != before["server"]
    assert after["client"] != before["client"]
    assert after["server"].not_valid_after_utc <= datetime.now(UTC) + timedelta(days=1)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    run(str(tmp_path))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


@pytest.mark.parametrize("name", ["ca", "server", "", "a/b", ".hidden"])
def test_a_clients_name_is_a_files_name_of_its_own(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["certs", str(tmp_path), "--client", name])
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []
