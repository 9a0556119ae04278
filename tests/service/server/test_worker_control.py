import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.classifier import Classifier
from service.errors import ModelRefusedError, NotReadyError
from service.inference.models import Models, ServedModel
from service.lifecycle import Lifecycle
from service.server.artifacts import Artifact, ArtifactKey, ModelSet, describe
from service.server.channel import Channel
from service.server.worker_control import WorkerControl
from service.shared_counters import SharedCounters
from tests.service.inference.test_models import LIMITS
from tests.service.server.test_reload import artifact

pytestmark = pytest.mark.anyio


def served(content: bytes) -> ServedModel:
    return ServedModel(Classifier(content), LIMITS, SharedCounters())


def artifact_of(version: str) -> Artifact:
    content = artifact(version)
    digest = str(Classifier(content).metadata.verification["digest"])
    return Artifact(key=ArtifactKey("tiny", version, digest), content=content)


class Worker:
    """A worker's control on one end of a channel, with a loader that can be held up."""

    def __init__(self) -> None:
        self.models = Models([served(artifact("1"))])
        self.lifecycle = Lifecycle()
        self.may_load = threading.Event()
        self.may_load.set()

    async def start(self) -> None:
        own, other = socket.socketpair()
        self.supervisor = await Channel.open(other)
        self.channel = await Channel.open(own)
        self.control = WorkerControl(
            self.channel,
            self.models,
            self.lifecycle,
            self.load,
            lambda classifier: ServedModel(classifier, LIMITS, SharedCounters()),
        )
        self.task = asyncio.create_task(self.control.run())
        assert (await self.supervisor.receive()).kind == "ready"

    def load(self, content: bytes) -> Classifier:
        self.may_load.wait(5)
        return Classifier(content)

    def prepare(self, change: int, *versions: str) -> None:
        models = ModelSet(artifacts=tuple(map(artifact_of, versions)))
        members, content = describe(models, frozenset())
        self.supervisor.send("prepare", content, change=change, **members)

    async def stop(self) -> None:
        self.supervisor.send("stop")
        await self.task
        for channel in (self.supervisor, self.channel):
            channel.close()
        await asyncio.sleep(0.01)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.may_load.set()


async def test_models_are_served_at_the_commit_and_not_before(worker: Worker) -> None:
    await worker.start()
    worker.prepare(1, "2", "3")
    answer = await worker.supervisor.receive()
    assert answer.members == {"change": 1, "error": None}
    assert worker.models.versions("tiny") == ["1"]
    worker.supervisor.send("commit")
    worker.supervisor.send("ping")
    assert (await worker.supervisor.receive()).kind == "pong"
    assert worker.models.versions("tiny") == ["2", "3"]
    await worker.stop()


async def test_a_change_that_was_given_up_is_never_served(worker: Worker) -> None:
    await worker.start()
    worker.may_load.clear()
    worker.prepare(1, "2")
    worker.supervisor.send("abort")
    worker.prepare(2, "3")
    await asyncio.sleep(0.05)
    worker.may_load.set()
    answer = await worker.supervisor.receive()
    assert answer.members == {"change": 2, "error": None}
    worker.supervisor.send("commit")
    worker.supervisor.send("ping")
    assert (await worker.supervisor.receive()).kind == "pong"
    assert worker.models.versions("tiny") == ["3"]
    await worker.stop()


async def test_a_model_that_cannot_be_loaded_changes_nothing_and_says_why(worker: Worker) -> None:
    await worker.start()
    bad = Artifact(key=ArtifactKey("tiny", "2", "f00"), content=b"damaged")
    members, content = describe(ModelSet(artifacts=(bad,)), frozenset())
    worker.supervisor.send("prepare", content, change=1, **members)
    answer = await worker.supervisor.receive()
    assert answer.members["error"].startswith("expected an ONNX file")
    worker.supervisor.send("abort")
    worker.supervisor.send("commit")  # of nothing
    worker.supervisor.send("ping")
    assert (await worker.supervisor.receive()).kind == "pong"
    assert worker.models.versions("tiny") == ["1"]
    await worker.stop()


async def test_a_load_call_gets_the_supervisors_answer(worker: Worker) -> None:
    await worker.start()
    call = asyncio.create_task(worker.control.load("tiny"))
    request = await worker.supervisor.receive()
    assert (request.kind, request.members["name"]) == ("load", "tiny")
    number = request.members["number"]
    worker.supervisor.send("result", number=number, error="ModelRefusedError", text="tiny/2: bad")
    with pytest.raises(ModelRefusedError, match="tiny/2: bad"):
        await call
    await worker.stop()


async def test_a_load_call_ends_when_the_server_stops(worker: Worker) -> None:
    await worker.start()
    call = asyncio.create_task(worker.control.unload("tiny"))
    await worker.supervisor.receive()
    await worker.stop()
    with pytest.raises(NotReadyError, match="the server is stopping"):
        await call
    worker.lifecycle.draining = True
    with pytest.raises(NotReadyError, match="the server is stopping"):
        await worker.control.load("tiny")
