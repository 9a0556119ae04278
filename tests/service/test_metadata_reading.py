"""What tests/service/test_contract.py does not reach; there every sentence of a file's is read."""

import pytest

from service.contract import ContractError as ContractErrorOfTheContract
from service.metadata_reading import ContractError, expect, optional_number, typed, typed_list


def test_the_error_is_the_contracts_own() -> None:
    assert ContractError is ContractErrorOfTheContract


def test_a_value_keeps_what_is_right() -> None:
    values = {"text": "x", "numbers": [1, 2], "low": 3}
    assert typed(values, "text", str) == "x"
    assert typed_list(values, "numbers", int) == [1, 2]
    assert optional_number(values, "low", "") == 3.0
    assert optional_number(values, "absent", "") is None


def test_an_error_has_the_place_before_the_key() -> None:
    with pytest.raises(ContractError) as error:
        typed({}, "unit", str, "input: ")
    assert str(error.value) == "metadata 'highway.input: unit': expected a string, found NoneType"


def test_what_is_right_passes() -> None:
    expect(True, "key", "this", "that")


def test_truth_values_are_no_numbers() -> None:
    with pytest.raises(ContractError) as error:
        typed_list({"shape": [True]}, "shape", int)
    assert str(error.value) == (
        "metadata 'highway.shape': expected a list of whole numbers, found other items"
    )
