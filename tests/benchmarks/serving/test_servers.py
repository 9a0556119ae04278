import os
import sys
from pathlib import Path

import pytest

from benchmarks.serving import servers
from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import running

ASKED = Body(path="/asked", headers={}, content=b"hi")
ANSWERING = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def answering(_file: Path, port: int) -> list[str]:
    return [sys.executable, "-c", ANSWERING, str(port)]


def refusing(_file: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def ending(_file: Path, _port: int) -> list[str]:
    return [sys.executable, "-c", "print('a traceback'); print('error: no such file')"]


def silent(_file: Path, _port: int) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_server_runs_within_the_block_and_tells_what_it_takes() -> None:
    with running(answering, Path("m.onnx"), ASKED) as server:
        assert server.ask(ASKED) == 200
        assert 0 < server.start_seconds < 30
        assert server.resident_mb() > 1
        assert server.cpu_seconds() >= 0
        os.kill(server.pid, 0)  # it is there
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_server_that_ends_is_told_with_its_last_words() -> None:
    with (
        pytest.raises(BenchmarkError) as failure,
        running(ending, Path("m.onnx"), ASKED),
    ):
        pass
    assert str(failure.value) == (
        "expected a server, found one that ended at once: error: no such file"
    )


def test_a_server_that_answers_otherwise_is_told_with_its_status() -> None:
    with (
        pytest.raises(BenchmarkError) as failure,
        running(refusing, Path("m.onnx"), ASKED),
    ):
        pass
    assert str(failure.value) == "POST /asked: expected an answer of 200, found 501"


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.1)
    with (
        pytest.raises(BenchmarkError) as failure,
        running(silent, Path("m.onnx"), ASKED),
    ):
        pass
    assert str(failure.value) == "expected a server within 0.1 s, found none that answers"
