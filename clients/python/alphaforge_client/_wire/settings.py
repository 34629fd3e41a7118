"""Conversion between options of an engine and its settings message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from alphaforge_client.errors import UnsupportedValue

__all__ = ["fill_settings", "given_options", "names", "read_settings"]

T = TypeVar("T")


class _Config(Protocol):
    def given(self) -> Mapping[str, Any]: ...


def given_options(config: _Config | None, kind: type[_Config]) -> Mapping[str, Any]:
    """The options set in a configuration. Raises UnsupportedValue (a TypeError) if it isn't a `kind`."""
    if config is None:
        return {}
    if not isinstance(config, kind):
        hint = f"; to name the engine, pass name={config!r}" if isinstance(config, str) else ""
        raise UnsupportedValue(
            f"config must be a {kind.__name__}, not {type(config).__name__}{hint}", reason="TYPE_UNSUPPORTED"
        )
    return config.given()


def fill_settings(message: Message, given: Mapping[str, Any]) -> None:
    """Writes the given options to the fields of the same names; the others stay absent.

    Enums are given as their wire names in lower case without prefix; numbers may be any kind of decimal.
    """
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in given.items():
        field = fields[name]
        if value is None:
            # Only limits may be None, which is an absent field on the wire.
            continue
        if field.is_repeated:
            getattr(message, name).extend(str(item) for item in value)
        elif field.enum_type is not None:
            prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
            setattr(message, name, field.enum_type.values_by_name[prefix + value.upper()].number)
        else:
            setattr(message, name, str(value) if field.type == FieldDescriptor.TYPE_STRING else value)


def read_settings(message: Message) -> dict[str, Any]:
    """The settings in a message, as options; an absent limit is None. Decimals are str."""
    settings: dict[str, Any] = {}
    for name, field in message.DESCRIPTOR.fields_by_name.items():
        value = getattr(message, name)
        if field.is_repeated:
            settings[name] = list(value)
        elif field.has_presence and not message.HasField(name):
            settings[name] = None
        elif field.enum_type is not None:
            prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
            known = field.enum_type.values_by_number.get(value)
            # A later release may have more values.
            settings[name] = str(value) if known is None else known.name.removeprefix(prefix).lower()
        else:
            settings[name] = value
    return settings


def names(values: Sequence[T], what: str) -> Sequence[T]:
    """Returns the sequence. Raises UnsupportedValue for a str: also a sequence, but always a mistake here."""
    if isinstance(values, str):
        raise UnsupportedValue(f"{what} must be a list of names, not a str", reason="TYPE_UNSUPPORTED")
    return values
