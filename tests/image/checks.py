"""What the image promises, each as a function that returns its findings, empty if it holds."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError

from benchmarks.serving.servers import free_port
from tests.image.engine import FOLDER, IMAGE, ROOT, Container, podman, running
from tests.image.load import (
    CONFINED,
    START_SECONDS,
    first_answer,
    get,
    image_bytes,
    predict,
    settings,
)

PROBE = Path(__file__).with_name("probe.py").read_text()
BUNDLED = ROOT / "service" / "bundled" / "digits.onnx"
MAX_BYTES = 300_000_000
USER = [65532, 65532]
WRITABLE = ["/data"]
NO_CAPABILITIES = ["0" * 16] * 2
LABELS = ("title", "description", "licenses", "version", "revision", "source", "created")
LABEL, GATES = "7", 8  # of the bundled model
DRAIN_CLIENTS, DRAIN_SECONDS = 4, 10


@dataclass(frozen=True)
class Subject:
    """An image, and the options with which it runs."""

    image: str = IMAGE
    options: tuple[str, ...] = (*CONFINED, "--memory=256m")


def contents(subject: Subject) -> list[str]:
    """User, files and packages of the image, seen with a root that could be written."""
    words = ("--network=none", subject.image, "python", "-c", PROBE)
    found = json.loads(podman("run", "--rm", *words).stdout)
    bill = {
        f"{one['name']} {one['version']}" for one in json.loads(found["bill"]).get("components", ())
    }
    return [
        *_differs("user", USER, found["user"]),
        *_differs("what the user can write", WRITABLE, found["writable"]),
        *_differs("files that change the user", [], found["privileged"]),
        *_differs("modules that the image must not have", [], found["modules"]),
        *_differs("programs that the image must not have", [], found["programs"]),
        *_differs("folders without compiled modules", [], found["uncompiled"]),
        *_differs("packages in the bill of materials", found["packages"], sorted(bill)),
    ]


def metadata(subject: Subject) -> list[str]:
    """Labels, volume, ports and size."""
    image = json.loads(podman("inspect", "--type=image", subject.image).stdout)[0]
    labels = image["Labels"] or {}
    absent = [name for name in LABELS if not labels.get(f"org.opencontainers.image.{name}")]
    size = image_bytes(subject.image)
    return [
        *_differs("labels that are missing", [], absent),
        *_differs("volumes", ["/data"], list(image["Config"].get("Volumes", ()))),
        *([] if size < MAX_BYTES else [f"size: expected under {MAX_BYTES}, found {size} bytes"]),
    ]


def confinement(subject: Subject) -> list[str]:
    """The server in a read-only root, without capabilities: it answers, and can write nothing."""
    with _serving(subject) as (container, port):
        status, body = predict(port)
        answer = json.loads(body)["predictions"][0] if status == 200 else {}
        found = json.loads(container.run("python", "-c", PROBE).stdout)
    return [
        *_differs("label of examples/seven.json", LABEL, answer.get("label")),
        *_differs("number of gates", GATES, len(answer.get("gate_mean", ()))),
        *_differs("capabilities", NO_CAPABILITIES, found["capabilities"]),
        *_differs("no_new_privileges", "1", found["no_new_privileges"]),
        *_differs("files that could be created", [], found["creatable"]),
    ]


def health(subject: Subject) -> list[str]:
    """The command of the health check: 0 while the server lives, else not 0, and no shell."""
    image = json.loads(podman("inspect", "--type=image", subject.image).stdout)[0]
    form, *command = image["Healthcheck"]["Test"]
    with _serving(subject) as (container, _):
        alive = container.run(*command).returncode
        podman("kill", "--signal=STOP", container.name)
        stopped = container.run(*command).returncode
    return [
        *_differs("form of the health check", "CMD", form),
        *_differs("health check of a server", 0, alive),
        *_differs("health check of a stopped server fails", True, stopped != 0),
    ]


def drain(subject: Subject) -> list[str]:
    """SIGTERM under load: every request that was sent is answered, and the exit code is 0."""
    broken: list[str] = []
    with _serving(subject) as (container, port):

        def send() -> None:
            limit = time.monotonic() + DRAIN_SECONDS
            while time.monotonic() < limit:
                try:
                    status, _ = predict(port)
                except ConnectionRefusedError:
                    return
                except OSError as error:
                    broken.append(repr(error))
                    return
                if status != 200:
                    broken.append(f"status {status}")

        threads = [Thread(target=send) for _ in range(DRAIN_CLIENTS)]
        for thread in threads:
            thread.start()
        podman("stop", "--time=20", container.name)
        for thread in threads:
            thread.join()
        code = container.inspect("{{.State.ExitCode}}")
    return [
        *_differs("exit code after SIGTERM", "0", code),
        *_differs("requests without an answer", [], broken),
    ]


def volume(subject: Subject) -> list[str]:
    """The ledger in a volume: a second container lists what the first one has recorded."""
    name = "highway-check-data"
    podman("volume", "rm", "--force", name, check=False)
    options = (*subject.options, f"--volume={name}:/data")
    try:
        with _serving(Subject(subject.image, options)) as (container, port):
            predict(port, **{"X-Request-Id": "kept"})
            podman("stop", "--time=20", container.name)
        with _serving(Subject(subject.image, options)) as (_, port):
            labels = _recorded_labels(port, "kept")
    finally:
        podman("volume", "rm", "--force", name, check=False)
    return _differs("labels in the ledger", [LABEL], labels)


def models(subject: Subject) -> list[str]:
    """A folder of models, mounted read-only where users and KServe mount it."""
    folder = FOLDER / "models"
    target = folder / "digits" / "1" / "model.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(BUNDLED.read_bytes())
    found = []
    for path in ("/models", "/mnt/models"):
        options = (*subject.options, f"--volume={folder}:{path}:ro", f"--env=HIGHWAY_MODEL={path}")
        with _serving(Subject(subject.image, options)) as (_, port):
            version = json.loads(predict(port)[1])["model_version"]
        found += _differs(f"version served from {path}", "1", version)
    return found


def limit(subject: Subject) -> list[str]:
    """The limit of memory is enforced: a program that takes more is killed."""
    words = ("python", "-c", "b'x' * (400 << 20)")
    done = podman("run", "--rm", *subject.options, subject.image, *words, check=False)
    return _differs("exit code of a program that takes 400 MiB", 137, done.returncode)


def layers(image: str = IMAGE) -> list[str]:
    """Return the digests of the image's layers."""
    form = "{{json .RootFS.Layers}}"
    return list(json.loads(podman("inspect", "--type=image", "--format", form, image).stdout))


CHECKS = (contents, metadata, confinement, health, drain, volume, models, limit)


@contextmanager
def _serving(subject: Subject) -> Iterator[tuple[Container, int]]:
    """Start a server and wait for its first answer; give its container and its port."""
    port = free_port()
    with running(subject.image, *subject.options, *settings(port)) as container:
        first_answer(port, container)
        yield container, port


def _recorded_labels(port: int, request: str) -> list[str]:
    """Return the labels that the ledger has for a request; it answers 503 until it has tables."""
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            rows = json.loads(get(port, f"/requests?id={request}"))["requests"]
        except HTTPError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)
        else:
            return [row["label"] for row in rows]


def _differs(what: str, expected: object, found: object) -> list[str]:
    if expected == found:
        return []
    return [f"{what}: expected {_short(expected)}, found {_short(found)}"]


def _short(value: object) -> str:
    return re.sub(r"(.{300}).*", r"\1…", str(value))
