import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.classifier import FloatArray
from service.contract import GATE_MEAN, GATE_UNITS, LOGITS, OUTPUTS, PROBABILITIES, UNUSUAL
from service.formats.infer_response import InferWriter
from service.formats.wanted_outputs import WantedOutput, default_outputs
from tests.service.conftest import METADATA
from tests.service.formats.conftest import IMAGES, floats, read, request, same_bits

WRITER = InferWriter(METADATA)
VALUES: dict[str, FloatArray] = {
    LOGITS: np.array([[0.1, 2.5, -3], [1e-7, 0, 8]], np.float32),
    PROBABILITIES: np.array([[0.25, 0.5, 0.25], [0, 0, 1]], np.float32),
    GATE_MEAN: np.array([[0.5, 0.75], [0, 1]], np.float32),
    GATE_UNITS: np.array([[0.5, 0.5, 1, 0.5], [0, 0, 1, 1]], np.float32),
    UNUSUAL: np.array([[0.5, 0.25, 0.375], [0.003, 1, 0.006]], np.float32),
}


def written(
    *wanted: WantedOutput, outputs: dict[str, FloatArray] = VALUES, identifier: str | None = None
) -> tuple[dict[str, Any], bytes]:
    """Return the JSON of an answer and the bytes behind it."""
    body, length = WRITER.write(outputs, wanted, identifier)
    return json.loads(body[:length]), b"" if length is None else body[length:]


def texts(content: bytes) -> list[str]:
    """Read BYTES: each element after its length."""
    found = []
    while content:
        length = int.from_bytes(content[:4], "little")
        assert 4 + length <= len(content)
        found.append(content[4 : 4 + length].decode())
        content = content[4 + length :]
    return found


def test_an_answer_in_json_is_written_word_for_word() -> None:
    wanted = [WantedOutput(GATE_MEAN, binary=False), WantedOutput(LOGITS, binary=False)]
    assert WRITER.write(VALUES, wanted, "7") == (
        b'{"model_name":"tiny","model_version":"1","outputs":['
        b'{"name":"gate_mean","datatype":"FP32","shape":[2,2],"data":[0.5,0.75,0.0,1.0]},'
        b'{"name":"logits","datatype":"FP32","shape":[2,3],"data":[0.1,2.5,-3.0,1e-7,0.0,8.0]}],'
        b'"id":"7"}',
        None,
    )


def test_binary_tensors_follow_the_json_in_its_order() -> None:
    wanted = [
        WantedOutput(GATE_MEAN, binary=True),
        WantedOutput(LOGITS, binary=False),
        WantedOutput(PROBABILITIES, binary=True),
    ]
    body, length = WRITER.write(VALUES, wanted, None)
    told, content = json.loads(body[:length]), body[length:]
    gates, logits, probabilities = told["outputs"]
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
def test_an_id_comes_back(identifier: str) -> None:
    assert written(WantedOutput(LOGITS, False), identifier=identifier)[0]["id"] == identifier


def test_without_an_id_none_is_made_up() -> None:
    told, _ = written(WantedOutput(LOGITS, False))
    assert list(told) == ["model_name", "model_version", "outputs"]


def test_only_what_is_wanted_is_told() -> None:
    told, _ = written(WantedOutput(GATE_UNITS, False))
    assert [output["name"] for output in told["outputs"]] == ["gate_units"]
    told, _ = written(*default_outputs(binary=False))
    names = [output["name"] for output in told["outputs"]]
    assert names == ["logits", "probabilities", "gate_mean", "unusual"]


def test_a_classification_tells_the_best_first_with_index_and_label() -> None:
    told, _ = written(WantedOutput(PROBABILITIES, False, 2))
    assert told["outputs"] == [
        {
            "name": "probabilities",
            "datatype": "BYTES",
            "shape": [2, 2],
            "data": ["0.5:1:b", "0.25:0:a", "1.0:2:c", "0.0:0:a"],
        }
    ]


def test_a_classification_in_binary_has_each_text_after_its_length() -> None:
    told, content = written(WantedOutput(PROBABILITIES, True, 1), WantedOutput(GATE_MEAN, True))
    assert told["outputs"][0] == {
        "name": "probabilities",
        "datatype": "BYTES",
        "shape": [2, 1],
        "parameters": {"binary_data_size": 22},
    }
    assert content[:22] == b"\x07\0\0\x000.5:1:b\x07\0\0\x001.0:2:c"
    assert content[22:] == floats(0.5, 0.75, 0, 1)


