"""Conversions between protobuf messages and plain values, by field name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from alphaforge_core.errors import InvalidArgument
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

__all__ = ["enum_name", "enum_number", "fill", "given", "with_message", "with_messages"]

M = TypeVar("M", bound=Message)


def given(message: Message) -> dict[str, Any]:
    """The set fields by name: repeated fields as lists, enums as their lower-case names without prefix.

    Raises InvalidArgument ENUM_UNKNOWN for an unknown enum value.
    """
    return {field.name: _plain(field, value) for field, value in message.ListFields()}


def fill(message: M, values: Mapping[str, Any]) -> M:
    """Sets every field of `message` whose name is in `values` and not None there; returns the message."""
    for field in message.DESCRIPTOR.fields:
        value = values.get(field.name)
        if value is None:
            continue
        if field.is_repeated:
            getattr(message, field.name).extend(value)
        elif field.enum_type is not None:
            setattr(message, field.name, enum_number(field.enum_type, value))
        else:
            setattr(message, field.name, str(value) if field.type == FieldDescriptor.TYPE_STRING else value)
    return message


def with_message(message: Message, field: int, encoded: bytes) -> bytes:
    """The bytes of `message` with an encoded message appended as the field of that number."""
    return with_messages(message, field, (encoded,))


def with_messages(message: Message, field: int, encoded: Iterable[bytes]) -> bytes:
    """The bytes of `message` with encoded messages appended as the repeated field of that number."""
    tag = _varint(field << 3 | 2)
    parts = [message.SerializeToString()]
    for each in encoded:
        parts += (tag, _varint(len(each)), each)
    return b"".join(parts)


def _varint(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if field.is_repeated:
        return list(value)
    return enum_name(field.enum_type, value) if field.enum_type is not None else value


def enum_name(enum: Any, number: int) -> str:
    """The short name of an enum value: ZERO_QUANTITY_PRICE_ONLY is "price_only"."""
    member = enum.values_by_number.get(number)
    if member is None or number == 0:
        raise InvalidArgument(f"{number} is not a member of {enum.full_name}", reason="ENUM_UNKNOWN")
    return str(member.name).removeprefix(_prefix(enum)).lower()


def enum_number(enum: Any, name: str) -> int:
    """The reverse of `enum_name`."""
    return int(enum.values_by_name[_prefix(enum) + name.upper()].number)


def _prefix(enum: Any) -> str:
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")
