import json

import pytest

from service.errors import BodyError
from service.formats.json_documents import Members, parse_object
from service.formats.parameters import read_count, read_flag, read_parameters
from tests.service.formats.conftest import message_of, read, rejected, request


def parameters(value: object, *names: str) -> Members:
    document = parse_object(json.dumps({"parameters": value}).encode(), "parameters")
    return read_parameters(document, "location", *names)


@pytest.mark.parametrize("value", [None, {}, {"other": 1}])
def test_a_missing_parameter_is_none(value: object) -> None:
    given = parameters(value, "flag", "count")
    assert given == {}
    assert read_flag(given, "flag") is None
    assert read_count(given, "count", least=0) is None


def test_a_parameter_of_null_is_none() -> None:
    given = parameters({"flag": None, "count": None}, "flag", "count")
    assert read_flag(given, "flag") is None
    assert read_count(given, "count", least=0) is None


def test_only_the_named_parameters_are_read() -> None:
    given = {"sequence_id": [[]], "flag": False, "triton_x": "a", "count": 7}
    assert parameters(given, "flag", "count") == {"flag": False, "count": 7}


@pytest.mark.parametrize(
    ("value", "actual"),
    [([], "a list"), ("x", "a string"), (0, "a number"), (False, "a boolean")],
)
def test_parameters_must_be_an_object(value: object, actual: str) -> None:
    message = f"location: expected an object, found {actual}"
    assert message_of(BodyError, lambda: parameters(value)) == message


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_is_a_boolean(value: bool) -> None:
    assert read_flag(parameters({"flag": value}, "flag"), "flag") is value


@pytest.mark.parametrize(
    ("value", "actual"),
    [(0, "a number"), (1, "a number"), ("true", "a string"), ([], "a list"), ({}, "an object")],
)
def test_a_flag_of_another_type_is_rejected(value: object, actual: str) -> None:
    given = parameters({"flag": value}, "flag")
    assert message_of(BodyError, lambda: read_flag(given, "flag")) == (
        f"parameter 'flag': expected a boolean, found {actual}"
    )


@pytest.mark.parametrize(("value", "least"), [(0, 0), (1, 1), (2**53, 1)])
def test_a_count_is_an_integer_of_at_least_its_minimum(value: int, least: int) -> None:
    assert read_count(parameters({"count": value}, "count"), "count", least=least) == value


@pytest.mark.parametrize(
    ("value", "actual"),
    [
        (0, "another number"),
        (-1, "another number"),
        (1.0, "another number"),
        (1e18, "another number"),
        (2**53 + 1, "another number"),
        (2**64 - 1, "another number"),
        (True, "a boolean"),
        ("1", "a string"),
        ([1], "a list"),
        ({}, "an object"),
    ],
)
def test_a_count_of_another_type_or_out_of_range_is_rejected(value: object, actual: str) -> None:
    given = parameters({"count": value}, "count")
    assert message_of(BodyError, lambda: read_count(given, "count", least=1)) == (
        f"parameter 'count': expected an integer of at least 1, found {actual}"
    )


@pytest.mark.parametrize("timeout", [None, 0, 1, 2**53])
def test_a_timeout_is_read(timeout: int | None) -> None:
    assert read(request(parameters={"timeout": timeout})).timeout_us == timeout


def test_a_request_may_have_no_timeout() -> None:
    assert read(request()).timeout_us is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "parameters: expected an object, found a list"),
        ("", "parameters: expected an object, found a string"),
        (
            {"timeout": -1},
            "parameter 'timeout': expected an integer of at least 0, found another number",
        ),
        (
            {"timeout": 0.5},
            "parameter 'timeout': expected an integer of at least 0, found another number",
        ),
        (
            {"timeout": "1"},
            "parameter 'timeout': expected an integer of at least 0, found a string",
        ),
        (
            {"binary_data_output": "true"},
            "parameter 'binary_data_output': expected a boolean, found a string",
        ),
    ],
)
def test_the_parameters_of_a_request_are_checked(given: object, message: str) -> None:
    assert rejected(BodyError, request(parameters=given)) == message


def test_parameters_of_other_servers_are_ignored() -> None:
    given = {"sequence_id": 7, "priority": "high", "headers": {}, "triton_x": [1], "lesion": None}
    assert read(request(parameters=given)) is not None
