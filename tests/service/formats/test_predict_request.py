import pytest

from service.errors import BodyError, InputError, RequestError
from service.formats.predict_request import read_explain, read_predict
from tests.service.conftest import METADATA, TABLE
from tests.service.formats.conftest import NOT_JSON


def explain_refused(body: bytes) -> str:
    with pytest.raises(RequestError) as error:
        read_explain(body, METADATA)
    return str(error.value)


def test_a_request_without_a_gate_scale_has_none() -> None:
    for more in (b"", b', "gate_scale": null'):
        request = read_predict(b'{"instances": [[1, 2, 3, 4]]' + more + b"}", METADATA, max_rows=5)
        assert request.rows.tolist() == [[1, 2, 3, 4]]
        assert request.gate_scale is None


def test_a_gate_scale_comes_with_the_rows_in_either_order() -> None:
    for body in (
        b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]], "gate_scale": [[0, 1], [1, 0]]}',
        b'{"gate_scale": [[0, 1], {"highway 2": 0}], "instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}',
    ):
        request = read_predict(body, METADATA, max_rows=5)
        assert request.gate_scale is not None
        assert request.gate_scale.tolist() == [[0, 1], [1, 0]]
        assert request.rows.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_a_list_in_a_numbers_place_is_seen_beside_a_gate_scale() -> None:
    body = b'{"instances": [[1, 2, 3, [4]]], "gate_scale": [1, 1]}'
    with pytest.raises(InputError) as error:
        read_predict(body, METADATA, max_rows=5)
    assert str(error.value) == "instances[0][3]: expected a number, found a list"


def test_a_request_without_instances_is_told_so() -> None:
    with pytest.raises(BodyError) as error:
        read_predict(b'{"gate_scale": [1, 1]}', METADATA, max_rows=5)
    assert str(error.value) == "body: expected the member 'instances', found none"


@pytest.mark.parametrize("row", ["[1, 2, 3, 4]", "[[1, 2], [3, 4]]"])
def test_an_image_to_explain_may_be_flat_or_nested(row: str) -> None:
    request = read_explain(b'{"instance": %b}' % row.encode(), METADATA)
    assert request.row.tolist() == [[1, 2, 3, 4]]
    assert not request.gate_units


def test_a_tables_row_to_explain_may_be_by_name_or_in_order() -> None:
    for row in (
        b'[41, "teacher", true, 1.5]',
        b'{"age": 41, "job": "teacher", "member": true, "income": 1.5}',
    ):
        request = read_explain(b'{"instance": %b}' % row, TABLE)
        assert request.row.tolist() == [[41, 1, 1, 1.5]]


def test_the_gates_one_by_one_are_told_on_request() -> None:
    body = b'{"instance": [1, 2, 3, 4], "gate_units": true}'
    assert read_explain(body, METADATA).gate_units


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "body: expected the member 'instance', found none"),
        (b"[]", "body: expected a JSON object, found a list"),
        (b'{"instance": null}', "body: expected the member 'instance', found none"),
        (b'{"instance": 5}', "instance: expected a list of 4 numbers, found a number"),
        (b'{"instance": [1, 2]}', "instance: expected a list of 4 numbers, found one of 2"),
        (b'{"instance": [1, 2, 3, "x"]}', "instance[3]: expected a number, found a string"),
        (b'{"instance": [[1, 2], 3]}', "instance[1]: expected a list of 2 numbers, found a number"),
        (
            b'{"instance": [[1, 2]]}',
            "instance: expected a list of 2 rows of pixels, found one of 1",
        ),
        (
            b'{"instance": [[1, 2, 3, 4]]}',
            "instance: expected a list of 2 rows of pixels, found one of 1",
        ),
        (
            b'{"instance": [1, 2, 3, 1e39]}',
            "instance: expected numbers that float32 can hold, found a larger one",
        ),
        (
            b'{"instance": [1, 2, 3, 4], "gate_units": 1}',
            "parameter 'gate_units': expected true or false, found a number",
        ),
    ],
)
def test_what_cannot_be_explained_is_told_with_its_place(body: bytes, message: str) -> None:
    assert explain_refused(body) == message


def test_a_tables_row_that_does_not_fit_is_told_with_its_place() -> None:
    with pytest.raises(InputError) as error:
        read_explain(b'{"instance": [41, "SECRET", true, 0]}', TABLE)
    assert str(error.value) == (
        "instance[1]: expected one of 'nurse', 'teacher', 'pilot' or null for a missing value, "
        "found another string"
    )


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_is_not_json_is_the_clients_error(text: bytes) -> None:
    with pytest.raises(BodyError):
        read_explain(text, METADATA)
