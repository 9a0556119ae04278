"""The server: methods, ports, workers, TLS and the end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving.servers import free_port
from service.classifier import Classifier
from service.grpc.library import grpc
from service.grpc.messages import SERVICE
from tests.conftest import ROOT
from tests.service.conftest import Recipe
from tests.service.grpc.transport import (
    ROW_OF_A,
    Caller,
    outputs_of,
    request,
    serving_grpc,
)
from tests.service.http.transport import BlockingClassifier, until
from tests.service.serving import eventually, serving, workers_of

KNOWN = (
    "ModelInfer, ModelMetadata, ModelReady, ModelStatistics, RepositoryIndex, RepositoryModelLoad, "
    "RepositoryModelUnload, ServerLive, ServerMetadata, ServerReady"
)


@pytest.mark.parametrize(
    "path", [f"/{SERVICE}/ModelStreamInfer", f"/{SERVICE}/ModelConfig", "/other/Method", "/"]
)
def test_another_method_is_refused_with_the_list_of_methods(caller: Caller, path: str) -> None:
    answer = caller.send(path, b"")
    assert answer.code == "UNIMPLEMENTED"
    assert answer.details == f"method: expected one of {KNOWN}, found another"


def test_a_stopped_server_finishes_the_calls_under_way() -> None:
    blocking = BlockingClassifier(Recipe().build())
    with (
        serving_grpc(blocking) as server,
        server.caller() as caller,
        ThreadPoolExecutor(1) as pool,
        ThreadPoolExecutor(1) as others,
    ):
        assert caller.infer(request()).code == "OK"
        blocking.block()
        pending = pool.submit(caller.infer, request())
        assert blocking.running.wait(5)
        stopping = others.submit(server.run, server.server.stop(5))
        until(lambda: caller.call("ServerReady").code == "UNAVAILABLE")
        answer = caller.infer(request())
        assert (answer.code, answer.details) == (
            "UNAVAILABLE",
            "server: stopping; use another one",
        )
        blocking.released.set()
        assert pending.result().code == "OK"
        stopping.result()


def connect(port: int) -> Any:
    return grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])


def test_the_command_serves_both_protocols_and_stops_cleanly(file: Path) -> None:
    port = free_port()
    with serving(file, HIGHWAY_GRPC_PORT=str(port)) as (process, _), connect(port) as channel:
        answer = Caller(channel).infer(request())
        assert outputs_of(answer.message)["probabilities"][0].tolist() == ROW_OF_A
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=8) == 0


def test_no_call_is_lost_when_the_server_stops(file: Path) -> None:
    port = free_port()
    answers = []
    with serving(file, HIGHWAY_GRPC_PORT=str(port)) as (process, _), connect(port) as channel:
        caller = Caller(channel)
        assert caller.infer(request()).code == "OK"

        def call_until_refused() -> None:
            while (answer := caller.infer(request())).code == "OK":
                answers.append(answer)
            answers.append(answer)

        threads = [threading.Thread(target=call_until_refused) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        ready = "ServerReady"
        eventually(lambda: not getattr(caller.call(ready).message, "ready", False))
        for thread in threads:
            thread.join()
    # A channel that connects again finds the port closed; no call ends in any other way.
    refused = {answer.code for answer in answers if answer.code != "OK"}
    assert refused == {"UNAVAILABLE"}


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="needs SO_REUSEPORT")
def test_workers_share_the_port_and_a_lost_one_is_replaced(file: Path) -> None:
    port = free_port()
    with serving(file, HIGHWAY_GRPC_PORT=str(port), HIGHWAY_WORKERS="2") as (process, _):
        first = workers_of(process)
        assert len(first) == 2
        os.kill(min(first), signal.SIGKILL)
        eventually(lambda: len(workers_of(process)) == 2 and workers_of(process) != first)
        time.sleep(0.5)
        for _ in range(20):  # each on a connection of its own, to either worker
            with connect(port) as channel:
                assert Caller(channel).infer(request()).code == "OK"


def test_a_port_that_is_in_use_stops_the_server_with_a_sentence(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "service", "serve", str(file), "--port", "0"],
            cwd=ROOT,
            env={**os.environ, "HIGHWAY_GRPC_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert done.stderr.endswith("; choose another HIGHWAY_GRPC_PORT\n")


@pytest.mark.parametrize("files", [("certificate.pem", "key.pem"), ("both.pem",)])
def test_calls_are_encrypted_with_the_servers_certificate(
    certificates: Path, files: tuple[str, ...]
) -> None:
    names = ("tls_certificate", "tls_key")
    settings: dict[str, Any] = {
        name: certificates / file for name, file in zip(names, files, strict=False)
    }
    with serving_grpc(Classifier(Recipe().build()), **settings) as server:
        root = (certificates / "certificate.pem").read_bytes()
        credentials = grpc.ssl_channel_credentials(root)
        with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
            assert Caller(channel).infer(request()).code == "OK"
        with connect(server.port) as channel:
            assert Caller(channel).infer(request(), timeout=2).code == "UNAVAILABLE"
