"""What a server says of itself."""

import http.client
import json
from typing import Any

from benchmarks.serving.servers import Server


def get(server: Server, path: str) -> dict[str, Any]:
    """Return the answer to a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path)
        found: dict[str, Any] = json.load(connection.getresponse())
        return found
    finally:
        connection.close()


def status(server: Server) -> dict[str, Any]:
    """Return how its ledger stands."""
    return get(server, "/ledger")
