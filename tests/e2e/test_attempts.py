"""Attacks on a deployed service, and the answer to each.

The table of the documentation is this one: a test compares them.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from alphaforge.cache.v1 import batches_pb2, caches_pb2, entries_pb2, value_pb2

from tests.support.attempts import SERVICE, Deployment, answer_of, deployment, new_token
from tests.support.certificates import DAY, EXPIRED, authority
from tests.support.prometheus import wait_until
from tests.support.service import environment, running_service

PAGE = Path(__file__).parents[2] / "docs/how-to/secure.md"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

Attempt = Callable[[Deployment], object]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployment(tmp_path_factory.mktemp("deployment")) as running:
        # The default cache is there, which a reader may not make.
        running.call("OpenCache", token="writer")
        yield running


def put(key: str = "key", value: value_pb2.Value | None = None) -> bytes:
    return entries_pb2.PutRequest(key=key, value=value or value_pb2.Value(int_value=1)).SerializeToString()


def nested(depth: int) -> value_pb2.Value:
    value = value_pb2.Value(int_value=1)
    for _ in range(depth):
        value = value_pb2.Value(list_value=value_pb2.ListValue(values=[value]))
    return value


def credentials_of(deployed: Deployment, kind: str) -> grpc.ChannelCredentials:
    """Returns an expired client certificate, one of another authority, or none."""
    roots = Path(deployed.certificates.path("ca.pem")).read_bytes()
    if kind == "none":
        return grpc.ssl_channel_credentials(roots)
    if kind == "expired":
        pair = deployed.certificates.authority.client("late", EXPIRED)
    else:
        pair = authority("another").client("stranger", DAY)
    return grpc.ssl_channel_credentials(roots, pair.key, pair.certificate)


def reflect(deployed: Deployment, token: str | None) -> None:
    with deployed.channel() as channel:
        call = channel.stream_stream(REFLECTION)(iter([b"\x3a\x00"]), timeout=10, metadata=deployed.metadata(token))
        deque(call, maxlen=0)


def one_stream_too_many(deployed: Deployment) -> None:
    with deployed.channel() as channel:
        streams = [deployed.stream(channel, "reader") for _ in range(3)]
        streams.append(deployed.stream(channel, "reader"))


def calls_beyond_the_rate(deployed: Deployment) -> None:
    with deployed.channel() as channel:
        unary: Callable[..., bytes] = channel.unary_unary("/alphaforge.cache.v1.CacheService/GetSize")
        for _ in range(50):
            unary(b"", timeout=10, metadata=deployed.metadata("limited"))


def with_a_revoked_token(deployed: Deployment) -> None:
    token = new_token(deployed.tokens_file, "revoked", "read")
    wait_until(lambda: answer_of(lambda: deployed.call("GetSize", token=token)) == "OK", 10, "the token", every=0.1)
    deployed.revoke("revoked")
    wait_until(lambda: deployed.call("GetSize", token=token) is None, 10, "the refusal")


def on_a_stream_with_a_revoked_token(deployed: Deployment) -> None:
    deployed.tokens["leaver"] = token = new_token(deployed.tokens_file, "leaver", "read")
    wait_until(lambda: answer_of(lambda: deployed.call("GetSize", token=token)) == "OK", 10, "the token", every=0.1)
    with deployed.channel() as channel:
        stream = deployed.stream(channel, "leaver")
        deployed.revoke("leaver")
        deque(stream, maxlen=0)


# Each attack, how it is made, and the answer.
ATTEMPTS: list[tuple[str, Attempt, str]] = [
    ("a call without TLS", lambda d: d.call_in_the_clear(), "UNAVAILABLE"),
    (
        "a client without a certificate",
        lambda d: d.call("GetSize", credentials=credentials_of(d, "none")),
        "UNAVAILABLE",
    ),
    ("an expired certificate", lambda d: d.call("GetSize", credentials=credentials_of(d, "expired")), "UNAVAILABLE"),
    (
        "a certificate of another authority",
        lambda d: d.call("GetSize", credentials=credentials_of(d, "stranger")),
        "UNAVAILABLE",
    ),
    ("no token", lambda d: d.call("GetSize", token=None), "UNAUTHENTICATED"),
    ("a wrong token", lambda d: d.call("GetSize", token="wrong"), "UNAUTHENTICATED"),
    ("a revoked token", with_a_revoked_token, "UNAUTHENTICATED"),
    ("a stream whose token is revoked", on_a_stream_with_a_revoked_token, "UNAUTHENTICATED"),
    ("a read token that reads", lambda d: d.call("GetSize", token="reader"), "OK"),
    ("a read token that writes", lambda d: d.call("Put", put(), token="reader"), "PERMISSION_DENIED"),
    (
        "a read token that creates a cache",
        lambda d: d.call("OpenCache", caches_pb2.OpenCacheRequest(cache="new").SerializeToString(), token="reader"),
        "PERMISSION_DENIED",
    ),
    ("a write token that writes", lambda d: d.call("Put", put(), token="writer"), "OK"),
    ("a write token that empties a cache", lambda d: d.call("ResetCache", token="writer"), "PERMISSION_DENIED"),
    ("reflection without a token", lambda d: reflect(d, None), "UNAUTHENTICATED"),
    ("reflection with a read token", lambda d: reflect(d, "reader"), "OK"),
    ("health without a token", lambda d: d.call(HEALTH, token=None), "OK"),
    ("more calls a second than the token may make", calls_beyond_the_rate, "RESOURCE_EXHAUSTED, RATE_LIMITED"),
    ("more streams than one caller may have", one_stream_too_many, "RESOURCE_EXHAUSTED, STREAM_LIMIT"),
    (
        "a message of 64 MiB and a byte",
        lambda d: d.call("Put", bytes(64 * 2**20 + 1), token="writer"),
        "RESOURCE_EXHAUSTED",
    ),
    ("the same without a token", lambda d: d.call("Put", bytes(64 * 2**20 + 1), token=None), "UNAUTHENTICATED"),
    (
        "metadata of 17 KiB",
        lambda d: d.call("GetSize", metadata=(("filler", "x" * 17 * 1024),)),
        "RESOURCE_EXHAUSTED",
    ),
    ("bytes that are not a message", lambda d: d.call("Put", b"\x0a\xff\xff"), "INVALID_ARGUMENT, MESSAGE_MALFORMED"),
    ("a key of 1,025 bytes", lambda d: d.call("Put", put("k" * 1025)), "INVALID_ARGUMENT, KEY_INVALID"),
    (
        "a value of more than 4 MiB",
        lambda d: d.call("Put", put(value=value_pb2.Value(bytes_value=bytes(4 * 2**20)))),
        "INVALID_ARGUMENT, VALUE_TOO_LARGE",
    ),
    ("a value 33 levels deep", lambda d: d.call("Put", put(value=nested(33))), "INVALID_ARGUMENT, VALUE_TOO_DEEP"),
    (
        "a batch of 100,001 keys",
        lambda d: d.call("GetMany", batches_pb2.GetManyRequest(keys=map(str, range(100_001))).SerializeToString()),
        "INVALID_ARGUMENT, LIMIT_EXCEEDED",
    ),
    (
        "a name of 65 bytes",
        lambda d: d.call("OpenCache", caches_pb2.OpenCacheRequest(cache="n" * 65).SerializeToString()),
        "INVALID_ARGUMENT, NAME_INVALID",
    ),
    ("a method that does not exist", lambda d: d.call("Steal"), "UNIMPLEMENTED"),
]


@pytest.mark.parametrize(("attempt", "expected"), [each[1:] for each in ATTEMPTS], ids=[each[0] for each in ATTEMPTS])
def test_an_attempt_is_answered_as_the_table_says(deployed: Deployment, attempt: Attempt, expected: str) -> None:
    assert answer_of(lambda: attempt(deployed)) == expected


def test_the_documented_table_is_this_one() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    answers = {text: answer.replace("`", "") for text, answer in rows}
    assert {text: answers.get(text) for text, _, _ in ATTEMPTS} == {text: answer for text, _, answer in ATTEMPTS}


def test_a_thousand_connections_that_say_nothing_harm_nobody_and_are_ended(deployed: Deployment) -> None:
    host, _, port = deployed.service.address.rpartition(":")
    hello = b"\x16\x03\x01\x02\x00\x01"
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(1_000)]
        for number, each in enumerate(silent):
            # Every second connection begins a handshake and stops halfway.
            each.sendall(hello[: len(hello) if number % 2 else 0])
        assert answer_of(lambda: deployed.call("Put", put())) == "OK"
        assert b"alphaforge_cache_entries" in deployed.scrape()
        for each in silent:
            each.settimeout(60)
            assert _is_ended(each)
        assert answer_of(lambda: deployed.call("Put", put())) == "OK"


def _is_ended(connection: socket.socket) -> bool:
    """Whether the other side closes the connection in time, whatever it sends first."""
    try:
        while connection.recv(1024):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


ABANDON = """
import sys, grpc
target, authorities, certificate, key, token = sys.argv[1:]
read = lambda path: open(path, "rb").read()
channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(read(authorities), read(key), read(certificate)))
subscribe = channel.unary_stream("/alphaforge.cache.v1.CacheService/SubscribeInvalidations")
streams = [subscribe(b"", metadata=(("authorization", f"Bearer {token}"),)) for _ in range(3)]
for stream in streams:
    next(stream)
