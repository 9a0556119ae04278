"""The application on Ray Serve, run from deploy/ray/serve.yaml on a local cluster."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.serving.bodies import Body, instances, v2_binary, v2_json
from benchmarks.serving.servers import free_port
from service.http.access import Scope
from service.http.api_keys import new_key
from service.settings import BUNDLED_MODEL
from tests.ray_cluster import named, processes_of
from tests.service.conftest import Recipe
from tests.service.serving import serving

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "ray" / "serve.yaml"
ROWS = np.random.default_rng(0).integers(0, 256, (32, 784)).astype(np.float32)
LISTENING = "0A"
# 127.0.0.1 as /proc/net writes it, and as an address of IPv6
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}
EVERYWHERE = "0" * 32
OUTPUTS = ("probabilities", "gate_mean", "gate_units", "typicality")


@dataclass
class Cluster:
    """A cluster whose process runs the files that are written to it."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    environment: dict[str, str]
    keys: tuple[Path, dict[str, str]]

    def run(self, **changes: Any) -> str:
        """Run the configuration with these changes of the deployment; return the state."""
        config = yaml.safe_load(CONFIG.read_text())
        config["http_options"]["port"] = self.port
        application = config["applications"][0]
        application["runtime_env"]["env_vars"]["HIGHWAY_API_KEYS"] = str(self.keys[0])
        application["deployments"][0].update(changes)
        path = self.folder / "serve.yaml"
        path.write_text(yaml.safe_dump(config))
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        states = (line for line in self.process.stdout if line.startswith("state:"))
        return next(states, "the process has ended").strip()

    def post(self, body: Body) -> tuple[int, bytes]:
        """Send a request with the API key."""
        return post(self.port, replace(body, headers={**body.headers, **self.keys[1]}))

    def replicas(self) -> list[int]:
        """List the processes of the replicas."""
        return named(processes_of(self.environment), b"ray::ServeReplica")

    def log_has(self, text: str) -> bool:
        """Whether a replica has logged the text."""
        return any(
            text in file.read_text()
            for pid in self.replicas()
            for file in logs_of(pid).glob("serve/replica_*.log")
        )


