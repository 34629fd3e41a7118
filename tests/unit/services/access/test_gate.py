"""Tokens, roles, rates and limits of streams, under a simulated clock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import pytest
from alphaforge_core.errors import AlphaForgeError, EngineError, PermissionDenied

from services.access.gate import Gate, require
from services.access.roles import Role
from services.access.tokens import UNUSABLE_SECONDS_MAX, Tokens


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
    """Runs the call in a separate context; returns the reason of its refusal, or ""."""
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

    with pytest.raises(PermissionDenied, match="role write is needed to make cache 'new'; reader has read"):
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
        ("reader read", "line 1: expected"),
        (line("reader") + "x king " + "0" * 64, "line 2: has an unknown role"),
        ("x read " + "0" * 63, "invalid hash or rate"),
        ("x read " + "0" * 62, "not a SHA-256"),
        (line("x", "read", "0"), "not above 0"),
        (line("x", "read", "many"), "invalid hash or rate"),
        ("x read " + "0" * 64 + "\nx read " + "1" * 64, "two tokens with the same name"),
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


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("nonsense\n")], ids=["gone", "broken"])
def test_tokens_outlive_their_file_by_five_minutes(
    tmp_path: Path, clock: Clock, damage: Callable[[Path], object]
) -> None:
    path = tmp_path / "tokens"
    path.write_text(line("reader"))
    gate = Gate(Tokens(path, clock), 2, clock)

    def admitted() -> str:
        return reason(lambda: gate.enter(bearer("reader-token"), Role.READ, "Get"))

    damage(path)
    clock.now += 2.0
    assert admitted() == ""
    clock.now += UNUSABLE_SECONDS_MAX
    assert (admitted(), gate.tokens_failing_seconds) == ("", UNUSABLE_SECONDS_MAX)
    clock.now += 0.5
    assert admitted() == "UNAUTHENTICATED"
    path.write_text(line("reader"))
    clock.now += 1.0
    assert (admitted(), gate.tokens_failing_seconds) == ("", 0.0)


def test_a_stream_ends_when_its_tokens_file_could_not_be_used_for_too_long(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "tokens"
    path.write_text(line("reader"))
    gate = Gate(Tokens(path, clock), 2, clock)
    path.unlink()

    def stream() -> None:
        gate.enter(bearer("reader-token"), Role.READ, "Subscribe")
        gate.check()
        clock.now += 2.0
        gate.check()
        clock.now += UNUSABLE_SECONDS_MAX + 1.0
        gate.check()

    assert reason(stream) == "UNAUTHENTICATED"
    assert clock.now > UNUSABLE_SECONDS_MAX


def test_refusals_are_counted_by_reason_and_methods_that_lighten_the_load_are_in_no_lane(gate: Gate) -> None:
    def refused(metadata: list[tuple[str, str | bytes]]) -> None:
        try:
            gate.enter(metadata, Role.ADMIN, "Halt")
        except AlphaForgeError as error:
            gate.count(error)

    for metadata in ([], bearer("reader-token")):
        copy_context().run(refused, metadata)
    counted = {reason: count for reason, count in gate.refused.items() if count}
    assert counted == {"UNAUTHENTICATED": 1, "PERMISSION_DENIED": 1}
    assert gate.lane("GetOrder", Role.READ) is gate.reads
    assert gate.lane("SubmitOrder", Role.WRITE) is gate.writes
    assert gate.lane("CancelOrder", Role.WRITE) is None
