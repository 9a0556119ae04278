"""Load a container with wrk: outcomes, memory of the control group, time to the first answer."""

import http.client
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from benchmarks.serving.bodies import JSON, Body
from benchmarks.serving.servers import free_port
from benchmarks.serving.wrk import load
from tests.image.engine import IMAGE, ROOT, Container, EngineError, podman, running

SEVEN = (ROOT / "examples" / "seven.json").read_bytes()
CONFINED = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop=all"),
    *("--security-opt=no-new-privileges", "--network=host"),
)
CLIENTS = 16
SLICE_SECONDS = 10
START_SECONDS = 60
GROUPS = Path("/sys/fs/cgroup")
_OUTCOME = re.compile(
    r'^highway_inference_requests_total\{.*outcome="(\w+)".*\} (\S+)', re.MULTILINE
)
_REJECTED = re.compile(r'^highway_rejected_total\{.*reason="(\w+)".*\} (\S+)', re.MULTILINE)
SERVER_ERRORS = ("internal_error", "not_ready")  # reasons whose status is 500 or 503


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a load has shown; times in seconds, memory in bytes."""

    memory: str
    ledger: str
    start_seconds: float
    start_processor_seconds: float
    succeeded: int  # of the server's own count
    failed: int  # statuses from 400, such as 429 on a busy machine
    server_errors: int  # statuses from 500
    errors: int  # of wrk: statuses from 400, broken connections, no response in two seconds
    requests_per_second: float
    most_memory: int  # with the files that the system keeps in memory while there is room
    most_anonymous_memory: int  # without them, at the end of each slice
    killed: int  # processes, for want of memory


def settings(port: int, **others: str) -> list[str]:
    """Return podman's options for a server that listens on the loopback only."""
    values = {"HIGHWAY_HOST": "127.0.0.1", "HIGHWAY_PORT": port, "HIGHWAY_HEALTH_PORT": free_port()}
    return [f"--env={key}={value}" for key, value in {**values, **others}.items()]


def predict(port: int, **headers: str) -> tuple[int, bytes]:
    """Send the digit of examples/seven.json; return the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/predict", SEVEN, {**JSON, **headers})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def get(port: int, path: str) -> str:
    """Return the text of a response."""
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
        return str(response.read().decode())


def first_answer(port: int, container: Container) -> float:
    """Wait for the first prediction; return the time of the clock."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        try:
            if predict(port)[0] == 200:
                return time.monotonic()
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
    raise EngineError(f"expected an answer within {START_SECONDS} s, found none\n{container.log()}")


def group_value(container: Container, controller: str, name: str, key: str = "") -> int:
    """Read a number of the container's control group; with `key`, from the line with that key."""
    pid = container.inspect("{{.State.Pid}}")
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            text = (GROUPS / controller / path.lstrip("/") / name).read_text()
            lines = (line.split() for line in text.splitlines())
            return int(next(line[-1] for line in lines if line[0] == key or not key))
    raise EngineError(f"expected a control group {controller} of version 1, found none")


def measure(memory: str, requests: int, on_slice: Callable[[int], None], *, ledger: bool) -> Result:
    """Start the image with a limit of memory, and send `requests` from 16 clients."""
    port = free_port()
    options = settings(port) if ledger else settings(port, HIGHWAY_LEDGER_URL="off")
    began = time.monotonic()
    with running(IMAGE, *CONFINED, f"--memory={memory}", *options) as container:
        start = first_answer(port, container) - began
        processor = group_value(container, "cpuacct", "cpuacct.usage") / 1e9
        body = Body(path="/predict", headers=JSON, content=SEVEN)
        errors, sent, seconds, anonymous = 0, 0, 0, 0
        while sent < requests:
            slice_ = load(port, body, clients=CLIENTS, seconds=SLICE_SECONDS)
            errors += slice_.errors
            seconds += SLICE_SECONDS
            sent = outcomes(port)["success"]
            rss = group_value(container, "memory", "memory.stat", "rss")
            anonymous = max(anonymous, rss)
            on_slice(sent)
        counted = outcomes(port)
        return Result(
            memory=memory,
            ledger="on" if ledger else "off",
            start_seconds=round(start, 2),
            start_processor_seconds=round(processor, 2),
            succeeded=counted["success"],
            failed=counted["fail"],
            server_errors=server_errors(port),
            errors=errors,
            requests_per_second=round(sent / seconds),
            most_memory=group_value(container, "memory", "memory.max_usage_in_bytes"),
            most_anonymous_memory=anonymous,
            killed=group_value(container, "memory", "memory.oom_control", "oom_kill"),
        )


def outcomes(port: int) -> dict[str, int]:
    """Return the server's own counts of inference requests by outcome."""
    return {name: int(float(count)) for name, count in _OUTCOME.findall(get(port, "/metrics"))}


def server_errors(port: int) -> int:
    """Return the server's own count of inference requests with a status from 500."""
    rejected = _REJECTED.findall(get(port, "/metrics"))
    return sum(int(float(count)) for reason, count in rejected if reason in SERVER_ERRORS)


def image_bytes(image: str = IMAGE) -> int:
    """Return the size of the image, uncompressed."""
    return int(json.loads(podman("inspect", "--type=image", image).stdout)[0]["Size"])
