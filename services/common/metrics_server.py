"""/metrics over HTTP, over HTTPS where the service has TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from services.common.tls import ServerTls

__all__ = ["MetricsServer"]

_CONNECTIONS_MAX = 16
_SECONDS_MAX = 10.0


class _Handler(WSGIRequestHandler):
    # Bounds each read and write, and with it how long somebody who connects and says nothing keeps his place.
    timeout = _SECONDS_MAX

    def log_message(self, *_: Any) -> None:
        """Scrapes are not logged."""


class _Server(WSGIServer):
    """A thread for each of a few connections; more are closed at once."""

    def __init__(self, address: tuple[str, int], tls: ServerTls | None) -> None:
        self.address_family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        self._tls = tls
        self._places = threading.BoundedSemaphore(_CONNECTIONS_MAX)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without WSGIServer's look-up of the host's name, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            request.settimeout(_SECONDS_MAX)
            # Here and not where connections are accepted, so that a client that never finishes holds up nobody.
            connection = (
                request if self._tls is None else self._tls.http_context().wrap_socket(request, server_side=True)
            )
            self.finish_request(connection, client_address)
            self.shutdown_request(connection)
        except (OSError, ssl.SSLError):
            self.shutdown_request(request)
        finally:
            self._places.release()


class MetricsServer:
    """Serves a registry from threads of its own."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int, tls: ServerTls | None = None) -> None:
        self._server = _Server((host, port), tls)
        self._server.set_app(make_wsgi_app(registry))
        self.port: int = self._server.server_port
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{host}:{self.port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
