import json

import pytest

from service.errors import BodyError
from service.formats.documents import Members, parse_object
from service.formats.parameters import read_count, read_flag, read_parameters
from tests.service.formats.conftest import read, refused, request


def parameters(value: object, *names: str) -> Members:
    document = parse_object(json.dumps({"parameters": value}).encode(), "parameters")
    return read_parameters(document, "place", *names)


@pytest.mark.parametrize("value", [None, {}, {"other": 1}])
def test_what_is_not_given_is_nothing(value: object) -> None:
    found = parameters(value, "flag", "count")
    assert found == {}
    assert read_flag(found, "flag") is None
    assert read_count(found, "count", least=0) is None


def test_null_counts_as_not_given() -> None:
    found = parameters({"flag": None, "count": None}, "flag", "count")
    assert read_flag(found, "flag") is None
    assert read_count(found, "count", least=0) is None


def test_only_the_parameters_asked_for_are_read() -> None:
    given = {"sequence_id": [[]], "flag": False, "triton_x": "a", "count": 7}
    assert parameters(given, "flag", "count") == {"flag": False, "count": 7}


@pytest.mark.parametrize(
    ("value", "found"),
    [([], "a list"), ("x", "a string"), (0, "a number"), (False, "true or false")],
)
def test_parameters_are_an_object(value: object, found: str) -> None:
    with pytest.raises(BodyError) as error:
        parameters(value)
    assert str(error.value) == f"place: expected an object, found {found}"


@pytest.mark.parametrize("value", [True, False])
def test_a_flag_is_a_truth_value(value: bool) -> None:
    assert read_flag(parameters({"flag": value}, "flag"), "flag") is value


@pytest.mark.parametrize(
    ("value", "found"),
    [(0, "a number"), (1, "a number"), ("true", "a string"), ([], "a list"), ({}, "an object")],
)
def test_a_flag_of_another_kind_is_refused(value: object, found: str) -> None:
    with pytest.raises(BodyError) as error:
        read_flag(parameters({"flag": value}, "flag"), "flag")
    assert str(error.value) == f"parameter 'flag': expected true or false, found {found}"


@pytest.mark.parametrize(("value", "least"), [(0, 0), (1, 1), (2**53, 1)])
def test_a_count_is_a_whole_number_from_its_least_on(value: int, least: int) -> None:
    assert read_count(parameters({"count": value}, "count"), "count", least=least) == value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (0, "another number"),
        (-1, "another number"),
        (1.0, "another number"),
        (1e18, "another number"),
        (2**53 + 1, "another number"),
        (2**64 - 1, "another number"),
        (True, "true or false"),
        ("1", "a string"),
        ([1], "a list"),
        ({}, "an object"),
    ],
)
def test_a_count_of_another_kind_or_size_is_refused(value: object, found: str) -> None:
    with pytest.raises(BodyError) as error:
        read_count(parameters({"count": value}, "count"), "count", least=1)
    assert str(error.value) == (
        f"parameter 'count': expected a whole number from 1 on, found {found}"
    )


@pytest.mark.parametrize("timeout", [None, 0, 1, 2**53])
def test_a_timeout_comes_with_the_request(timeout: int | None) -> None:
    assert read(request(parameters={"timeout": timeout})).timeout_us == timeout


def test_without_a_timeout_there_is_none() -> None:
    assert read(request()).timeout_us is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "parameters: expected an object, found a list"),
        ("", "parameters: expected an object, found a string"),
        (
            {"timeout": -1},
            "parameter 'timeout': expected a whole number from 0 on, found another number",
        ),
        (
            {"timeout": 0.5},
            "parameter 'timeout': expected a whole number from 0 on, found another number",
        ),
        (
            {"timeout": "1"},
            "parameter 'timeout': expected a whole number from 0 on, found a string",
        ),
        (
            {"binary_data_output": "true"},
            "parameter 'binary_data_output': expected true or false, found a string",
        ),
    ],
)
def test_a_requests_own_parameters_are_checked(given: object, message: str) -> None:
    assert refused(BodyError, request(parameters=given)) == message


def test_parameters_with_another_meaning_elsewhere_are_ignored() -> None:
    given = {"sequence_id": 7, "priority": "high", "headers": {}, "triton_x": [1], "lesion": None}
    assert read(request(parameters=given)) is not None
