"""The modules of the service through which a `POST /predict` passes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Of a request on a new connection, and of a further one with the same head.
MAX_MODULES = {"new": 37, "kept": 33}

# Serves the bundled model while a thread sends requests of one image; prints the modules whose
# functions were called on any thread for the last but one. The periodic work of the ledger and
# of the statistics begins late, so that it does not fall into this time, and the worker's tick of
# every 0.1 seconds is left out. The last response shows that the request before it has been
# counted and observed.
SCRIPT = """
import http.client, json, os, signal, socket, sys, threading, time

modules = set()
tracing = False
new = sys.argv[1] == "new"

def trace(frame, event, argument):
    if tracing and event == "call" and frame.f_code.co_name != "on_tick":
        modules.add(frame.f_globals.get("__name__", ""))

def predict(connection):
    body = json.dumps({"instances": [[0] * 784]})
    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200
    response.read()

def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)

def send(port):
    global tracing
    while True:
        try:
            connection = connect(port)
            predict(connection)
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    time.sleep(0.2)
    tracing = True
    for _ in range(2):
        if new:
            connection = connect(port)
        predict(connection)
    tracing = False
    print(json.dumps(sorted(name for name in modules if name.startswith("service"))), flush=True)
    os.kill(os.getppid(), signal.SIGTERM)

def run_worker(*arguments):
    threading.Thread(target=send, args=[port], daemon=True).start()
    service.server.worker.run_worker(*arguments)

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
threading.setprofile(trace)
sys.setprofile(trace)
import service.server.worker, service.server.worker_process
service.server.worker_process.run_worker = run_worker
import service.inference.statistics, service.ledger.observer, service.ledger.writer
service.inference.statistics.FLUSH_SECONDS = 3600
service.ledger.observer.INTERVAL_SECONDS = 3600
service.ledger.writer.START_SECONDS = 3600
from service.__main__ import main
sys.argv = ["service", "serve", "--port", str(port)]
main()
"""


@pytest.mark.parametrize("connection", MAX_MODULES)
def test_a_prediction_passes_through_few_modules(tmp_path: Path, connection: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, connection],
        cwd=ROOT,
        env={
            **os.environ,
            "HIGHWAY_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
            "HIGHWAY_WORKER_TIMEOUT_SECONDS": "3600",  # no sign of life meanwhile
        },
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    modules = json.loads(process.stdout)
    assert {"service.inference.engine", "service.formats.predict"} <= set(modules)
    assert len(modules) <= MAX_MODULES[connection], "\n".join(modules)
