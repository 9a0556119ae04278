import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.server.supervisor import ACCEPT_SECONDS
from tests.conftest import ROOT
from tests.service.server.load import under_load
from tests.service.serving import eventually, fetch, predict, serving, workers_of


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


def deaths(port: int, reason: str) -> float:
    found = re.search(rf'worker_deaths_total{{reason="{reason}"}} (\S+)', fetch(port, "/metrics"))
    assert found is not None
    return float(found[1])


def is_ready(port: int) -> bool:
    """Return whether the server reports 200, not 503."""
    try:
        return bool(fetch(port, "/v2/health/ready")["ready"])
    except urllib.error.HTTPError as error:
        return error.code != 503


def test_workers_share_their_counts_and_killed_ones_are_replaced_without_loss(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        processes = predict_often(port)
        first, second = workers_of(process)
        eventually(lambda: counted(port, 5))  # the counts follow just after the response
        os.kill(first, signal.SIGKILL)
        processes |= predict_often(port)  # the other worker responds at once
        eventually(lambda: first not in workers_of(process) and counted(port, 10))
        eventually(lambda: len(workers_of(process)) == 2)
        os.kill(second, signal.SIGKILL)
        eventually(lambda: deaths(port, "killed") == 2)
        assert len(predict_often(port) - processes) in (1, 2)
        eventually(lambda: counted(port, 15))


def test_a_single_worker_that_was_killed_is_replaced(file: Path) -> None:
    with serving(file) as (process, port):
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGKILL)
        assert predict(port)["model_name"] == "tiny"  # waits in the listener's queue
        assert deaths(port, "killed") == 1


def test_a_worker_that_does_not_respond_is_killed_and_replaced(file: Path) -> None:
    with serving(file, HIGHWAY_WORKER_TIMEOUT_SECONDS="0.4") as (process, port):
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGSTOP)
        eventually(lambda: worker not in workers_of(process))
        assert predict(port)["model_name"] == "tiny"
        assert deaths(port, "hung") == 1


def test_workers_need_no_file_to_start(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        first, second = workers_of(process)
        file.write_bytes(b"damaged")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: first not in workers_of(process) and len(workers_of(process)) == 2)
        os.kill(second, signal.SIGKILL)
        eventually(lambda: deaths(port, "killed") == 2)
        assert predict(port)["model_version"] == "1"


def test_workers_do_not_outlive_the_supervisor(file: Path) -> None:
    with serving(file, "--workers", "2") as (process, port):
        workers = workers_of(process)
        process.kill()
        process.wait()
        eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_for_the_supervisor_does_not_end_a_worker(
    file: Path, number: signal.Signals
) -> None:
    with serving(file) as (process, port):
        (worker,) = workers_of(process)
        os.kill(worker, number)
        time.sleep(0.2)
        assert workers_of(process) == {worker}
        assert predict(port)


def test_a_worker_that_receives_sigterm_finishes_and_is_replaced(file: Path) -> None:
    with serving(file) as (process, port):
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGTERM)
        eventually(lambda: worker not in workers_of(process))
        assert predict(port)
        assert deaths(port, "exited") == 1


def test_after_sigterm_the_server_is_not_ready_but_serves_for_the_delay(file: Path) -> None:
    with serving(file, HIGHWAY_DRAIN_DELAY_SECONDS="0.8") as (process, port):
        assert is_ready(port)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        eventually(lambda: not is_ready(port))
        assert fetch(port, "/v2/health/live")["live"]
        assert predict(port)["model_name"] == "tiny"
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - began > 0.8


def test_sigint_skips_the_delay(file: Path) -> None:
    with serving(file, HIGHWAY_DRAIN_DELAY_SECONDS="60") as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0


def test_a_second_signal_ends_the_server_at_once(file: Path) -> None:
    with (
        serving(file, HIGHWAY_DRAIN_DELAY_SECONDS="60") as (process, port),
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
        process.send_signal(signal.SIGTERM)
        eventually(lambda: not is_ready(port))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2) == 128 + signal.SIGTERM


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_is_lost_while_the_server_stops(file: Path, workers: str) -> None:
    async def stop_under_load(process: subprocess.Popen[str], port: int) -> float:
        stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        stalled[1].sendall(b"POST /pred")
        stalled[2].sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        async with under_load(port) as load:
            await asyncio.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert await asyncio.to_thread(process.wait, 10) == 0
            ended = time.monotonic() - began
        for client in stalled:
            client.close()
        assert load.lost == []
        assert {answer.status for answer in load.answers} == {200}
        assert load.refused > 0
        assert any(answer.closes for answer in load.answers)
        return ended

    settings = {"HIGHWAY_DRAIN_DELAY_SECONDS": "0.5", "HIGHWAY_DRAIN_SECONDS": "2"}
    with serving(file, "--workers", workers, **settings) as (process, port):
        assert asyncio.run(stop_under_load(process, port)) < 7


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a listener without a loss")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_requests_that_were_sent_to_busy_workers_before_the_port_closed_are_answered(
    file: Path, workers: str
) -> None:
    content = b'{"instances": [[1, 0, 0, 0]]}'
    head = (
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with (
        serving(file, "--workers", workers, HIGHWAY_DRAIN_DELAY_SECONDS="0.3") as (process, port),
        ExitStack() as stack,
    ):
        stopped = workers_of(process)
        for worker in stopped:  # as on a machine that is busy with other work
            os.kill(worker, signal.SIGSTOP)
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            for _ in range(50)
        ]
        for client in clients:
            client.sendall(head.encode() + content)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3 + ACCEPT_SECONDS + 0.3)
        for worker in stopped:
            os.kill(worker, signal.SIGCONT)
        assert {client.recv(12) for client in clients} <= {b"HTTP/1.1 200", b"HTTP/1.1 429"}
        assert process.wait(timeout=5) == 0


@pytest.mark.parametrize("module", ["typer", "onnxruntime", "service.app", "service.server.start"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_server_starts_ends_it_without_a_traceback(
    file: Path, module: str, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "service", "serve", str(file), "--port", "0"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.endswith(f" {module}\n"))
        process.send_signal(number)
        assert "Traceback" not in process.stderr.read()
        assert process.wait(timeout=5) == (0 if number == signal.SIGTERM else 130)


def test_sigterm_ends_a_server_whose_worker_keeps_failing(file: Path) -> None:
    with serving(file) as (process, _):
        for _ in range(6):  # the delay grows to seconds
            eventually(lambda: bool(workers_of(process)))
            os.kill(workers_of(process).pop(), signal.SIGKILL)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=3) == 0
