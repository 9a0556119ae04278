import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    )
    try:
        assert process.stderr is not None
        found = re.search(r"on http://127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


def test_the_server_says_what_it_serves_and_answers_soon(file: Path) -> None:
    began = time.monotonic()
    with serving(file) as (_, port):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/predict",
            b'{"instances": [[1, 0, 0, 0]]}',
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert json.load(answer)["predictions"][0]["label"] == "a"
    assert time.monotonic() - began < 5  # 1.5 s on a quiet machine


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_in_exit_code_0(file: Path, number: signal.Signals) -> None:
    with serving(file) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_a_half_sent_request_does_not_keep_a_stopped_server_alive(file: Path) -> None:
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
            f"error: 127.0.0.1:{port}: expected an address to listen on, found: Address already "
            "in use; choose another --host or --port\n"
        )


def test_a_bad_port_is_one_sentence(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_PORT="99999") == (
        "error: HIGHWAY_PORT: expected less than or equal to 65535; correct the variable\n"
    )


def test_a_bad_variable_is_one_sentence(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_MAX_ROWS="none") == (
        "error: HIGHWAY_MAX_ROWS: expected a valid integer, unable to parse string as an "
        "integer; correct the variable\n"
    )


def test_a_missing_model_opens_no_port(tmp_path: Path) -> None:
    assert serve_and_fail(tmp_path / "no.onnx") == (
        f"error: {tmp_path}/no.onnx: expected an .onnx file, found No such file or directory\n"
    )


def test_a_signed_model_is_served_to_who_asks_for_the_signature(file: Path, tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_bytes(public_pem(KEY))
    signature_path(file).write_bytes(KEY.sign(file.read_bytes(), ALGORITHM))
    with serving(file, "--public-key", tmp_path / "public.pem") as (_, port):
        assert port > 0
    with serving(file, HIGHWAY_PUBLIC_KEY=str(tmp_path / "public.pem")) as (_, port):
        assert port > 0


def test_an_unsigned_model_opens_no_port_where_a_signature_is_asked_for(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "public.pem").write_bytes(public_pem(KEY))
    assert serve_and_fail(file, HIGHWAY_PUBLIC_KEY=str(tmp_path / "public.pem")) == (
        f"error: {file}.sig: expected a signature, found No such file or directory; sign the file "
        "with `python -m export sign`\n"
    )


def test_an_empty_variable_does_not_switch_the_signature_off(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_PUBLIC_KEY="") == (
        "error: .: expected a public key in PEM, found a directory; make one with "
        "`openssl pkey -in key.pem -pubout -out public.pem`\n"
    )
