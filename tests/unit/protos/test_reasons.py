"""Reasons have one name and one number everywhere, and an example in their comment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alphaforge.type.v1 import error_pb2
from alphaforge_core._native.errors import REASON_NUMBERS

PROTOS = Path(__file__).parents[3] / "protos/alphaforge"


def commented_values(file: str, enum: str) -> dict[str, str]:
    """Returns the comment of each enum value except the first, which is never sent."""
    body = re.search(rf"^enum {enum} {{(.*?)^}}", (PROTOS / file).read_text(), re.MULTILINE | re.DOTALL)
    assert body
    values = re.findall(r"((?:^ +//.*\n)+) +(\w+) = [1-9]", body[1], re.MULTILINE)
    return {name: comment for comment, name in values}


def test_reasons_have_the_same_names_and_numbers_in_the_core_and_on_the_wire() -> None:
    on_the_wire = {name.removeprefix("ERROR_REASON_"): number for name, number in error_pb2.ErrorReason.items()}
    assert on_the_wire.pop("UNSPECIFIED") == 0
    assert on_the_wire == REASON_NUMBERS


@pytest.mark.parametrize(
    ("file", "enum"),
    [
        ("type/v1/error.proto", "ErrorReason"),
        ("execution/v1/order.proto", "OrderRejectReason"),
        ("execution/v1/order.proto", "OrderCancelReason"),
        ("type/v1/stream.proto", "GapReason"),
    ],
)
def test_every_reason_has_a_worked_example(file: str, enum: str) -> None:
    values = commented_values(file, enum)
    assert values
    assert [name for name, comment in values.items() if "Example:" not in comment] == []
