import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from service.artifact import signature_path
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.signature import ALGORITHM
from tests.conftest import ROOT, prepared_process
from tests.launcher import PreparedProcess
from tests.service.serving import fetch, following, predict, serving
from tests.service.test_signature import KEY, public_pem


def test_the_server_logs_its_address_and_responds_soon(file: Path) -> None:
    began = time.monotonic()
    process = PreparedProcess(
        *("service", "serve", file, "--port", "0"),
        anew=True,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with following(process) as port:
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
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        client.sendall(b"Content-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def serve_and_fail(file: Path, **settings: str) -> str:
    done = prepared_process("service", "serve", file, timeout=10, env={**os.environ, **settings})
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


def test_a_misspelt_variable_is_one_sentence(file: Path) -> None:
    assert serve_and_fail(file, HIGHWAY_PUBLICKEY="public.pem") == (
        "error: HIGHWAY_PUBLICKEY: expected the name of a setting, found another; did you mean "
        "HIGHWAY_PUBLIC_KEY\n"
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_invalid_files_of_keys_and_certificates_open_no_port(file: Path, workers: str) -> None:
    keys = file.with_name("keys")
    keys.write_text("SECRET")
    assert serve_and_fail(file, HIGHWAY_API_KEYS=str(keys), HIGHWAY_WORKERS=workers) == (
        f"error: HIGHWAY_API_KEYS: {keys}: line 1: expected NAME SCOPES SHA256; make a line with "
        "`highway key`\n"
    )
    assert serve_and_fail(file, HIGHWAY_TLS_CERTIFICATE="none", HIGHWAY_WORKERS=workers) == (
        "error: HIGHWAY_TLS_CERTIFICATE: none: expected a PEM file, found No such file or "
        "directory\n"
    )


def lines_at_start(file: Path, **settings: str) -> str:
    """Return what the server logs until it is stopped, on a port of all addresses."""
    with PreparedProcess(
        *("service", "serve", file, "--port", "0"),
        env={**os.environ, "HIGHWAY_HOST": "0.0.0.0", **settings},
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        port = int(first.partition("on http://0.0.0.0:")[2].split()[0])
        with socket.create_connection(("127.0.0.1", port)):
            process.terminate()
        # An open connection would delay the end; `communicate` would lose what is buffered.
        return first + process.stderr.read()


def test_a_server_without_keys_that_others_can_reach_warns_what_is_open(
    file: Path, tmp_path: Path
) -> None:
    warning = (
        "NO API KEYS ARE SET: whoever can reach 0.0.0.0 can send predictions, and read statistics, "
        "metrics, drift and the ledger{}; set HIGHWAY_API_KEYS, or HIGHWAY_OPEN=1 if this is "
        "intended\n"
    )
    assert warning.format("") in lines_at_start(file, HIGHWAY_LEDGER_URL="off")
    url = f"sqlite:///{tmp_path}/ledger.db"
    inputs = lines_at_start(file, HIGHWAY_LEDGER_URL=url)
    assert warning.format(" with its stored inputs") in inputs
    assert "NO API KEYS" not in lines_at_start(file, HIGHWAY_OPEN="1")
    _, key = new_key("ci", [Scope.PREDICT])
    file.with_name("keys").write_text(key.line)
    assert "NO API KEYS" not in lines_at_start(file, HIGHWAY_API_KEYS=str(file.with_name("keys")))


def test_a_server_says_whose_inputs_it_keeps_where_and_how_to_turn_it_off(
    file: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    line = "the ledger keeps the inputs of {} rows in {}; HIGHWAY_LEDGER_INPUTS=none turns this off"
    assert line.format("atypical", url) in lines_at_start(file, HIGHWAY_LEDGER_URL=url)
    off = lines_at_start(file, HIGHWAY_LEDGER_URL=url, HIGHWAY_LEDGER_INPUTS="none")
    assert "the ledger keeps" not in off


def test_every_worker_notices_a_revoked_key(file: Path) -> None:
    (token, key), (_, other) = (new_key(name, [Scope.PREDICT]) for name in ("ci", "other"))
    keys = file.with_name("keys")
    keys.write_text(f"{key.line}\n{other.line}")

    def status(port: int) -> int:
        row, headers = b'{"instances": [[1, 0, 0, 0]]}', {"X-API-Key": token}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", row, headers)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    with serving(file, "--workers", "2", HIGHWAY_API_KEYS=str(keys)) as (_, port):
        assert {status(port) for _ in range(10)} == {200}
        keys.write_text(other.line)
        time.sleep(1)
        assert {status(port) for _ in range(9)} == {401}


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


def test_without_a_writable_folder_the_server_does_not_start(file: Path) -> None:
    script = (
        "import sys, tempfile\n"
        "from service.server import start\n"
        "start.MEMORY_FOLDER = '/nowhere'\n"
        "tempfile._candidate_tempdir_list = lambda: ['/proc']\n"
        "from service.__main__ import main\n"
        f"sys.argv = ['service', 'serve', {str(file)!r}, '--port', '0']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "error: TMPDIR: expected a writable folder for the counters that the workers share, found "
        "none; set the variable",
    )
