import pytest

from service.contract import GATE_MEAN, GATE_UNITS, LOGITS, OUTPUTS, PROBABILITIES, TYPICALITY
from service.errors import BodyError, InputError, RequestError
from service.formats.requested_outputs import WantedOutput, default_outputs
from tests.service.formats.conftest import read, rejected, request

NAMES = (
    "the name 'logits' or 'probabilities' or 'gate_mean' or 'gate_units' or 'typicality' or "
    "'layer_typicality'"
)


def wanted(outputs: object, **parameters: object) -> tuple[WantedOutput, ...]:
    return read(request(outputs=outputs, parameters=parameters)).outputs


def test_the_default_is_all_outputs_but_gate_units() -> None:
    assert default_outputs(binary=False) == (
        WantedOutput(LOGITS, False),
        WantedOutput(PROBABILITIES, False),
        WantedOutput(GATE_MEAN, False),
        WantedOutput(TYPICALITY, False),
    )


@pytest.mark.parametrize("outputs", [None, []])
@pytest.mark.parametrize("binary", [True, False])
def test_a_missing_or_empty_list_means_the_default(outputs: object, binary: bool) -> None:
    assert wanted(outputs, binary_data_output=binary) == default_outputs(binary=binary)


def test_the_default_outputs_are_json() -> None:
    assert read(request()).outputs == default_outputs(binary=False)


def test_outputs_keep_the_requested_order() -> None:
    outputs = wanted([{"name": GATE_UNITS}, {"name": LOGITS}])
    assert outputs == (WantedOutput(GATE_UNITS, False), WantedOutput(LOGITS, False))


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_can_be_requested_alone(name: str) -> None:
    assert wanted([{"name": name}]) == (WantedOutput(name, False),)


@pytest.mark.parametrize(
    ("own", "default", "binary"),
    [
        (True, True, True),
        (True, False, True),
        (True, None, True),
        (False, True, False),
        (False, False, False),
        (False, None, False),
        (None, True, True),
        (None, False, False),
        (None, None, False),
    ],
)
def test_an_outputs_own_binary_data_overrides_the_requests(
    own: bool | None, default: bool | None, binary: bool
) -> None:
    outputs = [{"name": LOGITS, "parameters": {"binary_data": own}}]
    assert wanted(outputs, binary_data_output=default) == (WantedOutput(LOGITS, binary),)


def test_each_output_has_its_own_classification() -> None:
    outputs = [{"name": LOGITS, "parameters": {"classification": 2}}, {"name": GATE_MEAN}]
    assert wanted(outputs) == (WantedOutput(LOGITS, False, 2), WantedOutput(GATE_MEAN, False))


def test_other_members_and_parameters_of_an_output_are_ignored() -> None:
    output = {"name": LOGITS, "datatype": "FP32", "parameters": {"binary_data_size": 0, "x": []}}
    assert wanted([output]) == (WantedOutput(LOGITS, False),)


@pytest.mark.parametrize(
    ("outputs", "error", "message"),
    [
        ({}, BodyError, "outputs: expected a list of tensors, found an object"),
        ("logits", BodyError, "outputs: expected a list of tensors, found a string"),
        (False, BodyError, "outputs: expected a list of tensors, found a boolean"),
        (["logits"], BodyError, "outputs[0]: expected an object, found a string"),
        ([{"name": LOGITS}, None], BodyError, "outputs[1]: expected an object, found null"),
        ([{}], InputError, f"outputs[0]: expected {NAMES}, found null"),
        ([{"name": "SECRET"}], InputError, f"outputs[0]: expected {NAMES}, found another name"),
        ([{"name": "input"}], InputError, f"outputs[0]: expected {NAMES}, found another name"),
        ([{"name": 0}], InputError, f"outputs[0]: expected {NAMES}, found a number"),
        ([{"name": [LOGITS]}], InputError, f"outputs[0]: expected {NAMES}, found a list"),
        ([{"name": {}}], InputError, f"outputs[0]: expected {NAMES}, found an object"),
        (
            [{"name": LOGITS}, {"name": GATE_MEAN}, {"name": LOGITS}],
            InputError,
            "outputs[2]: expected each output once, found 'logits' again",
        ),
        (
            [{"name": LOGITS}, {"name": GATE_MEAN, "parameters": 1}],
            BodyError,
            "outputs[1]: parameters: expected an object, found a number",
        ),
        (
            [{"name": LOGITS, "parameters": {"binary_data": 1}}],
            BodyError,
            "parameter 'binary_data': expected a boolean, found a number",
        ),
        (
            [{"name": LOGITS, "parameters": {"classification": 0}}],
            BodyError,
            "parameter 'classification': expected an integer of at least 1, found another number",
        ),
    ],
)
def test_an_error_names_the_location_of_a_malformed_output(
    outputs: object, error: type[RequestError], message: str
) -> None:
    assert rejected(error, request(outputs=outputs)) == message
