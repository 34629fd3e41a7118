"""Journal figures from a service's /metrics; the engines' statistics don't include them."""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from alphaforge_client.credentials import Credentials

__all__ = ["journal", "metrics_url"]

_PORTS = {"cache": 9151, "data": 9152, "execution": 9153}
_PREFIXES = ("alphaforge_journal_", "alphaforge_recovery_")


def metrics_url(noun: str, target: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The metrics URL of the service at `target`; None if the target has no host.

    On that host, at ALPHAFORGE_<NOUN>_METRICS_PORT or the default port.
    """
    host, colon, port = target.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        return None
    scheme = "http" if Credentials.from_environment(environment).ca_file is None else "https"
    metrics_port = environment.get(f"ALPHAFORGE_{noun.upper()}_METRICS_PORT") or _PORTS[noun]
    return f"{scheme}://{host}:{metrics_port}/metrics"


def journal(url: str, timeout: float) -> dict[str, float]:
    """The journal's series by name. Raises OSError if they can't be read within `timeout` seconds."""
    # Connects directly, as the services' client does, whatever web proxy the environment sets.
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_tls())
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=timeout) as answer:
            lines = answer.read().decode().splitlines()
        # These series have no labels: a line is a name and a number.
        return {name: float(value) for name, value in (line.split() for line in lines if line.startswith(_PREFIXES))}
    except (HTTPException, ValueError) as error:
        raise OSError(f"{url} does not serve metrics: {error}") from None


def _tls() -> ssl.SSLContext | None:
    credentials = Credentials.from_environment()
    if credentials.ca_file is None:
        return None
    context = ssl.create_default_context(cafile=credentials.ca_file)
    if credentials.certificate_file is not None:
        context.load_cert_chain(credentials.certificate_file, credentials.key_file)
    return context
