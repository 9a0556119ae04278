import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import Outputs
from service.classifier import Classifier
from service.errors import BodyError, InputError
from service.formats import predict
from service.formats.divided_request import NUMBERS
from service.formats.json_documents import encode
from service.formats.predict import (
    PredictRequest,
    PredictWriter,
    encode_predictions,
    predict_template,
    read_long_predict,
    read_predict,
)
from service.inference.outputs import BatchOutputs
from tests.service.conftest import METADATA
from tests.service.drift.conftest import metadata as held_out_metadata
from tests.service.formats.conftest import message_of, result_of

OUTPUTS: Outputs = {
    "probabilities": np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], np.float32),
    "gate_mean": np.array([[0.1, 1], [1e-7, 0]], np.float32),
    "typicality": np.array([[0.003, 1, 0.006], [0.5, 0.25, 0.375]], np.float32),
}


def read(body: bytes) -> PredictRequest:
    return read_predict(body, METADATA, max_rows=5)


@pytest.mark.parametrize("member", [b"", b', "gate_scale": null'])
def test_a_request_may_have_no_gate_scale(member: bytes) -> None:
    request = read(b'{"instances": [[1, 2, 3, 4]]' + member + b"}")
    assert request.rows.tolist() == [[1, 2, 3, 4]]
    assert request.gate_scale is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]], "gate_scale": [[0, 1], [1, 0]]}',
        b'{"gate_scale": [[0, 1], {"highway 2": 0}], "instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}',
    ],
)
def test_rows_and_gate_scale_are_read_in_any_order(body: bytes) -> None:
    request = read(body)
    assert request.gate_scale is not None
    assert request.gate_scale.tolist() == [[0, 1], [1, 0]]
    assert request.rows.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_list_in_place_of_a_number_is_detected_beside_a_gate_scale() -> None:
    body = b'{"instances": [[1, 2, 3, [4]]], "gate_scale": [1, 1]}'
    assert message_of(InputError, lambda: read(body)) == (
        "instances[0][3]: expected a number, found a list"
    )


def test_a_request_without_instances_is_rejected() -> None:
    assert message_of(BodyError, lambda: read(b'{"gate_scale": [1, 1]}')) == (
        "body: the member 'instances' is missing"
    )


def test_the_response_is_written_word_for_word() -> None:
    assert encode_predictions(OUTPUTS, METADATA) == (
        b'{"model_name":"tiny","model_version":"1","predictions":['
        b'{"label":"a","probability":0.7,"probabilities":[0.7,0.2,0.1],"gate_mean":[0.1,1.0],'
        b'"typicality":{"gates":0.003,"confidence":1.0,"combined":0.006}},'
        b'{"label":"c","probability":0.5,"probabilities":[0.25,0.25,0.5],"gate_mean":[1e-7,0.0],'
        b'"typicality":{"gates":0.5,"confidence":0.25,"combined":0.375}}]}'
    )


