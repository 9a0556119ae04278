import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.contract import (
    GATE_MEAN,
    GATE_UNITS,
    LAYER_TYPICALITY,
    LOGITS,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
)
from service.formats.infer_response import CACHED_RESPONSE_FRAMES, InferWriter, Written
from service.formats.requested_outputs import WantedOutput, default_outputs
from service.inference.outputs import BatchOutputs
from tests.service.conftest import METADATA
from tests.service.formats.conftest import IMAGES, floats, read, request, same_bits

WRITER = InferWriter(METADATA)
VALUES: dict[str, FloatArray] = {
    LOGITS: np.array([[0.1, 2.5, -3], [1e-7, 0, 8]], np.float32),
    PROBABILITIES: np.array([[0.25, 0.5, 0.25], [0, 0, 1]], np.float32),
    GATE_MEAN: np.array([[0.5, 0.75], [0, 1]], np.float32),
    GATE_UNITS: np.array([[0.5, 0.5, 1, 0.5], [0, 0, 1, 1]], np.float32),
    TYPICALITY: np.array([[0.5, 0.25, 0.375], [0.003, 1, 0.006]], np.float32),
    LAYER_TYPICALITY: np.array([[0.25, 0.5], [1, 0.001]], np.float32),
}


def written(
    *wanted: WantedOutput, outputs: dict[str, FloatArray] = VALUES, identifier: str | None = None
) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of a response and the bytes behind it."""
    body, length = all_written(*wanted, outputs=outputs, identifier=identifier)
    return json.loads(body[:length]), b"" if length is None else body[length:]


def all_written(
    *wanted: WantedOutput,
    outputs: Mapping[str, FloatArray] = VALUES,
    identifier: str | None = None,
    writer: InferWriter = WRITER,
) -> Written:
    """Write all rows of these outputs."""
    rows = len(next(iter(outputs.values())))
    return writer.write(writer.form(wanted), identifier, BatchOutputs(outputs), 0, rows)


def strings(content: bytes) -> list[str]:
    """Read BYTES: each element after its length."""
    elements = []
    while content:
        length = int.from_bytes(content[:4], "little")
        assert 4 + length <= len(content)
        elements.append(content[4 : 4 + length].decode())
        content = content[4 + length :]
    return elements


def test_a_json_response_is_written_word_for_word() -> None:
    wanted = [WantedOutput(GATE_MEAN, binary=False), WantedOutput(LOGITS, binary=False)]
    assert all_written(*wanted, identifier="7") == (
        b'{"model_name":"tiny","model_version":"1","outputs":['
        b'{"name":"gate_mean","datatype":"FP32","shape":[2,2],"data":[0.5,0.75,0.0,1.0]},'
        b'{"name":"logits","datatype":"FP32","shape":[2,3],"data":[0.1,2.5,-3.0,1e-7,0.0,8.0]}],'
        b'"id":"7"}',
        None,
    )


def test_binary_tensors_follow_in_the_order_of_the_json() -> None:
    wanted = [
        WantedOutput(GATE_MEAN, binary=True),
        WantedOutput(LOGITS, binary=False),
        WantedOutput(PROBABILITIES, binary=True),
    ]
    body, length = all_written(*wanted)
    head, content = json.loads(body[:length]), body[length:]
    gates, logits, probabilities = head["outputs"]
    assert gates == {
        "name": "gate_mean",
        "datatype": "FP32",
        "shape": [2, 2],
        "parameters": {"binary_data_size": 16},
    }
    assert (list(logits), probabilities["parameters"]) == (
        ["name", "datatype", "shape", "data"],
        {"binary_data_size": 24},
    )
    assert content == floats(0.5, 0.75, 0, 1, 0.25, 0.5, 0.25, 0, 0, 1)


@pytest.mark.parametrize("identifier", ["", "7", 'a "quoted" ☃ one'])
def test_the_id_is_returned(identifier: str) -> None:
    assert written(WantedOutput(LOGITS, False), identifier=identifier)[0]["id"] == identifier


def test_a_request_without_an_id_gets_none() -> None:
    head, _ = written(WantedOutput(LOGITS, False))
    assert list(head) == ["model_name", "model_version", "outputs"]


def test_only_the_requested_outputs_are_written() -> None:
    head, _ = written(WantedOutput(GATE_UNITS, False))
    assert [output["name"] for output in head["outputs"]] == ["gate_units"]
    head, _ = written(*default_outputs(binary=False))
    names = [output["name"] for output in head["outputs"]]
    assert names == ["logits", "probabilities", "gate_mean", "typicality"]


def test_a_classification_lists_the_largest_values_with_index_and_label() -> None:
    head, _ = written(WantedOutput(PROBABILITIES, False, 2))
    assert head["outputs"] == [
        {
            "name": "probabilities",
            "datatype": "BYTES",
            "shape": [2, 2],
            "data": ["0.5:1:b", "0.25:0:a", "1.0:2:c", "0.0:0:a"],
        }
    ]


def test_a_binary_classification_has_each_string_after_its_length() -> None:
    head, content = written(WantedOutput(PROBABILITIES, True, 1), WantedOutput(GATE_MEAN, True))
    assert head["outputs"][0] == {
        "name": "probabilities",
        "datatype": "BYTES",
        "shape": [2, 1],
        "parameters": {"binary_data_size": 22},
    }
    assert content[:22] == b"\x07\0\0\x000.5:1:b\x07\0\0\x001.0:2:c"
    assert content[22:] == floats(0.5, 0.75, 0, 1)


@pytest.mark.parametrize("classes", [3, 4, 1000, 2**53])
@pytest.mark.parametrize("binary", [True, False])
def test_more_classes_than_the_model_has_give_all(classes: int, binary: bool) -> None:
    head, content = written(WantedOutput(PROBABILITIES, binary, classes))
    entries = strings(content) if binary else head["outputs"][0]["data"]
    assert head["outputs"][0]["shape"] == [2, 3]
    assert entries == ["0.5:1:b", "0.25:0:a", "0.25:2:c", "1.0:2:c", "0.0:0:a", "0.0:1:b"]


def test_mean_gates_are_classified_by_layer_and_gate_units_by_index() -> None:
    head, _ = written(WantedOutput(GATE_MEAN, False, 1), WantedOutput(GATE_UNITS, False, 2))
    means, units = head["outputs"]
    assert means["data"] == ["0.75:1:highway 2", "1.0:1:highway 2"]
    assert units["data"] == ["1.0:2", "0.5:0", "1.0:2", "1.0:3"]


def test_the_layers_typicality_is_classified_by_layer() -> None:
    head, _ = written(WantedOutput(LAYER_TYPICALITY, False, 1))
    assert head["outputs"][0]["data"] == ["0.5:1:highway 2", "1.0:0:highway 1"]


def test_the_length_of_a_string_is_counted_in_bytes() -> None:
    writer = InferWriter(replace(METADATA, labels=("a", "шесть", "c")))
    body, length = all_written(WantedOutput(PROBABILITIES, True, 1), writer=writer)
    assert strings(body[length:]) == ["0.5:1:шесть", "1.0:2:c"]


def test_nan_and_infinity_become_null_in_strict_json() -> None:
    outputs = {LOGITS: np.array([[np.nan, np.inf, -np.inf]], np.float32)}
    head, _ = written(WantedOutput(LOGITS, False), outputs=outputs)
    assert head["outputs"][0]["data"] == [None, None, None]


GATES_JSON, GATES_BINARY = WantedOutput(GATE_UNITS, False), WantedOutput(GATE_UNITS, True)


# The rows of a batch.


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("classes", [None, 2])
def test_the_rows_of_a_batch_are_written_like_a_batch_of_their_own(
    first: int, last: int, classes: int | None
) -> None:
    wanted = [WantedOutput(PROBABILITIES, False, classes), GATES_BINARY, WantedOutput(LOGITS, True)]
    alone = {name: values[first:last] for name, values in VALUES.items()}
    for some in (wanted, wanted[:1], wanted[1:]):
        form = WRITER.form(tuple(some))
        body = WRITER.write(form, "7", BatchOutputs(VALUES), first, last)
        assert body == all_written(*some, outputs=alone, identifier="7")


def test_a_form_writes_responses_of_any_number_of_rows() -> None:
    form = WRITER.form((GATES_JSON,))
    for rows in [*range(1, 2 * CACHED_RESPONSE_FRAMES), 1, 2]:
        values = np.arange(4 * rows, dtype=np.float32).reshape(rows, 4)
        body, _ = WRITER.write(form, None, BatchOutputs({GATE_UNITS: values}), 0, rows)
        (output,) = json.loads(body)["outputs"]
        assert (output["shape"], output["data"]) == ([rows, 4], list(range(4 * rows)))
    assert len(form.frames) <= CACHED_RESPONSE_FRAMES


def test_a_form_keeps_no_identifier_of_a_request() -> None:
    form = WRITER.form((GATES_JSON,))
    bodies = [WRITER.write(form, name, BatchOutputs(VALUES), 0, 2)[0] for name in ("a", None, "b")]
    assert [json.loads(body).get("id") for body in bodies] == ["a", None, "b"]


def test_a_form_has_the_names_and_the_sizes_of_its_outputs() -> None:
    form = WRITER.form((GATES_JSON, WantedOutput(LOGITS, True), WantedOutput(LOGITS, True, 2)))
    assert form.names == {GATE_UNITS, LOGITS}
    assert (form.values, form.classes, form.classified) == (4 + 3, 2, True)
    assert not WRITER.form((GATES_JSON,)).classified
    assert WRITER.form((WantedOutput(PROBABILITIES, False, 1000),)).classes == 3


def test_outputs_without_numbers_are_written() -> None:
    writer = InferWriter(replace(METADATA, layers=()))
    outputs = {GATE_MEAN: np.zeros((2, 0), np.float32)}
    body, _ = all_written(WantedOutput(GATE_MEAN, False), outputs=outputs, writer=writer)
    (output,) = json.loads(body)["outputs"]
    assert (output["shape"], output["data"]) == ([2, 0], [])
    body, length = all_written(WantedOutput(GATE_MEAN, True), outputs=outputs, writer=writer)
    assert length == len(body)


ROWS = st.lists(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
    min_size=1,
    max_size=5,
)


@given(ROWS)
def test_json_and_binary_tensors_read_back_to_the_same_bits(
    values: Sequence[Sequence[float]],
) -> None:
    values32 = np.array(values, np.float32)
    for binary in (False, True):
        head, content = written(WantedOutput(GATE_UNITS, binary), outputs={GATE_UNITS: values32})
        described = {**head["outputs"][0], "name": "input"}
        parsed = read(request(described), *([content] if binary else []), reader=IMAGES)
        assert same_bits(parsed.rows, values32)


@given(ROWS, st.integers(1, 5))
def test_a_classification_has_the_largest_values_in_descending_order(
    values: Sequence[Sequence[float]], classes: int
) -> None:
    values32 = np.array(values, np.float32)
    head, _ = written(WantedOutput(GATE_UNITS, False, classes), outputs={GATE_UNITS: values32})
    parts = [entry.split(":") for entry in head["outputs"][0]["data"]]
    best = np.array([value for value, _ in parts], np.float32).reshape(len(values32), -1)
    order = np.array([index for _, index in parts], int).reshape(best.shape)
    assert np.array_equal(best, -np.sort(-values32, axis=1)[:, :classes])
    assert np.array_equal(best, np.take_along_axis(values32, order, axis=1))


def test_every_output_of_the_contract_is_written() -> None:
    head, content = written(*(WantedOutput(name, binary=True) for name in OUTPUTS))
    sizes = [output["parameters"]["binary_data_size"] for output in head["outputs"]]
    assert sizes == [24, 24, 16, 32, 24, 16]
    assert content == b"".join(VALUES[name].tobytes() for name in OUTPUTS)
