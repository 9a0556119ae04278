import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from service.signature import ALGORITHM, signature_path
from tests.conftest import ROOT
from tests.service.test_signature import KEY, public_pem


@contextmanager
def serving(
    file: Path, *options: str | Path, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server on a free port until the block ends; gives the process and the port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", str(file), "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, **settings},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    address = re.search(r"on http://127\.0\.0\.1:(\d+)", process.stderr.readline())
    # A full pipe would block the server in the middle of a line.
    drain = Thread(target=process.stderr.read)
    drain.start()
    try:
        assert address is not None
        yield process, int(address[1])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with its workers, which keep the pipe open
        process.wait()
        drain.join()
        process.stderr.close()


def fetch(port: int, path: str, body: bytes | None = None) -> Any:
    """Return the JSON of the response with the request's id as a member, or its text."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        if response.headers["content-type"] != "application/json":
            return response.read().decode()
        return {"id": response.headers["x-request-id"], **json.load(response)}


def predict(port: int, path: str = "/predict") -> Any:
    return fetch(port, path, b'{"instances": [[1, 0, 0, 0]]}')


def test_the_server_logs_its_address_and_responds_soon(file: Path) -> None:
    began = time.monotonic()
    with serving(file) as (_, port):
        assert predict(port)["predictions"][0]["label"] == "a"
    assert time.monotonic() - began < 5  # 1.5 s on a quiet machine


def test_settings_in_the_environment_reach_the_application(file: Path) -> None:
    settings = {
        **{"HIGHWAY_PREDICT_ROUTE": "/invocations", "HIGHWAY_HEALTH_ROUTE": "/ping"},
        **{"HIGHWAY_MAX_ROWS": "1", "HIGHWAY_MAX_QUEUE_ROWS": "1", "HIGHWAY_DEADLINE_MS": "5000"},
    }
    with serving(file, **settings) as (_, port):
        assert predict(port, "/invocations")["model_name"] == "tiny"
        assert fetch(port, "/ping") == {"id": None, "live": True, "ready": True}
        with pytest.raises(urllib.error.HTTPError) as error:
            fetch(port, "/predict", b'{"instances": [[1, 0, 0, 0], [1, 0, 0, 0]]}')
        assert json.load(error.value) == {
            "error": "instances: expected at most 1 rows, found 2; send them in parts"
        }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_exits_with_code_0(file: Path, number: signal.Signals) -> None:
    with serving(file) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_an_incomplete_request_does_not_keep_a_stopped_server_alive(file: Path) -> None:
    with (
        serving(file, HIGHWAY_DRAIN_SECONDS="1") as (process, port),
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        client.sendall(b"Content-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def serve_and_fail(file: Path, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve", str(file)],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_a_port_in_use_is_one_sentence(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve_and_fail(file, HIGHWAY_PORT=str(port)) == (
            f"error: cannot listen on 127.0.0.1:{port}: Address already in use; choose another "
            "--host or --port\n"
        )


def test_an_invalid_variable_is_one_sentence(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_PORT="99999") == (
        "error: HIGHWAY_PORT: expected at most 65535, found '99999'\n"
    )


def test_two_conflicting_variables_are_one_sentence(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_MAX_QUEUE_ROWS="8") == (
        "error: HIGHWAY_MAX_QUEUE_ROWS: expected at least HIGHWAY_MAX_ROWS (1024), found 8\n"
    )


def test_a_missing_model_opens_no_port(tmp_path: Path) -> None:
    assert serve_and_fail(tmp_path / "no.onnx") == (
        f"error: {tmp_path}/no.onnx: expected an .onnx file, found No such file or directory\n"
    )


def test_a_signed_model_is_served_if_a_signature_is_required(file: Path, tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_bytes(public_pem(KEY))
    signature_path(file).write_bytes(KEY.sign(file.read_bytes(), ALGORITHM))
    with serving(file, "--public-key", tmp_path / "public.pem") as (_, port):
        assert port > 0
    with serving(file, HIGHWAY_PUBLIC_KEY=str(tmp_path / "public.pem")) as (_, port):
        assert port > 0


def test_an_unsigned_model_opens_no_port_if_a_signature_is_required(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "public.pem").write_bytes(public_pem(KEY))
    assert serve_and_fail(file, HIGHWAY_PUBLIC_KEY=str(tmp_path / "public.pem")) == (
        f"error: {file}.sig: expected a signature, found No such file or directory; sign the file "
        "with `highway sign`\n"
    )


def test_an_empty_variable_does_not_disable_the_signature(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_PUBLIC_KEY="") == (
        "error: .: expected a public key in PEM, found a directory; make one with "
        "`openssl pkey -in key.pem -pubout -out public.pem`\n"
    )


def predict_often(port: int) -> set[str]:
    """Predict five times; return the prefixes of the request ids, one for each process."""
    return {predict(port)["id"].partition("-")[0] for _ in range(5)}


def counted(port: int, number: int) -> bool:
    """Check that statistics and metrics of every worker count this number of requests."""
    for _ in range(6):
        (model,) = fetch(port, "/v2/models/stats")["model_stats"]
        total = re.search(r'requests_total{.*outcome="success".*} (\S+)', fetch(port, "/metrics"))
        assert total is not None
        stats = model["inference_stats"]["success"]["count"]
        if {stats, model["inference_count"], float(total[1])} != {number}:
            return False
    return True


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for a change that other processes make."""
    end = time.monotonic() + 8  # uvicorn may wait 5 s for a process that starts
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the process ids of both workers, once each has the threads of a serving one."""
    workers: set[int] = set()

    def both_serve() -> bool:
        nonlocal workers
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        with suppress(OSError):  # the process ended
            workers = {int(c) for c in children if len(list(Path(f"/proc/{c}/task").iterdir())) > 3}
        return len(workers) == 2

    eventually(both_serve)
    return workers


def test_workers_share_their_counts_and_killed_ones_are_replaced_without_loss(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        processes = predict_often(port)
        first, second = workers_of(process)
        eventually(lambda: counted(port, 5))  # the counts follow just after the response
        os.kill(first, signal.SIGKILL)
        processes |= predict_often(port)  # the other worker responds at once
        eventually(lambda: first not in workers_of(process) and counted(port, 10))
        os.kill(second, signal.SIGKILL)
        assert not predict_often(port) & processes
        eventually(lambda: counted(port, 15))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def test_workers_do_not_outlive_their_parent(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        predict(port)
        workers = workers_of(process)
        process.kill()
        process.wait()
        eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_workers_that_cannot_start_end_the_server(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        predict(port)
        workers = workers_of(process)
        file.unlink()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        assert process.wait(timeout=15) == 1


def test_workers_without_a_writable_folder_are_rejected(file: Path) -> None:
    script = (
        "import sys, tempfile\n"
        "tempfile._candidate_tempdir_list = lambda: ['/proc']\n"
        "from service.__main__ import main\n"
        f"sys.argv = ['service', 'serve', {str(file)!r}, '--port', '0', '--workers', '2']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "error: TMPDIR: no writable folder for the counters that several workers share; set the "
        "variable, or use one worker",
    )