print("open", flush=True)
sys.stdin.read()
"""


def test_streams_that_were_opened_and_abandoned_give_their_places_back(deployed: Deployment) -> None:
    files = [deployed.certificates.path(name) for name in ("ca.pem", "client.pem", "client.key")]
    command = [sys.executable, "-c", ABANDON, deployed.service.address, *files, deployed.tokens["writer"]]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"

        def subscribe() -> str:
            with deployed.channel() as channel:
                return answer_of(lambda: deployed.stream(channel, "writer"))

        assert subscribe() == "RESOURCE_EXHAUSTED, STREAM_LIMIT"
        process.kill()
        process.wait()
        wait_until(lambda: subscribe() == "OK", 30, "a place", every=0.1)


def test_no_secret_is_in_the_log_or_the_metrics(deployed: Deployment) -> None:
    log, metrics = deployed.service.log.read_text(), deployed.scrape().decode()
    for token in deployed.tokens.values():
        assert token not in log
        assert token not in metrics


def test_refused_calls_are_counted_by_their_status(deployed: Deployment) -> None:
    assert answer_of(lambda: deployed.call("Touch", token=None)) == "UNAUTHENTICATED"
    series = 'grpc_server_handled_total{grpc_code="UNAUTHENTICATED",grpc_method="Touch"'
    assert any(line.startswith(series) and line.endswith(" 1.0") for line in deployed.scrape().decode().splitlines())


def test_connections_beyond_the_limit_are_closed_and_the_others_live_on(tmp_path: Path) -> None:
    with running_service("cache", tmp_path, "--max-connections", "5") as service, ExitStack() as stack:
        unary: Callable[..., bytes] = service.channel.unary_unary(f"/{SERVICE}/OpenCache")
        unary(b"", timeout=10)
        host, _, port = service.address.rpartition(":")
        others = [stack.enter_context(socket.create_connection((host, int(port)), timeout=5)) for _ in range(8)]
        # The service speaks first: an accepted connection receives its settings.
        heard = [_hears(each) for each in others]
        assert heard.count(True) == 4
        unary(b"", timeout=10)


def _hears(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except ConnectionResetError:
        return False
