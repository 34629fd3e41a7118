"""Options of an engine as the message that opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from alphaforge_client.errors import UnsupportedValue

__all__ = ["fill_settings", "names", "read_settings"]

T = TypeVar("T")


def fill_settings(message: Message, given: Mapping[str, Any]) -> None:
    """Writes the options that were given into the fields of the same names; the others stay absent.

    Enums are given by the part of their wire name that differs, in lower case; numbers may be any kind of decimal.
    """
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in given.items():
        field = fields[name]
        if value is None:
            # Only limits may be None, and an absent limit is the wire's word for it.
            continue
        if field.is_repeated:
            getattr(message, name).extend(str(item) for item in value)
        elif field.enum_type is not None:
            prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
            setattr(message, name, field.enum_type.values_by_name[prefix + value.upper()].number)
        else:
            setattr(message, name, str(value) if field.type == FieldDescriptor.TYPE_STRING else value)


def read_settings(message: Message) -> dict[str, Any]:
    """The settings in a message, as options are given; a limit that is absent is None. Decimals are str."""
    settings: dict[str, Any] = {}
    for name, field in message.DESCRIPTOR.fields_by_name.items():
        value = getattr(message, name)
        if field.is_repeated:
            settings[name] = list(value)
        elif not message.HasField(name):
            settings[name] = None
        elif field.enum_type is not None:
            prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
            settings[name] = field.enum_type.values_by_number[value].name.removeprefix(prefix).lower()
        else:
            settings[name] = value
    return settings


def names(values: Sequence[T], what: str) -> Sequence[T]:
    """The sequence itself; a str is one too, but never meant as one."""
    if isinstance(values, str):
        raise UnsupportedValue(f"{what} is a list of names, not one str", reason="TYPE_UNSUPPORTED")
    return values
