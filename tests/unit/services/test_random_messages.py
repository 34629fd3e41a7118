"""Random messages of every RPC: each is answered or refused with a documented error, and a restart changes nothing."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from alphaforge_core.errors import AlphaForgeError
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.engines.rows import Row, Runs
from tests.support.in_process import Serving, serving

CALLS, STARTS = 60, 3
WAIT_SECONDS = 0.05
INTEGERS = (
    0,
    1,
    2,
    3,
    5,
    100,
    -1,
    10**9,
    1_700_000_000_000_000_000,
    2**31 - 1,
    2**32 - 1,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
)
TEXTS = ("", "BTC", "X", "é", "s", "a\x00b", "x" * 65, "x~7", "o1", "o2", "1", "0.5", "-1", "1e30", "nan", "9" * 40)
BYTES = (b"", b"k", b"\xff" * 20, b"x" * 1_000)
NUMBERS = (0.0, 1.0, -1.0, 0.1, 1e308, float("nan"), float("inf"))


def chosen(dice: random.Random, field: Field) -> Any:
    """Returns a value that may not fit the field."""
    if field.name in ("engine", "cache"):
        return dice.choice(("", "", "e"))
    if field.cpp_type == Field.CPPTYPE_STRING:
        return dice.choice(BYTES if field.type == Field.TYPE_BYTES else TEXTS)
    if field.cpp_type in (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT):
        return dice.choice(NUMBERS)
    if field.cpp_type == Field.CPPTYPE_BOOL:
        return dice.random() < 0.5
    return dice.choice((0, 1, 2, 3, 4, 77) if field.cpp_type == Field.CPPTYPE_ENUM else INTEGERS)


def fill(dice: random.Random, message: Message, depth: int = 0) -> None:
    """Sets some fields, to values on the edges."""
    for field in message.DESCRIPTOR.fields:
        if field.name == "epoch" or dice.random() > (0.75 if depth < 3 else 0.2):
            continue
        is_message = field.cpp_type == Field.CPPTYPE_MESSAGE
        values = getattr(message, field.name)
        try:
            if not field.is_repeated and not is_message:
                setattr(message, field.name, chosen(dice, field))
            elif not field.is_repeated:
                values.SetInParent()
                fill(dice, values, depth + 1)
            elif field.message_type is None or not field.message_type.GetOptions().map_entry:
                for _ in range(dice.choice((0, 1, 2, 5))):
                    if is_message:
                        fill(dice, values.add(), depth + 1)
                    else:
                        values.append(chosen(dice, field))
        except (ValueError, TypeError):
            continue


async def call(service: Serving, row: Row, request: bytes) -> None:
    answer = service.handler(row.name)(request)
    if row.runs is not Runs.STREAM:
        async with asyncio.timeout(WAIT_SECONDS if row.runs is Runs.WAIT else None):
            await answer
        return
    async with asyncio.timeout(WAIT_SECONDS), aclosing(answer) as responses:
        async for _ in responses:
            pass


def kept(service: Serving) -> dict[str, object]:
    """Returns the state that a restart must not change."""
    return {
        engine.name: (engine.epoch, engine.sequence, engine.settings, engine.core.state_hash())
        for engine in service.service.engines.engines()
        if engine.journal is not None
    }


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("noun", ["cache", "data", "execution"])
def test_random_messages_are_answered_or_refused_and_a_restart_changes_nothing(
    noun: str, seed: int, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    before: dict[str, object] = {}

    async def run() -> None:
        async with serving(noun, tmp_path) as service:
            assert kept(service) == before
            assert not service.service.engines.damaged
            rows = list(service.service.table.rpcs)
            for _ in range(CALLS):
                row = dice.choice(rows)
                method = service.service.descriptor.methods_by_name[row.name]
                message = GetMessageClass(method.input_type)()
                fill(dice, message)
                try:
                    await call(service, row, message.SerializeToString())
                except (AlphaForgeError, TimeoutError):
                    continue
                except Exception as error:
                    raise AssertionError(f"{row.name} {message}") from error
        before.clear()
        before.update(kept(service))

    for _ in range(STARTS):
        asyncio.run(run())
