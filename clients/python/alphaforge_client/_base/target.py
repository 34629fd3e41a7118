"""Properties of a target: whether it is local, and whether a proxy is in between."""

from __future__ import annotations

import os
from ipaddress import ip_address

__all__ = ["is_local", "proxy_of"]

# In the order in which grpc reads them; only lower-case names.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


def is_local(target: str) -> bool:
    """Whether the target is a loopback address or a unix socket."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    host = _host(target)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(target: str) -> str | None:
    """The proxy through which the target is reached, without its password; None if there is none.

    Local targets, and those named by `no_proxy` or `NO_PROXY`, are reached directly.
    """
    proxy = next((os.environ[name] for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if proxy is None or is_local(target):
        return None
    # Imported here because it is slow and proxies are rare.
    from urllib.request import proxy_bypass

    if proxy_bypass(_host(target)):
        return None
    return proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")


def _host(target: str) -> str:
    host = target.rpartition(":")[0]
    for prefix in ("dns:///", "dns:", "ipv4:", "ipv6:"):
        host = host.removeprefix(prefix)
    return host.strip("[]")