@pytest.mark.parametrize("classes", [3, 4, 1000, 2**53])
@pytest.mark.parametrize("binary", [True, False])
def test_more_classes_than_there_are_give_all(classes: int, binary: bool) -> None:
    told, content = written(WantedOutput(PROBABILITIES, binary, classes))
    found = texts(content) if binary else told["outputs"][0]["data"]
    assert told["outputs"][0]["shape"] == [2, 3]
    assert found == ["0.5:1:b", "0.25:0:a", "0.25:2:c", "1.0:2:c", "0.0:0:a", "0.0:1:b"]


def test_gates_are_classified_by_their_layers_and_single_ones_by_their_index() -> None:
    told, _ = written(WantedOutput(GATE_MEAN, False, 1), WantedOutput(GATE_UNITS, False, 2))
    means, units = told["outputs"]
    assert means["data"] == ["0.75:1:highway 2", "1.0:1:highway 2"]
    assert units["data"] == ["1.0:2", "0.5:0", "1.0:2", "1.0:3"]


def test_the_length_of_a_text_is_counted_in_bytes() -> None:
    writer = InferWriter(replace(METADATA, labels=("a", "шесть", "c")))
    body, length = writer.write(VALUES, [WantedOutput(PROBABILITIES, True, 1)], None)
    assert texts(body[length:]) == ["0.5:1:шесть", "1.0:2:c"]


def test_what_is_no_number_becomes_null_so_that_the_json_stays_strict() -> None:
    odd = {LOGITS: np.array([[np.nan, np.inf, -np.inf]], np.float32)}
    told, _ = written(WantedOutput(LOGITS, False), outputs=odd)
    assert told["outputs"][0]["data"] == [None, None, None]


def test_a_part_of_a_larger_answer_is_written_as_if_it_were_whole() -> None:
    part = {GATE_UNITS: np.arange(16, dtype=np.float32).reshape(4, 4)[::2, 1:3]}
    told, _ = written(WantedOutput(GATE_UNITS, False), outputs=part)
    assert (told["outputs"][0]["shape"], told["outputs"][0]["data"]) == ([2, 2], [1, 2, 9, 10])
    _, content = written(WantedOutput(GATE_UNITS, True), outputs=part)
    assert content == floats(1, 2, 9, 10)


ROWS = st.lists(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4),
    min_size=1,
    max_size=5,
)


@given(ROWS)
def test_what_is_written_in_json_or_binary_reads_back_to_the_same_bits(
    values: Sequence[Sequence[float]],
) -> None:
    answer = np.array(values, np.float32)
    for binary in (False, True):
        told, content = written(WantedOutput(GATE_UNITS, binary), outputs={GATE_UNITS: answer})
        described = {**told["outputs"][0], "name": "input"}
        asked = read(request(described), *([content] if binary else []), reader=IMAGES)
        assert same_bits(asked.rows, answer)


@given(ROWS, st.integers(1, 5))
def test_a_classification_has_the_largest_values_in_falling_order(
    values: Sequence[Sequence[float]], classes: int
) -> None:
    answer = np.array(values, np.float32)
    told, _ = written(WantedOutput(GATE_UNITS, False, classes), outputs={GATE_UNITS: answer})
    parts = [text.split(":") for text in told["outputs"][0]["data"]]
    best = np.array([value for value, _ in parts], np.float32).reshape(len(answer), -1)
    order = np.array([index for _, index in parts], int).reshape(best.shape)
    assert np.array_equal(best, -np.sort(-answer, axis=1)[:, :classes])
    assert np.array_equal(best, np.take_along_axis(answer, order, axis=1))


def test_every_output_of_the_contract_can_be_written() -> None:
    told, content = written(*(WantedOutput(name, binary=True) for name in OUTPUTS))
    sizes = [output["parameters"]["binary_data_size"] for output in told["outputs"]]
    assert sizes == [24, 24, 16, 32, 24]
    assert content == b"".join(VALUES[name].tobytes() for name in OUTPUTS)
