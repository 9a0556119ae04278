"""The method ModelInfer over a real connection."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

from service.classifier import Classifier
from service.formats.tensors import DATATYPES
from service.grpc.library import grpc
from service.grpc.messages import SERVICE, ModelInferRequest
from service.inference.statistics import ModelCounters
from tests.service.conftest import TABLE, Recipe, take_missing_values
from tests.service.grpc.transport import (
    INFER,
    ROW_OF_A,
    Answer,
    Caller,
    Server,
    add_input,
    calling,
    outputs_of,
    request,
    serving_grpc,
)
from tests.service.http.transport import BlockingClassifier, until

NARROW = "input 'input': expected the shape [rows, 4], found another shape"


def assert_ok(answer: Answer) -> dict[str, np.ndarray]:
    assert (answer.code, answer.details) == ("OK", "")
    return outputs_of(answer.message)


def test_a_row_gets_all_outputs_but_the_single_gates(caller: Caller) -> None:
    answer = caller.infer(request(id="7"))
    outputs = assert_ok(answer)
    assert list(outputs) == ["logits", "probabilities", "gate_mean", "typicality"]
    assert outputs["probabilities"][0].tolist() == ROW_OF_A
    message = answer.message
    assert (message.model_name, message.model_version, message.id) == ("tiny", "1", "7")
    assert {output.datatype for output in message.outputs} == {"FP32"}


def test_the_metadata_of_a_response_has_the_request_id_and_the_times(caller: Caller) -> None:
    assert caller.infer(request(), x_request_id="mine").metadata["x-request-id"] == "mine"
    metadata = caller.infer(request()).metadata
    assert len(metadata["x-request-id"]) > 10
    assert metadata["server-timing"].startswith("decode;dur=")


def test_the_layers_typicality_is_returned_if_it_is_named(caller: Caller) -> None:
    outputs = assert_ok(
        caller.infer(request([[1, 0, 0, 0]], outputs=[{"name": "layer_typicality"}]))
    )
    assert {name: values.shape for name, values in outputs.items()} == {"layer_typicality": (1, 2)}


def test_requested_outputs_come_in_their_order(caller: Caller) -> None:
    wanted = [{"name": "gate_units"}, {"name": "logits"}]
    outputs = assert_ok(caller.infer(request([[1, 0, 0, 0], [0, 1, 0, 0]], outputs=wanted)))
    assert [(name, values.shape) for name, values in outputs.items()] == [
        ("gate_units", (2, 4)),
        ("logits", (2, 3)),
    ]


def test_typed_contents_give_what_raw_contents_give(caller: Caller) -> None:
    floats = np.array([1, 0, 0, 0], "<f4").tobytes()
    message = ModelInferRequest(model_name="tiny", model_version="1")
    message.inputs.add(name="input", datatype="FP32", shape=[1, 4], contents=b"\x32\x10" + floats)
    assert assert_ok(caller.infer(message))["probabilities"][0].tolist() == ROW_OF_A


def test_gates_are_scaled(caller: Caller) -> None:
    message = request()
    add_input(message, "gate_scale", [[3, 1]])
    assert assert_ok(caller.infer(message))["logits"].tolist() == [[3, 2, 2]]


def test_the_largest_classes_of_a_row_have_their_labels(caller: Caller) -> None:
    message = request()
    message.outputs.add(name="logits").parameters["classification"].int64_param = 2
    answer = caller.infer(message)
    assert answer.code == "OK"
    (output,) = answer.message.outputs
    assert (output.datatype, list(output.shape)) == ("BYTES", [1, 2])
    strings = [b"2.0:0:a", b"1.0:1:b"]
    expected = b"".join(len(text).to_bytes(4, "little") + text for text in strings)
    assert answer.message.raw_output_contents[0] == expected


def test_many_classes_are_written_in_steps() -> None:
    with calling(Classifier(Recipe().build())) as caller:
        message = request([[1, 0, 0, 0]] * 400)
        message.outputs.add(name="logits").parameters["classification"].int64_param = 3
        message.outputs.add(name="gate_mean")
        answer = caller.infer(message)
    assert answer.code == "OK"
    classes, gates = answer.message.raw_output_contents
    assert classes.count(b"2.0:0:a") == 400
    assert len(gates) == 400 * 2 * 4


def test_concurrent_calls_get_their_own_responses() -> None:
    with calling(Classifier(Recipe().build())) as caller, ThreadPoolExecutor(8) as pool:
        messages = [request([[i, 0, 0, 0]], id=str(i)) for i in range(64)]
        answers = list(pool.map(caller.infer, messages))
    assert [answer.message.id for answer in answers] == [str(i) for i in range(64)]
    logits = [outputs_of(answer.message)["logits"][0, 0] for answer in answers]
    assert logits == [i + 1 for i in range(64)]


def with_input(**changes: Any) -> Any:
    message = request()
    for name, value in changes.items():
        if isinstance(value, list):
            del message.inputs[0].shape[:]
            message.inputs[0].shape.extend(value)
        else:
            setattr(message.inputs[0], name, value)
    return message


@pytest.mark.parametrize(
    ("message", "code", "sentence"),
    [
        (request(model="other"), "NOT_FOUND", "model: expected 'tiny', found another name"),
        (
            request(model_version="2"),
            "NOT_FOUND",
            "version: expected '1' of 'tiny', found another",
        ),
        (
            with_input(name="x"),
            "INVALID_ARGUMENT",
            "inputs[0]: expected the name 'input' or 'gate_scale', found another name",
        ),
        (with_input(shape=[1, 3]), "INVALID_ARGUMENT", NARROW),
        (with_input(shape=[-1, 4]), "INVALID_ARGUMENT", NARROW),
        (
            with_input(shape=[2**62, 4]),
            "INVALID_ARGUMENT",
            f"input 'input': expected at most 5 rows, found {2**62}; send them in parts",
        ),
        (
            with_input(shape=[2, 4]),
            "INVALID_ARGUMENT",
            "input 'input': expected 32 bytes of FP32 numbers for the shape, found 16",
        ),
        (
            request([[float("nan"), 0, 0, 0]]),
            "INVALID_ARGUMENT",
            "input 'input': data[0]: only finite numbers are allowed",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(
    caller: Caller, message: Any, code: str, sentence: str
) -> None:
    answer = caller.infer(message, x_request_id="mine")
    assert (answer.code, answer.details) == (code, sentence)
    assert answer.metadata["x-request-id"] == "mine"


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "FP32"])
def test_other_datatypes_are_refused(caller: Caller, datatype: str) -> None:
    answer = caller.infer(with_input(datatype=datatype))
    sentence = f"input 'input': expected the datatype FP32, found {datatype}"
    assert (answer.code, answer.details) == ("INVALID_ARGUMENT", sentence)


def test_no_cut_or_damaged_message_is_an_internal_error(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    body = request(id="7", outputs=[{"name": "logits"}]).SerializeToString()
    random = np.random.default_rng(7)
    damaged = [body[:length] for length in range(len(body))]
    for _ in range(300):
        changed = np.frombuffer(body, np.uint8).copy()
        changed[random.integers(len(body), size=3)] = random.integers(256, size=3)
        damaged.append(changed.tobytes())
    damaged += [random.bytes(size) for size in range(1, 60)]
    codes = {caller.send(INFER, content).code for content in damaged}
    assert codes <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_message_that_is_too_long_is_refused(caller: Caller) -> None:
    answer = caller.infer(request(np.zeros((7000, 4))))
    assert answer.code == "RESOURCE_EXHAUSTED"
    assert "larger than max" in answer.details


def test_a_compressed_message_is_refused(caller: Caller) -> None:
    call = caller.channel.unary_unary(f"/{SERVICE}/{INFER}")
    with pytest.raises(grpc.RpcError) as error:
        call(b"\0" * 1000, compression=grpc.Compression.Gzip, timeout=5)
    failure: Any = error.value
    assert failure.code().name == "UNIMPLEMENTED"


def test_a_call_without_a_message_is_refused(caller: Caller) -> None:
    call = caller.channel.stream_unary(f"/{SERVICE}/{INFER}")
    with pytest.raises(grpc.RpcError) as error:
        call(iter(()), timeout=5)
    failure: Any = error.value
    assert failure.code().name == "INVALID_ARGUMENT"
    assert failure.details() == "body: expected a message, found none"


class Blocked(NamedTuple):
    """A server whose model computes a first request until it is released."""

    server: Server
    caller: Caller
    classifier: BlockingClassifier

    @property
    def statistics(self) -> ModelCounters:
        return next(iter(self.server.models)).statistics.total()


@contextmanager
def blocked(**settings: Any) -> Iterator[Blocked]:
    classifier = BlockingClassifier(Recipe().build())
    with serving_grpc(classifier, **settings) as server, server.caller() as caller:
        assert caller.infer(request()).code == "OK"  # the calibration is over
        classifier.block()
        first = threading.Thread(target=caller.infer, args=(request(),))
        first.start()
        assert classifier.running.wait(5)
        yield Blocked(server, caller, classifier)
        classifier.released.set()
        first.join()


def test_a_deadline_that_passes_in_the_queue_is_an_error() -> None:
    message = request()
    message.parameters["timeout"].int64_param = 50_000  # microseconds, as Triton's client sets it
    with blocked() as server:
        for answer in (
            server.caller.infer(request(), x_deadline_ms="50"),
            server.caller.infer(message),
        ):
            assert answer.code == "DEADLINE_EXCEEDED"
            assert answer.details.startswith("deadline exceeded: waited ")


def test_a_call_whose_own_time_is_over_is_dropped_from_the_queue() -> None:
    with blocked() as server:
        assert server.caller.infer(request(), timeout=0.05).code == "DEADLINE_EXCEEDED"
        until(lambda: server.statistics.rejected.sum() == 1)
        server.classifier.released.set()
        until(lambda: server.statistics.rows[0] == 2)
        assert server.caller.infer(request()).code == "OK"
        assert server.statistics.rows[0] == 3


def test_a_cancelled_call_is_dropped_from_the_queue() -> None:
    with blocked() as server:
        call = server.caller.channel.unary_unary(f"/{SERVICE}/{INFER}")
        future = call.future(request().SerializeToString())
        until(lambda: server.statistics.pending[0] == 2)
        future.cancel()
        until(lambda: server.statistics.pending[0] == 1)
        assert server.statistics.rejected.sum() == 1


def test_a_full_queue_refuses_with_the_time_to_retry() -> None:
    with blocked(max_queue_rows=1, max_rows=1) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.caller.infer, request())
        until(lambda: server.statistics.pending[0] == 2)
        answer = server.caller.infer(request())
        assert answer.code == "RESOURCE_EXHAUSTED"
        assert answer.details == "queue: expected room for a row, found 0 of 1; retry later"
        assert int(answer.metadata["retry-after"]) >= 1
        server.classifier.released.set()
        assert waiting.result().code == "OK"


def test_without_memory_for_the_body_a_call_is_refused() -> None:
    with serving_grpc(Classifier(Recipe().build())) as server, server.caller() as caller:
        server.context.budget.add(32 * 1024 * 1024)
        answer = caller.infer(request())
        assert answer.code == "RESOURCE_EXHAUSTED"
        assert answer.details.startswith("body: expected room beside the bodies")
        server.context.budget.give(32 * 1024 * 1024)
        assert caller.infer(request()).code == "OK"
        assert server.context.budget.used == 0


def test_malformed_tags_are_refused(caller: Caller) -> None:
    answer = caller.infer(request(), x_tags="a b;c")
    assert answer.code == "INVALID_ARGUMENT"


def test_a_fault_of_the_server_reveals_no_details(caplog: pytest.LogCaptureFixture) -> None:
    with serving_grpc(Classifier(Recipe().build())) as server, server.caller() as caller:
        server.context.routes.target = None  # type: ignore[assignment,method-assign]
        answer = caller.infer(request(), x_request_id="mine")
    assert (answer.code, answer.details) == (
        "INTERNAL",
        "internal error; the server's log has the details",
    )
    assert "request mine failed" in caplog.text


@pytest.mark.parametrize("code", [57, -1, 1.5])
def test_an_unknown_category_is_an_invalid_argument(code: float) -> None:
    content = Recipe(metadata=TABLE, change=take_missing_values).build()
    with calling(Classifier(content)) as caller:
        assert caller.infer(request([[41, np.nan, 1, 0]])).code == "OK"
        answer = caller.infer(request([[41, code, 1, 0]]))
    assert (answer.code, answer.details) == (
        "INVALID_ARGUMENT",
        "row 0, column 'job': expected the index of a category, an integer from 0 to 2, or NaN for "
        "a missing value, found another number",
    )
