"""Who gets in, and how often: tokens, roles, rates and streams, by a clock of the test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import pytest
from alphaforge.cache.v1 import cache_service_pb2
from alphaforge.data.v1 import data_service_pb2
from alphaforge.execution.v1 import execution_service_pb2
from alphaforge_core.errors import AlphaForgeError, EngineError, PermissionDenied
from google.protobuf.descriptor import ServiceDescriptor

from services.common.gate import Gate, require
from services.common.roles import AUDITED, METHOD_ROLES, Role
from services.common.tokens import Tokens

SERVICES: list[ServiceDescriptor] = [
    cache_service_pb2.DESCRIPTOR.services_by_name["CacheService"],
    data_service_pb2.DESCRIPTOR.services_by_name["DataService"],
    execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
]


def line(name: str, role: str = "read", rate: str = "") -> str:
    """A line of a tokens file; the token is the name and "-token"."""
    return f"{name}  {role}  {hashlib.sha256(f'{name}-token'.encode()).hexdigest()}  {rate}\n"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(tmp_path: Path, clock: Clock) -> Gate:
    path = tmp_path / "tokens"
    people = (line("reader"), line("writer", "write"), line("boss", "admin"), line("slow", "read", "2"))
    path.write_text("".join(("# people\n\n", *people)))
    return Gate(Tokens(path), 2, clock)


def bearer(token: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "test"), ("authorization", f"Bearer {token}")]


def reason(call: Callable[[], object]) -> str:
    """Why the call was refused, in a context of its own as each call has; "" where it was not."""
    try:
        copy_context().run(call)
    except AlphaForgeError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("metadata", "role", "expected"),
    [
        ([], Role.READ, "UNAUTHENTICATED"),
        ([("authorization", "Basic cmVhZGVy")], Role.READ, "UNAUTHENTICATED"),
        ([("authorization", "reader-token")], Role.READ, "UNAUTHENTICATED"),
        ([("authorization", b"Bearer reader-token")], Role.READ, "UNAUTHENTICATED"),
        (bearer("wrong"), Role.READ, "UNAUTHENTICATED"),
        (bearer(""), Role.READ, "UNAUTHENTICATED"),
        (bearer("reader-token"), Role.READ, ""),
        ([("authorization", "bearer reader-token")], Role.READ, ""),
        (bearer("reader-token"), Role.WRITE, "PERMISSION_DENIED"),
        (bearer("writer-token"), Role.WRITE, ""),
        (bearer("writer-token"), Role.ADMIN, "PERMISSION_DENIED"),
        (bearer("boss-token"), Role.ADMIN, ""),
        (bearer("boss-token"), Role.READ, ""),
    ],
)
def test_a_call_needs_a_known_token_whose_role_suffices(
    gate: Gate, metadata: list[tuple[str, str | bytes]], role: Role, expected: str
) -> None:
    assert reason(lambda: gate.enter(metadata, role, "Method")) == expected


def test_without_tokens_everybody_may_do_everything() -> None:
    gate = Gate(None, 1)
    assert reason(lambda: (gate.enter([], Role.ADMIN, "Method"), require(Role.ADMIN, "do anything"))) == ""


def test_what_depends_on_the_message_is_asked_of_the_same_caller(gate: Gate) -> None:
    def call() -> None:
        gate.enter(bearer("reader-token"), Role.READ, "OpenCache")
        require(Role.WRITE, "make cache 'new'")

    with pytest.raises(PermissionDenied, match="to make cache 'new' needs role write; reader has read"):
        copy_context().run(call)


def test_calls_beyond_the_rate_are_refused_until_time_has_passed(gate: Gate, clock: Clock) -> None:
    def call() -> str:
        return reason(lambda: gate.enter(bearer("slow-token"), Role.READ, "Method"))

    assert [call() for _ in range(3)] == ["", "", "RATE_LIMITED"]
    clock.now += 0.5
    assert [call() for _ in range(2)] == ["", "RATE_LIMITED"]
    clock.now += 3600
    assert [call() for _ in range(3)] == ["", "", "RATE_LIMITED"]
    assert reason(lambda: gate.enter(bearer("reader-token"), Role.READ, "Method")) == ""


def test_one_caller_may_have_so_many_streams_and_another_one_too(gate: Gate) -> None:
    with gate.stream("a"):
        with gate.stream("a"):
            assert reason(lambda: gate.stream("a").__enter__()) == "STREAM_LIMIT"
            assert reason(lambda: gate.stream("b").__enter__()) == ""
        with gate.stream("a"):
            pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("reader read", "line 1: must be"),
        (line("reader") + "x king " + "0" * 64, "line 2: has a role"),
        ("x read " + "0" * 63, "can't be read"),
        ("x read " + "0" * 62, "no SHA-256"),
        (line("x", "read", "0"), "not above 0"),
        (line("x", "read", "many"), "can't be read"),
        ("x read " + "0" * 64 + "\nx read " + "1" * 64, "one name to two"),
    ],
)
def test_a_tokens_file_that_makes_no_sense_is_refused_without_being_quoted(
    text: str, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(EngineError, match=expected) as caught:
        Tokens(path)
    assert "00000000" not in str(caught.value)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_method_has_a_role(service: ServiceDescriptor) -> None:
    assert set(METHOD_ROLES[service.full_name]) == set(service.methods_by_name)
    assert AUDITED[service.full_name] <= set(service.methods_by_name)


def test_what_changes_orders_is_never_for_readers() -> None:
    roles = METHOD_ROLES["alphaforge.execution.v1.ExecutionService"]
    assert all(roles[name] > Role.READ for name in AUDITED["alphaforge.execution.v1.ExecutionService"])
