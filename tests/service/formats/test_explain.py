import json

import numpy as np
import pytest

from service.errors import BodyError, InputError, RequestError
from service.formats.explain import encode_explanation, read_explain
from service.formats.explained_inputs import ExplainedPatches
from service.inference.explanation import Counterfactual, Explanation
from service.inference.occlusion import PatchOcclusion
from tests.service.conftest import METADATA, TABLE
from tests.service.drift.conftest import metadata as held_out_metadata
from tests.service.formats.conftest import INVALID_JSON, message_of

# Closing the first layer alone changes the label from a to b.
EXPLANATION = Explanation(
    outputs={
        "probabilities": np.array([[0.5, 0.25, 0.25]], np.float32),
        "gate_mean": np.array([[0.25, 0.75]], np.float32),
        "typicality": np.array([[0.5, 1, 0.5]], np.float32),
        "layer_typicality": np.array([[0.125, 1]], np.float32),
    },
    closed={"probabilities": np.array([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]], np.float32)},
    label=0,
    counterfactual=Counterfactual(closed_layers=(0,), label=1),
)


@pytest.mark.parametrize("row", ["[1, 2, 3, 4]", "[[1, 2], [3, 4]]"])
def test_an_image_may_be_flat_or_nested(row: str) -> None:
    request = read_explain(b'{"instance": %b}' % row.encode(), METADATA)
    assert request.row.tolist() == [[1, 2, 3, 4]]
    assert not request.gate_units
    assert not request.inputs


@pytest.mark.parametrize(
    "row",
    [
        b'[41, "teacher", true, 1.5]',
        b'{"age": 41, "job": "teacher", "member": true, "income": 1.5}',
    ],
)
def test_a_tables_row_may_be_a_list_or_an_object(row: bytes) -> None:
    assert read_explain(b'{"instance": %b}' % row, TABLE).row.tolist() == [[41, 1, 1, 1.5]]


def test_gate_units_are_requested_by_a_flag() -> None:
    body = b'{"instance": [1, 2, 3, 4], "gate_units": true}'
    assert read_explain(body, METADATA)[1:] == (True, False)


def test_inputs_are_requested_by_a_flag() -> None:
    body = b'{"instance": [1, 2, 3, 4], "inputs": true, "gate_units": null}'
    assert read_explain(body, METADATA)[1:] == (False, True)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"", BodyError, INVALID_JSON),
        (b'{"instance": [1, 2, 3, NaN]}', BodyError, INVALID_JSON),
        (b"[]", BodyError, "body: expected a JSON object, found a list"),
        (b"{}", BodyError, "body: the member 'instance' is missing"),
        (b'{"instance": null}', BodyError, "body: the member 'instance' is missing"),
        (b'{"instance": 5}', InputError, "instance: expected a list of 4 numbers, found a number"),
        (
            b'{"instance": [1, 2]}',
            InputError,
            "instance: expected a list of 4 numbers, found one of 2",
        ),
        (
            b'{"instance": [1, 2, 3, "x"]}',
            InputError,
            "instance[3]: expected a number, found a string",
        ),
        (
            b'{"instance": [[1, 2], 3]}',
            InputError,
            "instance[1]: expected a list of 2 numbers, found a number",
        ),
        (
            b'{"instance": [[1, 2, 3, 4]]}',
            InputError,
            "instance: expected a list of 2 rows of pixels, found one of 1",
        ),
        (
            b'{"instance": [1, 2, 3, 1e39]}',
            InputError,
            "instance: a number overflows float32",
        ),
        (
            b'{"instance": [1, 2, 3, 4], "gate_units": 1}',
            BodyError,
            "parameter 'gate_units': expected a boolean, found a number",
        ),
        (
            b'{"instance": [1, 2, 3, 4], "inputs": "yes"}',
            BodyError,
            "parameter 'inputs': expected a boolean, found a string",
        ),
    ],
)
def test_an_error_names_what_does_not_fit(
    body: bytes, error: type[RequestError], message: str
) -> None:
    assert message_of(error, lambda: read_explain(body, METADATA)) == message


def test_an_error_names_the_column_that_does_not_fit() -> None:
    body = b'{"instance": [41, "SECRET", true, 0]}'
    assert message_of(InputError, lambda: read_explain(body, TABLE)) == (
        "instance[1]: expected one of 'nurse', 'teacher', 'pilot' or null for a missing value, "
        "found another string"
    )


def test_the_response_is_written_word_for_word() -> None:
    assert encode_explanation(EXPLANATION, METADATA) == (
        b'{"model_name":"tiny","model_version":"1","prediction":'
        b'{"label":"a","probability":0.5,"probabilities":[0.5,0.25,0.25],"gate_mean":[0.25,0.75],'
        b'"typicality":{"gates":0.5,"confidence":1.0,"combined":0.5}},"layers":['
        b'{"name":"highway 1","number":1,"gate_mean":0.25,'
        b'"usual":null,"typicality":0.125,"closed":{"label":"b","probability":0.25,"probability_change":-0.25}},'
        b'{"name":"highway 2","number":2,"gate_mean":0.75,'
        b'"usual":null,"typicality":1.0,"closed":{"label":"a","probability":0.75,"probability_change":0.25}}],'
        b'"decisive_layers":["highway 1"],'
        b'"counterfactual":{"closed_layers":["highway 1"],"label":"b","search":"greedy"}}'
    )


def test_each_layer_has_the_usual_gates_of_the_predicted_label() -> None:
    ranges = [[[0.1, 0.3], [0.5, 0.9]], [[0, 0], [0, 0]], [[1, 1], [1, 1]]]
    content = encode_explanation(EXPLANATION, held_out_metadata(usual=ranges))
    layers = json.loads(content)["layers"]
    assert [layer["usual"] for layer in layers] == [
        {"low": 0.1, "high": 0.3},
        {"low": 0.5, "high": 0.9},
    ]


def test_what_the_label_depends_on_in_the_row_is_the_last_member() -> None:
    occlusion = PatchOcclusion(np.array([[[0.25, 0.5, 0.25]]], np.float32), (2, 2), (0,), (0,))
    inputs = ExplainedPatches(np.array([0], np.float32), occlusion)
    members = json.loads(encode_explanation(EXPLANATION, METADATA, inputs))
    assert list(members)[-1] == "inputs"
    assert members["inputs"]["probability_change"] == [[-0.25]]
    assert "inputs" not in json.loads(encode_explanation(EXPLANATION, METADATA))


def test_without_a_counterfactual_its_member_is_null() -> None:
    explanation = EXPLANATION._replace(counterfactual=None)
    assert json.loads(encode_explanation(explanation, METADATA))["counterfactual"] is None


def test_closed_layers_are_in_the_networks_order() -> None:
    explanation = EXPLANATION._replace(counterfactual=Counterfactual((1, 0), 2))
    assert json.loads(encode_explanation(explanation, METADATA))["counterfactual"] == {
        "closed_layers": ["highway 1", "highway 2"],
        "label": "c",
        "search": "greedy",
    }


def test_gate_units_are_split_by_layer() -> None:
    units = np.array([[0, 0.5, 0.75, 1]], np.float32)
    explanation = EXPLANATION._replace(outputs={**EXPLANATION.outputs, "gate_units": units})
    layers = json.loads(encode_explanation(explanation, METADATA))["layers"]
    assert [layer["gate_units"] for layer in layers] == [[0, 0.5], [0.75, 1]]
