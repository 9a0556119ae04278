"""The project's server with a ledger: its command, and its JSON documents."""

import http.client
import json
from pathlib import Path
from typing import Any

from benchmarks.serving.bodies import JSON, Body
from benchmarks.serving.servers import Command, Server, project


def with_ledger(url: str, **settings: str) -> Command:
    """Return the server's command with `HIGHWAY_LEDGER_URL` and other HIGHWAY_LEDGER_… settings."""
    variables = [
        f"HIGHWAY_LEDGER_{name.upper()}={value}" for name, value in {"url": url, **settings}.items()
    ]

    def command(file: Path, port: int) -> list[str]:
        return ["env", *variables, *project(file, port)]

    return command


def get(server: Server, path: str) -> dict[str, Any]:
    """Return the document at a path."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path)
        document: dict[str, Any] = json.load(connection.getresponse())
        return document
    finally:
        connection.close()


def post(server: Server, path: str, document: dict[str, Any]) -> dict[str, Any]:
    """Send a document to a path; return the document that is the response."""
    body = Body(path=path, headers=JSON, content=json.dumps(document).encode())
    response: dict[str, Any] = json.loads(server.response_to(body).content)
    return response


def status(server: Server) -> dict[str, Any]:
    """Return the status of the ledger."""
    return get(server, "/ledger")
