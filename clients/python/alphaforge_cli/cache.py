"""`alphaforge cache get|put|delete|keys|stats`: read and change entries; values are JSON."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import typer
from alphaforge_client.cache import GenericCache

from alphaforge_cli.engines import existing, opened
from alphaforge_cli.tables import counters_table, output

__all__ = ["app"]

app = typer.Typer(help="Read and change the entries of a cache; values are JSON.", no_args_is_help=True)

Name = Annotated[str, typer.Option("--name", help="The cache's name.")]
Timeout = Annotated[float, typer.Option(help="Timeout of a call, in seconds.", min=0.001)]
Key = Annotated[str, typer.Argument(help="The key, 1 to 1,024 bytes.")]


@app.command()
def get(key: Key, name: Name = "default", timeout: Timeout = 5.0) -> None:
    """Print a value. Exits with 1 if there is none.

    Types that JSON lacks are converted: decimals, times and dates to strings, bytes to base64, sets and arrays to
    lists.
    """
    with existing(GenericCache, name, timeout) as cache:
        entry = cache.get_entry(key)
    if entry is None:
        print(f"alphaforge: no entry {key!r} in the cache {name!r}", file=sys.stderr)
        raise typer.Exit(1)
    print(json.dumps(plain(entry[0]), ensure_ascii=False))


@app.command()
def put(
    key: Key,
    value: Annotated[str, typer.Argument(help='JSON, such as 45000.0, \'"text"\' or \'{"theme": "dark"}\'.')],
    ttl: Annotated[float | None, typer.Option(help="Time to live, in seconds. Default: one hour.")] = None,
    name: Name = "default",
    timeout: Timeout = 5.0,
) -> None:
    """Store a value."""
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r} is not JSON ({error}); a string needs quotes:  '\"text\"'") from None
    with opened(GenericCache, name=name, timeout=timeout) as cache:
        cache.put(key, parsed, ttl)


@app.command()
def delete(
    keys: Annotated[list[str], typer.Argument(help="The keys.")], name: Name = "default", timeout: Timeout = 5.0
) -> None:
    """Delete entries and print how many there were. Exits with 1 if there was none."""
    with existing(GenericCache, name, timeout) as cache:
        deleted = cache.delete_many(keys)
    print(f"{deleted:,} deleted")
    raise typer.Exit(0 if deleted else 1)


@app.command("keys")
def list_keys(
    prefix: Annotated[str, typer.Argument(help="Prefix of the keys.")] = "",
    limit: Annotated[int | None, typer.Option(help="Maximum number of keys.", min=1)] = None,
    name: Name = "default",
    timeout: Timeout = 5.0,
) -> None:
    """Print the keys, one per line."""
    with existing(GenericCache, name, timeout) as cache:
        for key in cache.keys(prefix, limit):
            print(key)


@app.command()
def stats(name: Name = "default", timeout: Timeout = 5.0) -> None:
    """Print the cache's statistics."""
    with existing(GenericCache, name, timeout) as cache:
        output().print(counters_table(f"cache ({name})", cache.statistics().as_dict()))


def plain(value: Any) -> Any:
    """The value, with types that JSON lacks converted."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
