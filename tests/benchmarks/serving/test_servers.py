import os
import socket
import sys
from pathlib import Path

import pytest

from benchmarks.serving import servers
from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import free_port, running
from tests.service.serving import eventually

REQUEST = Body(path="/path", headers={}, content=b"hi")
ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def scripted_server(_file: Path, port: int) -> list[str]:
    return [sys.executable, "-c", ANSWERING, str(port)]


def with_a_child(_file: Path, port: int) -> list[str]:
    return ["sh", "-c", f"{sys.executable} -c '{ANSWERING}' {port} & wait"]


def rejecting(_file: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def ending(_file: Path, _port: int) -> list[str]:
    return [
        sys.executable,
        "-c",
        "print('a traceback'); print('error: /home/me/m.onnx: no such file')",
    ]


def silent(_file: Path, _port: int) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_server_runs_within_the_block_and_its_footprint_is_measured() -> None:
    with running(scripted_server, Path("m.onnx"), REQUEST) as server:
        assert server.send(REQUEST) == 200
        assert 0 < server.start_seconds < 30
        assert server.resident_mb() > 1
        assert server.cpu_seconds() >= 0
        os.kill(server.pid, 0)  # it exists
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_process_group_is_measured_and_stopped_as_a_whole() -> None:
    with running(with_a_child, Path("m.onnx"), REQUEST) as server:
        processes = server.processes()
        assert server.pid in processes
        assert len(processes) == 2
        assert server.cpu_seconds() >= sum(processes.values()) > 0
    eventually(lambda: not server.processes())


def test_a_free_port_is_below_those_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 20_000 <= free_port() < 30_000
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(servers, "PORTS", range(port, port + 1))
        with pytest.raises(BenchmarkError) as failure:
            free_port()
    assert str(failure.value) == f"no port from {port} to {port + 1} is free"


def test_a_response_has_its_headers_in_lower_case() -> None:
    with running(scripted_server, Path("m.onnx"), REQUEST) as server:
        response = server.response_to(REQUEST)
    assert (response.status, response.content) == (200, b"")
    assert "server" in response.headers


def test_a_server_that_exits_is_an_error_with_its_last_line_without_folders() -> None:
    with (
        pytest.raises(BenchmarkError) as failure,
        running(ending, Path("m.onnx"), REQUEST),
    ):
        pass
    assert str(failure.value) == "the server exited at its start: error: m.onnx: no such file"


def test_another_status_is_an_error() -> None:
    with (
        pytest.raises(BenchmarkError) as failure,
        running(rejecting, Path("m.onnx"), REQUEST),
    ):
        pass
    assert str(failure.value) == "POST /path: expected status 200, found 501"


def test_a_server_that_does_not_respond_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.1)
    with (
        pytest.raises(BenchmarkError) as failure,
        running(silent, Path("m.onnx"), REQUEST),
    ):
        pass
    assert str(failure.value) == "the server did not respond within 0.1 s"
