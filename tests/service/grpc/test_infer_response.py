"""The message ModelInferResponse."""

import numpy as np

from service.formats.outline import Steps
from service.formats.requested_outputs import WantedOutput
from service.grpc.infer_response import InferMessageWriter
from service.grpc.messages import ModelInferResponse
from tests.service.conftest import METADATA
from tests.service.grpc.transport import outputs_of

LOGITS = np.array([[1, 3, 2], [6, 5, 4]], np.float32)
GATES = np.array([[0.5, 1], [0.25, 0]], np.float32)
OUTPUTS = {"logits": LOGITS, "gate_mean": GATES}
BOTH = (WantedOutput("gate_mean", binary=True), WantedOutput("logits", binary=True))
CLASSES = (WantedOutput("logits", binary=True, classes=2), WantedOutput("gate_mean", binary=True))


def test_outputs_are_raw_in_the_order_that_is_wanted() -> None:
    message = ModelInferResponse.FromString(InferMessageWriter(METADATA).write(OUTPUTS, BOTH, "7"))
    assert (message.model_name, message.model_version, message.id) == ("tiny", "1", "7")
    found = outputs_of(message)
    assert list(found) == ["gate_mean", "logits"]
    assert (found["gate_mean"] == GATES).all()
    assert (found["logits"] == LOGITS).all()


def test_the_next_response_has_its_own_id_and_number_of_rows() -> None:
    writer = InferMessageWriter(METADATA)
    writer.write(OUTPUTS, BOTH, "7")
    one = {name: values[:1] for name, values in OUTPUTS.items()}
    message = ModelInferResponse.FromString(writer.write(one, BOTH, None))
    assert message.id == ""
    assert (outputs_of(message)["logits"] == LOGITS[:1]).all()


def result_of(steps: Steps[bytes]) -> bytes:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: bytes = stop.value
            return result


def test_classes_are_strings_after_their_lengths_also_in_steps() -> None:
    writer = InferMessageWriter(METADATA)
    body = writer.write(OUTPUTS, CLASSES, None)
    assert result_of(writer.write_long(OUTPUTS, CLASSES, None)) == body
    message = ModelInferResponse.FromString(body)
    assert [(o.datatype, list(o.shape)) for o in message.outputs] == [
        ("BYTES", [2, 2]),
        ("FP32", [2, 2]),
    ]
    strings = [b"3.0:1:b", b"2.0:2:c", b"6.0:0:a", b"5.0:1:b"]
    assert message.raw_output_contents[0] == b"".join(b"\7\0\0\0" + text for text in strings)


def test_more_classes_than_there_are_give_all() -> None:
    wanted = (WantedOutput("logits", binary=True, classes=99),)
    message = ModelInferResponse.FromString(
        InferMessageWriter(METADATA).write(OUTPUTS, wanted, None)
    )
    assert list(message.outputs[0].shape) == [2, 3]
