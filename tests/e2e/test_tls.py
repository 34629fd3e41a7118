"""TLS and mutual TLS of real services: accepted and refused callers, and certificates that change."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from alphaforge_cli.journals import journal
from alphaforge_client.aio import cache as aio_cache
from alphaforge_client.cache import GenericCache
from alphaforge_client.credentials import Credentials
from alphaforge_client.data import DataEngine, DataEngineConfig
from alphaforge_client.errors import Unavailable
from alphaforge_client.execution import ExecutionEngine, Order, OrderSide, OrderStatus
from alphaforge_client.model import Price, Quantity, TradeTick

from tests.support.certificates import DAY, EXPIRED, Certificates, authority
from tests.support.prometheus import wait_until
from tests.support.service import Service, command, environment, running_service


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def cache(certificates: Certificates, tmp_path: Path) -> Iterator[Service]:
    """A cache service with TLS."""
    with running_service(
        "cache", tmp_path, *certificates.server_flags(), credentials=certificates.channel_credentials()
    ) as service:
        yield service


@pytest.fixture
def mutual(certificates: Certificates, tmp_path: Path) -> Iterator[Service]:
    """A cache service that wants certificates of its clients."""
    with running_service(
        "cache",
        tmp_path,
        *certificates.server_flags(mutual=True),
        credentials=certificates.channel_credentials(mutual=True),
    ) as service:
        yield service


def works(service: Service, credentials: Credentials) -> bool:
    """Whether a client with these credentials is served within a second."""
    with GenericCache(target=service.address, name="c", timeout=1.0, credentials=credentials) as cache:
        try:
            cache.put("key", 1)
        except Unavailable:
            return False
        return cache.get("key") == 1


def shown_certificate(service: Service, certificates: Certificates) -> str:
    """What the service shows to a new connection."""
    host, _, port = service.address.rpartition(":")
    context = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    context.load_cert_chain(certificates.path("client.pem"), certificates.path("client.key"))
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as tls:
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return ssl.DER_cert_to_PEM_cert(der).strip()


def test_a_client_that_knows_the_authority_is_served(cache: Service, certificates: Certificates) -> None:
    assert works(cache, certificates.credentials())

    async def call() -> object:
        async with aio_cache.GenericCache(target=cache.address, credentials=certificates.credentials(), name="a") as a:
            await a.put("key", 2)
            return await a.get("key")

    assert asyncio.run(call()) == 2


def test_a_client_without_tls_is_not_served(cache: Service) -> None:
    assert not works(cache, Credentials())


def test_a_client_that_knows_another_authority_does_not_talk_to_the_service(
    cache: Service, certificates: Certificates
) -> None:
    authority("another").pair.write(certificates.folder, "another")
    assert not works(cache, Credentials(ca_file=certificates.path("another.pem")))


def test_a_client_does_not_talk_to_a_service_whose_certificate_has_expired(
    cache: Service, certificates: Certificates
) -> None:
    certificates.renew_server(EXPIRED)
    assert not works(cache, certificates.credentials())


def test_a_client_without_a_certificate_is_not_served_where_one_is_wanted(
    mutual: Service, certificates: Certificates
) -> None:
    assert not works(mutual, certificates.credentials())
    assert works(mutual, certificates.credentials(mutual=True))


def test_an_expired_certificate_is_refused_and_a_renewed_one_taken_by_the_same_client(
    mutual: Service, certificates: Certificates
) -> None:
    certificates.renew_client(EXPIRED)
    with GenericCache(
        target=mutual.address, name="c", timeout=1.0, credentials=certificates.credentials(mutual=True)
    ) as cache:
        with pytest.raises(Unavailable):
            cache.put("key", 1)
        certificates.renew_client()
        cache.put("key", 1, timeout=10.0)


def test_a_certificate_of_another_authority_is_refused(mutual: Service, certificates: Certificates) -> None:
    authority("another").client("stranger", DAY).write(certificates.folder, "stranger")
    credentials = replace(
        certificates.credentials(mutual=True),
        certificate_file=certificates.path("stranger.pem"),
        key_file=certificates.path("stranger.key"),
    )
    assert not works(mutual, credentials)


def test_a_renewed_certificate_is_shown_to_new_connections_and_open_ones_live_on(
    cache: Service, certificates: Certificates
) -> None:
    before = shown_certificate(cache, certificates)
    with GenericCache(target=cache.address, name="c", credentials=certificates.credentials()) as client:
        client.put("key", 1)
        renewed = certificates.renew_server()
        assert shown_certificate(cache, certificates) == renewed.certificate.decode().strip() != before
        assert client.get("key") == 1


def test_files_that_do_not_fit_each_other_leave_the_last_good_ones_in_place(
    cache: Service, certificates: Certificates
) -> None:
    before = shown_certificate(cache, certificates)
    certificates.folder.joinpath("server.key").write_bytes(authority("another").pair.key)
    assert shown_certificate(cache, certificates) == before
    assert any("changed files can't be used" in str(line["message"]) for line in cache.log_lines())
    renewed = certificates.renew_server()
    assert shown_certificate(cache, certificates) == renewed.certificate.decode().strip()


def test_files_that_do_not_fit_each_other_end_the_start(certificates: Certificates, tmp_path: Path) -> None:
    authority("another").pair.write(certificates.folder, "server")
    certificates.folder.joinpath("server.key").write_bytes(authority().pair.key)
    result = subprocess.run(
        command("cache", *certificates.server_flags()),
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 1
    assert "server.pem" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_execution_service_follows_trades_over_mutual_tls(certificates: Certificates, tmp_path: Path) -> None:
    credentials = certificates.credentials(mutual=True)
    flags = certificates.server_flags(mutual=True)
    way = ["--tls-ca-file", certificates.path("ca.pem")]
    way += ["--tls-client-certificate-file", certificates.path("client.pem")]
    way += ["--tls-client-key-file", certificates.path("client.key")]
    with ExitStack() as stack:
        data = stack.enter_context(running_service("data", tmp_path, *flags))
        execution = stack.enter_context(
            running_service("execution", tmp_path, *flags, *way, "--data-target", data.address)
        )
        engine = stack.enter_context(
            DataEngine(DataEngineConfig(bar_types=["1tick"]), name="e", target=data.address, credentials=credentials)
        )
        venue = stack.enter_context(ExecutionEngine(name="e", target=execution.address, credentials=credentials))
        order_id = venue.submit_order(Order.market("X", OrderSide.Buy, 1.0, "s"))
        times = count(1)

        def filled() -> bool:
            # The engine follows from its creation on; which trade it receives first is unknown.
            ts = next(times)
            engine.process_trade_tick(TradeTick("X", Price(1), Quantity(5), "BUY", str(ts), ts, ts))
            order = venue.get_order(order_id)
            return order is not None and order.status == OrderStatus.Filled

        wait_until(filled, 20, "the fill", every=0.1)


def test_metrics_are_served_over_https_to_those_with_a_certificate(mutual: Service, certificates: Certificates) -> None:
    assert mutual.metrics.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        urllib.request.urlopen(mutual.metrics, timeout=10, context=context)
    context.load_cert_chain(certificates.path("client.pem"), certificates.path("client.key"))
    with urllib.request.urlopen(mutual.metrics, timeout=10, context=context) as response:
        assert b"alphaforge_cache_hits_total" in response.read()


def test_connections_that_say_nothing_do_not_keep_metrics_from_others(
    mutual: Service, certificates: Certificates
) -> None:
    host, port = mutual.metrics.removeprefix("https://").removesuffix("/metrics").split(":")
    context = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    context.load_cert_chain(certificates.path("client.pem"), certificates.path("client.key"))
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(socket.create_connection((host, int(port))))
        with urllib.request.urlopen(mutual.metrics, timeout=10, context=context) as response:
            assert response.status == 200


def test_top_reads_metrics_with_the_certificates_of_the_client(
    mutual: Service, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError):
        journal(mutual.metrics, 10.0)
    for name, value in certificates.client_variables(mutual=True).items():
        monkeypatch.setenv(name, value)
    assert journal(mutual.metrics, 10.0)["alphaforge_journal_failures_total"] == 0


@pytest.mark.parametrize(("variables", "status"), [(True, 0), (False, 1)])
def test_the_health_check_of_containers_goes_over_tls_where_it_is_told_to(
    mutual: Service, certificates: Certificates, variables: bool, status: int
) -> None:
    own = certificates.client_variables(mutual=True) if variables else {}
    result = subprocess.run(
        (sys.executable, "-m", "services.common.health_check", mutual.address),
        env=environment(PYTHONPATH=os.pathsep.join(sys.path), **own),
        timeout=30,
        capture_output=True,
    )
    assert result.returncode == status
