"""`python -m tools.reference_pages`: the pages of the site that are made of others' texts, before it is built.

Settings from their models; errors, RPCs and messages from the comments of the protos. They are not checked in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from services.cache.settings import CacheServiceSettings
from services.common.roles import AUDITED, METHOD_ROLES
from services.common.settings import JournalSettings, ServiceSettings
from services.common.variables import PER_SERVICE, PREFIX
from services.data.settings import DataServiceSettings
from services.execution.settings import ExecutionServiceSettings

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs/reference"
PROTOS = ROOT / "protos/alphaforge"
GENERATED = "Generated from {source}.\n"

# --- Protos.

_BLOCK = re.compile(r"(message|enum|service|oneof) (\w+) \{(\})?")
_FIELD = re.compile(r"(optional |repeated )?(map<.+?>|[\w.]+) (\w+) = (\d+)[^;]*;")
_VALUE = re.compile(r"(\w+) = (\d+);")
_RPC = re.compile(r"rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\);")


@dataclass
class Block:
    """A message, an enum or a service: its comment, and each of its members with a comment of its own."""

    kind: str
    name: str
    comment: str
    members: list[tuple[re.Match[str], str]] = field(default_factory=list)


def blocks(path: Path) -> list[Block]:
    """What one proto file declares, in its order. The protos are regular: one declaration a line, comments above it."""
    found: list[Block] = []
    inside: list[Block | None] = []
    comment: list[str] = []
    for line in map(str.strip, path.read_text().splitlines()):
        if line.startswith("//"):
            comment.append(line.removeprefix("//").strip())
            continue
        text, comment = " ".join(comment), []
        outer = next((block for block in reversed(inside) if block is not None), None)
        if begin := _BLOCK.match(line):
            # Members of a oneof are the message's; a message inside of another one bears both names.
            if begin[1] == "oneof":
                inside.append(None)
                continue
            block = Block(begin[1], f"{outer.name}.{begin[2]}" if outer else begin[2], text)
            found.append(block)
            if not begin[3]:
                inside.append(block)
        elif line == "}":
            inside.pop()
        elif outer is not None:
            pattern = {"service": _RPC, "enum": _VALUE}.get(outer.kind, _FIELD)
            if member := pattern.match(line):
                outer.members.append((member, text))
    return found


def table(*rows: tuple[str, ...]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def services_page() -> str:
    parts = [
        "# RPCs\n\n",
        GENERATED.format(source="`protos/*/v1/*_service.proto` and `services/common/roles.py`"),
        "\nThe role is what a token needs, where the service wants tokens; *logged* are the commands of the "
        "[audit log](../how-to/secure.md#the-audit-log). What all calls have in common: [the wire](wire.md); "
        "requests and answers, field by field: [messages](messages.md).\n",
    ]
    for path in sorted(PROTOS.glob("*/v1/*_service.proto")):
        package = f"alphaforge.{path.parts[-3]}.v1"
        for service in blocks(path):
            name = f"{package}.{service.name}"
            assert len(service.members) == len(METHOD_ROLES[name]), name
            rows = [
                (
                    f"`{rpc[1]}`" + (" (stream)" if rpc[3] else ""),
                    METHOD_ROLES[name][rpc[1]].name.lower() + (", logged" if rpc[1] in AUDITED[name] else ""),
                    text,
                )
                for rpc, text in service.members
            ]
            parts.append(f"\n## {name}\n\n{service.comment}\n\n" + table(("RPC", "role", "what it does"), *rows))
    return "".join(parts)


def messages_page() -> str:
    parts = ["# Messages\n\n", GENERATED.format(source="`protos/`")]
    for noun in ("cache", "data", "execution", "type"):
        parts.append(f"\n## alphaforge.{noun}.v1\n")
        for path in sorted(PROTOS.glob(f"{noun}/v1/*.proto")):
            parts.extend(part for block in blocks(path) for part in message(block))
    return "".join(parts)


def message(block: Block) -> Iterator[str]:
    if block.kind == "service" or block.name == "ErrorReason":
        return
    yield f"\n### {block.name}\n\n{block.comment}\n"
    if block.kind == "enum":
        rows = [(f"`{value[1]}`", value[2], text) for value, text in block.members]
        yield "\n" + table(("value", "number", "what it means"), *rows)
    elif block.members:
        rows = [(f"`{each[3]}`", each[4], f"`{each[1] or ''}{each[2]}`", text) for each, text in block.members]
        yield "\n" + table(("field", "number", "type", "what it is"), *rows)


def errors_page() -> str:
    (reasons,) = (block for block in blocks(PROTOS / "type/v1/error.proto") if block.kind == "enum")
    rows = [(f"`{value[1].removeprefix('ERROR_REASON_')}`", text) for value, text in reasons.members if value[2] != "0"]
    return (
        "# Errors by reason\n\n"
        + GENERATED.format(source="`protos/alphaforge/type/v1/error.proto`")
        + f"\n{reasons.comment}\n\n"
        + "Which class each is in Python: [the client's errors](client.md#errors).\n\n"
        + table(("reason", "when, an example, and the gRPC status"), *rows)
    )


# --- Settings.

SETTINGS_HEAD = """
A flag (`--drain-seconds 5`) wins over the environment, and that over a file `.env` in the working folder. A service's
own variable (`ALPHAFORGE_DATA_DRAIN_SECONDS`) wins over the shared one (`ALPHAFORGE_DRAIN_SECONDS`). A variable that
begins with `ALPHAFORGE_` and is none of the product's stops a service at its start.
"""

_PORTS = {"port", "metrics_port"}


def settings_page() -> str:
    # A field without a default is each service's own.
    journal = {name for name, each in JournalSettings.model_fields.items() if not each.is_required()}
    shared = ServiceSettings.model_fields.keys() - _PORTS
    parts = [
        "# Settings of the services\n\n",
        GENERATED.format(source="the models in `services/*/settings.py`"),
        SETTINGS_HEAD,
        "\n## All services\n\n",
        settings(ServiceSettings, shared),
        "\n## Services with a journal: data and execution\n\n",
        settings(JournalSettings, journal - shared - _PORTS),
    ]
    for model in (CacheServiceSettings, DataServiceSettings, ExecutionServiceSettings):
        own = model.model_fields.keys() - shared - (journal - _PORTS)
        parts.append(f"\n## The {model.service} service\n\n" + settings(model, own, f"{model.service.upper()}_"))
    return "".join(parts)


def settings(model: type[ServiceSettings], names: Set[str], own: str = "") -> str:
    rows = []
    for name, each in model.model_fields.items():
        if name not in names:
            continue
        prefix = own or ("<SERVICE>_" if name.upper() in PER_SERVICE else "")
        default = "" if each.default is None else f"`{shown(each.default)}`"
        rows.append((f"`{PREFIX}{prefix}{name.upper()}`", default, " ".join((each.description or "").split())))
    return table(("variable", "default", "what it says"), *rows)


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> None:
    pages = {
        "errors.md": errors_page(),
        "messages.md": messages_page(),
        "rpcs.md": services_page(),
        "settings.md": settings_page(),
    }
    for name, text in pages.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    main()
