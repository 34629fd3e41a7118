"""/metrics over HTTP, or over HTTPS if the service has TLS.

prometheus_client can serve both itself, but neither reloads certificates nor limits connections.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from services.access.tls import ServerTls

__all__ = ["MetricsServer"]

_CONNECTIONS_MAX = 24
_CONNECTIONS_PER_HOST_MAX = 12
_SECONDS_MAX = 10.0
_LOOK_SECONDS = 0.5


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Does nothing: scrapes are not logged."""


class _Server(WSGIServer):
    """One thread per connection, with a total limit and one per host; further connections are closed at once.

    A connection has 10 s in total, from the handshake to the last byte of the response.
    """

    def __init__(self, address: tuple[str, int], tls: ServerTls | None) -> None:
        self.address_family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        self._tls = tls
        self._lock = threading.Lock()
        # Each open connection: its host and its deadline.
        self._open: dict[socket.socket, tuple[str, float]] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Skips WSGIServer's reverse DNS lookup, which may be slow."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a new thread."""
        host = str(client_address[0])
        with self._lock:
            of_host = sum(each == host for each, _ in self._open.values())
            is_full = len(self._open) >= _CONNECTIONS_MAX or of_host >= _CONNECTIONS_PER_HOST_MAX
            if not is_full:
                self._open[request] = (host, monotonic() + _SECONDS_MAX)
        if is_full:
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()

    def service_actions(self) -> None:
        """Closes connections past their deadline; `serve_forever` calls this every half second."""
        now = monotonic()
        with self._lock:
            late = [connection for connection, (_, ends) in self._open.items() if ends <= now]
            for connection in late:
                with suppress(OSError):
                    # SSLSocket's shutdown would also drop the TLS state that the thread is using.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        connection = request
        try:
            # Runs in the connection's thread, so a client that never finishes the handshake blocks nobody.
            if self._tls is not None:
                connection = self._secured(request, self._tls)
            self.finish_request(connection, client_address)
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.pop(connection, None)
            self.shutdown_request(connection)

    def _secured(self, request: socket.socket, tls: ServerTls) -> ssl.SSLSocket:
        connection = tls.http_context().wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            # The new socket has taken over the descriptor of the old one.
            self._open[connection] = self._open.pop(request)
        connection.do_handshake()
        return connection


def _with_primary(app: Any, is_primary: Callable[[], bool]) -> Any:
    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO") != "/primary":
            return app(environ, start_response)
        status, text = ("200 OK", b"primary\n") if is_primary() else ("503 Service Unavailable", b"not the primary\n")
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text]

    return answer


class MetricsServer:
    """Serves a registry from its own threads."""

    def __init__(
        self,
        registry: CollectorRegistry,
        host: str,
        port: int,
        tls: ServerTls | None = None,
        is_primary: Callable[[], bool] | None = None,
    ) -> None:
        """`is_primary` decides the status of GET /primary, 200 or 503, which proxies ask for."""
        self._server = _Server((host, port), tls)
        app = make_wsgi_app(registry)
        self._server.set_app(app if is_primary is None else _with_primary(app, is_primary))
        self.port: int = self._server.server_port
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://{host}:{self.port}/metrics"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_SECONDS,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops the thread and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