def logs_of(pid: int) -> Path:
    """Return the folder of the session's logs, which the process writes to."""
    return next(path.parent for path in open_files(pid) if path.name.startswith("worker-"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A file of API keys, and the header with its only one."""
    token, key = new_key("ci", list(Scope))
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"{key.line}\n")
    return path, {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def cluster(
    ray_environment: dict[str, str],
    keys: tuple[Path, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("serve")
    process = start(folder, ray_environment)
    try:
        started = Cluster(process, free_port(), folder, ray_environment, keys)
        state = started.run(num_replicas=1)
        assert state == "state: RUNNING", (folder / "log").read_text()
        yield started
    finally:
        stop(process)


def start(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.ray_serving"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[str]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=60)  # the end of its input ends it
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def plain_port() -> Iterator[int]:
    with serving(BUNDLED_MODEL) as (_, port):
        yield port


def post(port: int, body: Body) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", body.path, body.content, body.headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def json_body(path: str, document: object) -> Body:
    content = json.dumps(document).encode()
    return Body(path=path, headers={"Content-Type": "application/json"}, content=content)


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize(
    "body",
    [
        instances("/predict", ROWS[:1]),
        instances("/predict", ROWS),
        json_body("/predict", {"instances": ROWS[:2].tolist(), "usual": True}),
        json_body("/what-if", {"instance": ROWS[0].tolist()}),
        v2_json("digits", ROWS[:3], OUTPUTS),
        v2_binary("digits", ROWS, OUTPUTS),
    ],
    ids=["one row", "32 rows", "usual gates", "what-if", "protocol, JSON", "protocol, binary"],
)
def test_the_response_has_the_bytes_of_the_plain_server(
    body: Body, cluster: Cluster, plain_port: int
) -> None:
    status, content = cluster.post(body)
    assert (status, content) == post(plain_port, body)
    assert status == 200


@pytest.mark.parametrize(
    "body",
    [
        json_body("/predict", {"instances": [[1, 2]]}),
        json_body("/predict", {"rows": []}),
        json_body("/v2/models/other/infer", {}),
        Body(path="/predict", headers={"Content-Type": "application/json"}, content=b"{"),
        Body(path="/nowhere", headers={}, content=b""),
        json_body("/predict", {"instances": ["x" * 5_000_000]}),
    ],
    ids=["short row", "no rows", "unknown model", "no JSON", "unknown path", "long body"],
)
def test_a_bad_request_gets_the_status_and_the_sentence_of_the_plain_server(
    body: Body, cluster: Cluster, plain_port: int
) -> None:
    status, content = cluster.post(body)
    assert (status, content) == post(plain_port, body)
    assert status in (400, 404, 413)
    assert list(json.loads(content)) == ["error"]


def test_a_flood_is_refused_with_429_and_never_with_a_server_error(cluster: Cluster) -> None:
    body = v2_binary("digits", np.tile(ROWS, (32, 1)), ("probabilities",))
    with ThreadPoolExecutor(32) as clients:
        responses = list(clients.map(lambda _: cluster.post(body), range(96)))
    assert {status for status, _ in responses} == {200, 429}
    assert all("error" in json.loads(text) for status, text in responses if status == 429)


def test_a_killed_replica_is_replaced_and_the_service_resumes(cluster: Cluster) -> None:
    def answers() -> bool:
        statuses.append(cluster.post(body)[0])
        return statuses[-1] == 200

    body, statuses = instances("/predict", ROWS[:1]), list[int]()
    (killed,) = cluster.replicas()
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: cluster.replicas() not in ([killed], []))
    eventually(answers)
    assert set(statuses[:-1]) <= {500, 503}  # Ray's own, in plain text
    assert killed not in cluster.replicas()


def test_a_changed_user_config_replaces_the_model_and_a_refused_file_does_not(
    cluster: Cluster, tmp_path: Path
) -> None:
    def served() -> str:
        _, content = cluster.post(json_body("/predict", {"instances": [[1, 0, 0, 0]]}))
        return str(json.loads(content).get("model_name"))

    file = tmp_path / "tiny.onnx"
    file.write_bytes(Recipe().build())
    assert cluster.run(num_replicas=1, user_config={"model": str(file)}) == "state: RUNNING"
    eventually(lambda: served() == "tiny")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert cluster.run(num_replicas=1, user_config={"model": str(broken)}) == "state: RUNNING"
    refusal = f"refused {broken}: expected an ONNX file"
    eventually(lambda: cluster.log_has(refusal))
    assert served() == "tiny"


def test_a_request_without_an_api_key_is_refused_through_rays_proxy(cluster: Cluster) -> None:
    status, content = post(cluster.port, instances("/predict", ROWS[:1]))
    assert status == 401
    assert json.loads(content)["error"].startswith("API key: expected one in the header")


def test_all_but_the_ports_of_replicas_listen_on_the_loopback_interface_only(
    cluster: Cluster,
) -> None:
    replicas = set(cluster.replicas())
    others = [pid for pid in processes_of(cluster.environment) if pid not in replicas]
    assert len(listening(others)) > 5
    assert set(listening(others)) <= LOOPBACK
    assert EVERYWHERE in listening(replicas)  # as docs/ray.md says; they require the token


def listening(pids: Iterable[int]) -> list[str]:
    """List the addresses at which the processes listen, as /proc/net writes them."""
    inodes = {str(path) for pid in pids for path in open_files(pid)}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [
        row[1].rpartition(":")[0]
        for row in rows
        if row[3] == LISTENING and f"socket:[{row[9]}]" in inodes
    ]


def open_files(pid: int) -> Iterator[Path]:
    with suppress(OSError):  # the process has ended
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # it is closed
                yield path.readlink()