def test_the_first_of_equally_probable_labels_is_predicted() -> None:
    equal = {**OUTPUTS, "probabilities": np.array([[0.25, 0.375, 0.375]] * 2, np.float32)}
    predictions = json.loads(encode_predictions(equal, METADATA))["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["b", "b"]


def test_labels_of_any_script_are_written_in_utf_8() -> None:
    metadata = replace(METADATA, name="цифры", labels=("零", '"\\\n', "🙂"))
    body = json.loads(encode_predictions(OUTPUTS, metadata))
    assert body["model_name"] == "цифры"
    assert [prediction["label"] for prediction in body["predictions"]] == ["零", "🙂"]


def test_a_response_reads_back_to_the_same_float32(classifier: Classifier) -> None:
    outputs = classifier.run(np.array([[1, 0, 0, 0], [0, 0, 3, 0]], np.float32))
    body = json.loads(encode_predictions(asdict(outputs), classifier.metadata))
    assert [prediction["label"] for prediction in body["predictions"]] == ["a", "c"]
    for name in ("probabilities", "gate_mean"):
        written = np.array([prediction[name] for prediction in body["predictions"]], np.float32)
        assert written.tolist() == getattr(outputs, name).tolist()


# What is usual for the predicted label.

RANGES = [[[0.1, 0.3], [0.5, 0.9]], [[0, 0], [0, 0]], [[0.25, 0.25], [0, 1]]]
WITH_LAYERS: Outputs = {
    **OUTPUTS,
    "layer_typicality": np.array([[0.125, 1], [0.003, 0.5]], np.float32),
}


@pytest.mark.parametrize(("value", "usual"), [(b"null", False), (b"false", False), (b"true", True)])
def test_what_is_usual_is_requested_by_a_flag(value: bytes, usual: bool) -> None:
    body = b'{"usual": %b, "instances": [[1, 2, 3, 4]]}' % value
    assert read(body).usual is usual
    assert result_of(read_long_predict(body, METADATA, max_rows=5)).usual is usual
    frame = b'{"usual": %b, "instances": [ %d ], "gate_scale": [1, 1]}' % (value, NUMBERS)
    template = predict_template(frame, METADATA)
    assert template is not None
    assert template.usual is usual


def test_a_flag_is_a_boolean() -> None:
    assert message_of(BodyError, lambda: read(b'{"instances": [[1, 2, 3, 4]], "usual": 1}')) == (
        "parameter 'usual': expected a boolean, found a number"
    )


def test_a_prediction_has_the_usual_gates_of_its_label_and_the_layers_typicality() -> None:
    writer = PredictWriter(held_out_metadata(usual=RANGES), usual=True)
    first, second = writer.predictions(BatchOutputs(WITH_LAYERS), 0, 2)
    (plain, _) = PredictWriter(METADATA).predictions(BatchOutputs(OUTPUTS), 0, 2)
    assert first == plain[:-1] + (
        b',"usual":{"low":[0.1,0.5],"high":[0.3,0.9]},"layer_typicality":[0.125,1.0]}'
    )
    assert second.endswith(
        b',"usual":{"low":[0.25,0.0],"high":[0.25,1.0]},"layer_typicality":[0.003,0.5]}'
    )


def test_without_held_out_rows_the_usual_gates_are_null() -> None:
    writer = PredictWriter(METADATA, usual=True)
    (second,) = writer.predictions(BatchOutputs(WITH_LAYERS), 1, 2)
    assert second.endswith(b',"usual":null,"layer_typicality":[0.003,0.5]}')


# The rows of a batch.


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 2), (0, 2)])
def test_the_rows_of_a_batch_are_written_like_a_batch_of_their_own(first: int, last: int) -> None:
    alone = {name: values[first:last] for name, values in OUTPUTS.items()}
    written = PredictWriter(METADATA).write(BatchOutputs(OUTPUTS), first, last)
    assert written == encode_predictions(alone, METADATA)


FLOATS = st.floats(width=32, allow_nan=False)


@given(st.lists(st.tuples(*[FLOATS] * 8), min_size=1, max_size=4))
def test_any_numbers_are_written_as_a_json_library_writes_them(
    values: list[tuple[float, ...]],
) -> None:
    rows = np.array(values, np.float32)
    outputs = {
        "probabilities": rows[:, :3].copy(),
        "gate_mean": rows[:, 3:5].copy(),
        "typicality": rows[:, 5:].copy(),
    }
    expected = {
        "model_name": "tiny",
        "model_version": "1",
        "predictions": [
            {
                "label": METADATA.labels[row[:3].argmax()],
                "probability": row[row[:3].argmax()],
                "probabilities": row[:3],
                "gate_mean": row[3:5],
                "typicality": {"gates": row[5], "confidence": row[6], "combined": row[7]},
            }
            for row in rows
        ],
    }
    assert encode_predictions(outputs, METADATA) == encode(expected)


def test_the_predictions_of_a_model_without_layers_have_no_gates() -> None:
    outputs = {**OUTPUTS, "gate_mean": np.zeros((2, 0), np.float32)}
    body = json.loads(encode_predictions(outputs, replace(METADATA, layers=())))
    assert [prediction["gate_mean"] for prediction in body["predictions"]] == [[], []]


def test_a_writer_encodes_the_labels_that_it_writes_and_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded = []

    def remember(value: object) -> bytes:
        encoded.append(value)
        return encode(value)

    monkeypatch.setattr(predict, "encode", remember)
    writer = PredictWriter(METADATA)
    batch = BatchOutputs(OUTPUTS)
    label = METADATA.labels[int(OUTPUTS["probabilities"][0].argmax())]
    first = writer.predictions(batch, 0, 1)
    assert writer.predictions(batch, 0, 1) == first
    assert encoded[1:] == [label]  # after the model's names
