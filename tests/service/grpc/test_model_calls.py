"""Health, metadata, statistics and the model repository over a real connection."""

from typing import Any

import pytest

from service import __version__
from service.classifier import Classifier
from service.errors import ModelRefusedError
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.lifecycle import Lifecycle, RefusedFile
from tests.service.conftest import Recipe
from tests.service.grpc.transport import Caller, request, serving_grpc


class Repository:
    """A model repository that notes the calls."""

    refused = (RefusedFile("tiny", "2", "too large"),)

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def load(self, name: str) -> None:
        if name == "bad":
            raise ModelRefusedError("model 'bad': too large")
        self.calls.append(f"load {name}")

    async def unload(self, name: str) -> None:
        self.calls.append(f"unload {name}")


@pytest.fixture
def admin_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    token, key = new_key("admin", tuple(Scope))
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(key.line)
    return token, str(path)


def test_the_server_is_live_and_ready(caller: Caller) -> None:
    assert caller.call("ServerLive").message.live is True
    assert caller.call("ServerReady").message.ready is True


@pytest.mark.parametrize(
    ("fields", "ready"),
    [
        ({"name": "tiny"}, True),
        ({"name": "tiny", "version": "1"}, True),
        ({"name": "tiny", "version": "2"}, False),
        ({"name": "other"}, False),
        ({}, False),
    ],
)
def test_a_model_is_ready_if_it_is_served(
    caller: Caller, fields: dict[str, Any], ready: bool
) -> None:
    answer = caller.call("ModelReady", **fields)
    assert (answer.code, answer.message.ready) == ("OK", ready)


def test_a_stopping_server_is_live_and_not_ready_and_still_answers() -> None:
    with serving_grpc(Classifier(Recipe().build())) as server, server.caller() as caller:
        server.lifecycle.draining = True
        assert caller.call("ServerLive").message.live is True
        assert caller.call("ServerReady").message.ready is False
        assert caller.call("ModelReady", name="tiny").message.ready is False
        assert caller.infer(request()).code == "OK"


def test_the_servers_metadata_has_its_name_and_extensions(caller: Caller) -> None:
    message = caller.call("ServerMetadata").message
    assert (message.name, message.version) == ("highway-networks", __version__)
    assert list(message.extensions) == ["binary_tensor_data", "classification", "statistics"]


def test_a_models_metadata_has_its_tensors(caller: Caller) -> None:
    message = caller.call("ModelMetadata", name="tiny").message
    assert (message.name, message.platform) == ("tiny", "onnx_onnxv1")
    assert list(message.versions) == ["1"]
    tensors = [(t.name, t.datatype, list(t.shape)) for t in (*message.inputs, *message.outputs)]
    assert tensors[:3] == [
        ("input", "FP32", [-1, 4]),
        ("gate_scale", "FP32", [-1, 2]),
        ("logits", "FP32", [-1, 3]),
    ]
    assert len(tensors) == 8


@pytest.mark.parametrize("method", ["ModelMetadata", "ModelStatistics"])
def test_an_unknown_model_is_not_found(caller: Caller, method: str) -> None:
    answer = caller.call(method, name="other")
    assert answer.code == "NOT_FOUND"
    assert answer.details == "model: expected 'tiny', found another name"


def test_statistics_count_requests_rows_and_batches() -> None:
    with serving_grpc(Classifier(Recipe().build())) as server, server.caller() as caller:
        caller.infer(request([[1, 0, 0, 0], [0, 1, 0, 0]]))
        caller.infer(request([[1, 0]]))
        requests: list[dict[str, Any]] = [{"name": "tiny"}, {"name": "tiny", "version": "1"}, {}]
        for fields in requests:
            (statistics,) = caller.call("ModelStatistics", **fields).message.model_stats
            assert (statistics.name, statistics.version) == ("tiny", "1")
            assert (statistics.inference_count, statistics.execution_count) == (2, 1)
            phases = statistics.inference_stats
            assert (phases.success.count, phases.fail.count, phases.queue.count) == (1, 1, 1)
            assert phases.compute_infer.ns > 0
            assert [batch.batch_size for batch in statistics.batch_stats] == [2]


def test_the_index_lists_models_and_refused_files() -> None:
    lifecycle = Lifecycle(repository=Repository())
    with (
        serving_grpc(Classifier(Recipe().build()), lifecycle=lifecycle) as server,
        server.caller() as caller,
    ):
        models = caller.call("RepositoryIndex").message.models
        assert [(m.name, m.version, m.state, m.reason) for m in models] == [
            ("tiny", "1", "READY", ""),
            ("tiny", "2", "UNAVAILABLE", "too large"),
        ]
        (ready,) = caller.call("RepositoryIndex", ready=True).message.models
        assert ready.version == "1"


def test_an_admin_loads_and_unloads_models(admin_key: tuple[str, str]) -> None:
    repository = Repository()
    token, file = admin_key
    with (
        serving_grpc(
            Classifier(Recipe().build()),
            lifecycle=Lifecycle(repository=repository),
            api_keys=file,
        ) as server,
        server.caller() as caller,
    ):

        def send(method: str, name: str) -> tuple[str, str]:
            body = b"\x12%c%b" % (len(name), name.encode())
            answer = caller.send(method, body, x_api_key=token)
            return answer.code, answer.details

        assert send("RepositoryModelLoad", "tiny") == ("OK", "")
        assert send("RepositoryModelUnload", "tiny") == ("OK", "")
        assert repository.calls == ["load tiny", "unload tiny"]
        refusal = ("FAILED_PRECONDITION", "model 'bad': too large")
        assert send("RepositoryModelLoad", "bad") == refusal
        # A parameter "config", as Triton's client sends it.
        body = b"\x12\x04tiny\x1a\x0c\n\x06config\x12\x02\x1a\x00"
        answer = caller.send("RepositoryModelLoad", body, x_api_key=token)
        assert answer.code == "INVALID_ARGUMENT"
        assert answer.details == (
            "parameters: expected none, found some; the server's model repository alone decides "
            "which files are loaded"
        )


def test_without_an_admin_key_models_cannot_be_loaded(caller: Caller) -> None:
    for method in ("RepositoryModelLoad", "RepositoryModelUnload"):
        answer = caller.call(method, model_name="tiny")
        assert answer.code == "PERMISSION_DENIED"
        assert answer.details == (
            "this path needs an API key with the scope admin; the server has no API keys"
        )
