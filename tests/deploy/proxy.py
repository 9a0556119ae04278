"""nginx with the configuration of deploy/, on free ports, and requests to it."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.servers import free_port
from tests.deploy.compose_file import COMPOSE
from tests.deploy.programs import listens, program, running, substitute

CONFIGURATION = COMPOSE / "nginx" / "nginx.conf"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Response:
    """Status, headers with names in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Proxy:
    """A running nginx; `plain_port` is that of its health check."""

    port: int
    plain_port: int
    certificate: Path
    folder: Path

    def connection(self, client: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """Connect by TLS from an address of this machine; the certificate has to be valid."""
        return http.client.HTTPSConnection(
            "localhost",
            self.port,
            timeout=20,
            source_address=(client, 0),
            context=ssl.create_default_context(cafile=str(self.certificate)),
        )

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "127.0.0.1",
    ) -> Response:
        """Send a request on a connection of its own."""
        connection = self.connection(client)
        try:
            return send_on(connection, method, path, body, headers)
        finally:
            connection.close()

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "access").read_text().splitlines()]


def send_on(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Send a request on an open connection and read its response."""
    connection.request(method, path, body, {**(JSON if body else {}), **(headers or {})})
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, names, response.read())


def open_connection(proxy: Proxy, client: str) -> ssl.SSLSocket:
    """Return an open connection, a context that closes it."""
    connection = proxy.connection(client)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    return connection.sock


def substituted(
    text: str, folder: Path, secrets: Path, ports: tuple[int, int], replicas: Sequence[int]
) -> str:
    """Return the configuration with other addresses and paths, and no other change."""
    return substitute(
        text,
        {
            "/tmp/": f"{folder}/",  # first: the other paths may be below it
            "listen 8443 ssl": f"listen 127.0.0.1:{ports[0]} ssl",
            "listen 127.0.0.1:8081": f"listen 127.0.0.1:{ports[1]}",
            "service-1:8000": f"127.0.0.1:{replicas[0]}",
            "service-2:8000": f"127.0.0.1:{replicas[1]}",
            "/run/secrets/tls_certificate": secrets / "tls_certificate.pem",
            "/run/secrets/tls_key": secrets / "tls_key.pem",
            "/dev/stdout": folder / "access",
        },
    )


def arguments(file: Path) -> list[str | Path]:
    """Return the command of nginx; its workers are the user of the tests."""
    return [
        *(program("nginx"), "-e", "stderr", "-p", file.parent, "-c", file),
        *("-g", "daemon off; user root;"),
    ]


@contextmanager
def proxying(folder: Path, secrets: Path, *replicas: int) -> Iterator[Proxy]:
    """Run nginx in front of two servers until the block ends."""
    folder.mkdir(exist_ok=True)
    ports = free_port(), free_port()
    file = folder / "nginx.conf"
    file.write_text(substituted(CONFIGURATION.read_text(), folder, secrets, ports, replicas))
    with running(folder / "log", lambda: listens(ports[0]), *arguments(file)):
        yield Proxy(*ports, secrets / "tls_certificate.pem", folder)
