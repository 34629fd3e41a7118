"""`python -m tools.reference_pages`: generates reference pages from code and protos.

Settings come from their models; errors, RPCs and messages from the comments of the protos. The pages are checked in, so
that links to them also work in the repository. `--check` compares them with the sources.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from services.base.variables import PER_SERVICE, PREFIX
from services.cache.rpcs import CacheService
from services.cache.settings import CacheServiceSettings
from services.data.rpcs import DataService
from services.data.settings import DataServiceSettings
from services.engines.rows import Row
from services.execution.rpcs import ExecutionService
from services.execution.settings import ExecutionServiceSettings
from services.relay.settings import RelaySettings
from services.runtime.peer_settings import PeerSettings
from services.runtime.settings import CheckpointSettings, ServerSettings, ServiceSettings

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
    """A message, an enum or a service: its comment, and its members with their comments."""

    kind: str
    name: str
    comment: str
    members: list[tuple[re.Match[str], str]] = field(default_factory=list)


def blocks(path: Path) -> list[Block]:
    """The declarations of a proto file, in order. Relies on one declaration per line with comments above it."""
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
            # Members of a oneof belong to the message; a nested message's name includes the outer one.
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


SERVICES = (CacheService, DataService, ExecutionService)


def role_of(row: Row) -> str:
    assert row.role is not None
    return row.role.name.lower() + (", logged" if row.audited else "")


def services_page() -> str:
    parts = [
        "# RPCs\n\n",
        GENERATED.format(source="`protos/*/v1/*_service.proto` and `services/*/rpcs.py`"),
        "\nThe role is the one a caller's token needs, if the service uses tokens; *logged* commands are in the "
        "[audit log](../how-to/secure.md#the-audit-log). See [Wire protocol](wire.md) for what all calls have in "
        "common, and [messages](messages.md) for the fields of requests and responses.\n",
    ]
    for path in sorted(PROTOS.glob("*/v1/*_service.proto")):
        package = f"alphaforge.{path.parts[-3]}.v1"
        for service in blocks(path):
            name = f"{package}.{service.name}"
            known = next(each.table for each in SERVICES if each.descriptor.full_name == name)
            differing = {rpc[1] for rpc, _ in service.members} ^ {row.name for row in known.rpcs}
            if differing:
                sys.exit(f"{name}: {', '.join(sorted(differing))} must be both in the proto and in services/*/rpcs.py")
            rows = [
                (
                    f"`{rpc[1]}`" + (" (stream)" if rpc[3] else ""),
                    role_of(known[rpc[1]]),
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
        yield "\n" + table(("value", "number", "meaning"), *rows)
    elif block.members:
        fields = [(f"`{each[3]}`", each[4], f"`{each[1] or ''}{each[2]}`", text) for each, text in block.members]
        yield "\n" + table(("field", "number", "type", "meaning"), *fields)


def errors_page() -> str:
    (reasons,) = (block for block in blocks(PROTOS / "type/v1/error.proto") if block.kind == "enum")
    rows = [(f"`{value[1].removeprefix('ERROR_REASON_')}`", text) for value, text in reasons.members if value[2] != "0"]
    return (
        "# Errors by reason\n\n"
        + GENERATED.format(source="`protos/alphaforge/type/v1/error.proto`")
        + f"\n{reasons.comment}\n\n"
        + "For the Python classes, see [the client's errors](client.md#errors).\n\n"
        + table(("reason", "meaning, example, gRPC status"), *rows)
    )


# --- Settings.

SETTINGS_HEAD = """
A flag (`--drain-seconds 5`) takes precedence over the environment, and the environment over a file `.env` in the
working directory. A service's own variable (`ALPHAFORGE_DATA_DRAIN_SECONDS`) takes precedence over the shared one
(`ALPHAFORGE_DRAIN_SECONDS`). A service does not start with an unknown variable that begins with `ALPHAFORGE_`.
"""

_PORTS = {"port", "metrics_port"}


def settings_page() -> str:
    journal = CheckpointSettings.model_fields.keys() - _PORTS
    server = ServerSettings.model_fields.keys() - _PORTS
    shared = ServiceSettings.model_fields.keys() - _PORTS
    peer = PeerSettings.model_fields.keys() - server - _PORTS
    parts = [
        "# Settings of the services\n\n",
        GENERATED.format(source="the models in `services/*/settings.py`"),
        SETTINGS_HEAD,
        "\n## All services\n\n",
        settings(ServerSettings, server),
        "\n## Services with engines: cache, data and execution\n\n",
        settings(ServiceSettings, shared - server),
        "\n## Journals and checkpoints: cache, data and execution\n\n",
        settings(CheckpointSettings, journal - shared),
        "\n## Clients of the data service: execution and relay\n\n",
        settings(PeerSettings, peer),
    ]
    for model in (CacheServiceSettings, DataServiceSettings, ExecutionServiceSettings, RelaySettings):
        own = model.model_fields.keys() - shared - peer - journal
        parts.append(
            f"\n## The {model.service}{'' if model is RelaySettings else ' service'}\n\n"
            + settings(model, own, f"{model.service.upper()}_")
        )
    return "".join(parts)


def settings(model: type[ServerSettings], names: Set[str], own: str = "") -> str:
    rows = []
    for name, each in model.model_fields.items():
        if name not in names:
            continue
        prefix = own or ("<SERVICE>_" if name.upper() in PER_SERVICE else "")
        default = f"`{text}`" if (text := shown(each.default)) else ""
        rows.append((f"`{PREFIX}{prefix}{name.upper()}`", default, " ".join((each.description or "").split())))
    return table(("variable", "default", "meaning"), *rows)


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
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
    if "--check" in sys.argv[1:]:
        if stale := [name for name, text in pages.items() if (PAGES / name).read_text() != text]:
            sys.exit(f"{', '.join(stale)} in docs/reference: out of date; run make gen")
        return
    for name, text in pages.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    main()
