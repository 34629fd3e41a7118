"""Whether an address is on this machine."""

from __future__ import annotations

from ipaddress import ip_address

__all__ = ["is_local"]


def is_local(address: str) -> bool:
    """Whether a host, `host:port` or `unix:path` is on this machine."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = address.rpartition(":")[0] if address.count(":") == 1 or "]:" in address else address
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
