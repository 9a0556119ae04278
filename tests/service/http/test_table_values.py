"""Categories and dates mean the same in every endpoint."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.contract import Column
from tests.service.conftest import TABLE, Recipe, application, take_missing_values

UNKNOWN_CATEGORY = (
    "row 1, column 'job': expected the index of a category, an integer from 0 to 2, or NaN for a "
    "missing value, found another number"
)


def infer_body(data: Sequence[Sequence[float | None]]) -> dict[str, object]:
    tensor = {"name": "input", "datatype": "FP32", "shape": [len(data), 4], "data": data}
    return {"inputs": [tensor]}


@pytest.mark.parametrize("code", [57, -1, 1.5])
def test_an_unknown_category_of_a_tensor_is_refused_in_json_and_in_binary(
    table_client: TestClient, code: float
) -> None:
    rows: list[list[float]] = [[41, 0, 1, 0], [41, code, 1, 0]]
    responses = [
        table_client.post("/v2/models/tiny/infer", json=infer_body(rows)),
        post_binary(table_client, rows),
    ]
    assert [response.status_code for response in responses] == [400, 400]
    assert {response.json()["error"] for response in responses} == {UNKNOWN_CATEGORY}


def post_binary(client: TestClient, rows: Sequence[Sequence[float]]) -> httpx2.Response:
    data = np.array(rows, "<f4").tobytes()
    tensor = {"name": "input", "datatype": "FP32", "shape": [len(rows), 4]}
    head = json.dumps(
        {"inputs": [tensor | {"parameters": {"binary_data_size": len(data)}}]}
    ).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return client.post("/v2/models/tiny/infer", content=head + data, headers=headers)


def test_a_category_of_a_tensor_may_be_missing(table_client: TestClient) -> None:
    response = table_client.post("/v2/models/tiny/infer", json=infer_body([[41, None, 1, 0]]))
    assert response.status_code == 200
    assert post_binary(table_client, [[41, math.nan, 1, 0]]).status_code == 200


def test_predict_takes_no_index_of_a_category(table_client: TestClient) -> None:
    for row in ([41, 1, True, 0], [41, 57, True, 0]):
        response = table_client.post("/predict", json={"instances": [row]})
        assert response.status_code == 400
        assert "one of 'nurse', 'teacher', 'pilot' or null" in response.json()["error"]


@pytest.fixture(scope="module")
def dated_client() -> Iterator[TestClient]:
    columns = tuple(Column(name=name, date="%d/%m/%Y") for name in "abcd")
    metadata = replace(TABLE, input=replace(TABLE.input, columns=columns))
    classifier = Classifier(Recipe(metadata=metadata, change=take_missing_values).build())
    with TestClient(application(classifier)) as client:
        yield client


@pytest.mark.parametrize(
    "row",
    [
        ["1970-01-02", "2/1/1970", 1, "1970-01-02T00:00:00Z"],
        {"a": "02/01/1970", "b": 1.0, "c": "1970-01-02", "d": "1970-01-02 00:00"},
        [1, 1, 1, 1],
    ],
)
def test_a_date_is_a_string_or_a_number_of_days(dated_client: TestClient, row: object) -> None:
    response = dated_client.post("/predict", json={"instances": [row]})
    assert response.status_code == 200
    expected = dated_client.post("/predict", json={"instances": [[1, 1, 1, 1]]})
    assert response.content == expected.content
    assert dated_client.post("/explain", json={"instance": row}).status_code == 200


A_DATE = (
    "[0]: expected a date in ISO 8601 or as '%d/%m/%Y', the days since 1970-01-01 or null for a "
    "missing value, found "
)
IN_YEARS = (
    "row 0, column 'a': expected a date in the years 1 to 9999 as days since 1970-01-01, or NaN "
    "for a missing value, found another number"
)


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize(
    ("value", "error"),
    [("1/13/1970", A_DATE + "another string"), (True, A_DATE + "a boolean"), (-1e6, IN_YEARS)],
)
def test_other_values_of_a_date_are_refused(
    dated_client: TestClient, path: str, value: object, error: str
) -> None:
    row = [value, 0, 0, 0]
    body = {"instances": [row]} if path == "/predict" else {"instance": row}
    response = dated_client.post(path, json=body)
    assert response.status_code == 400
    assert response.json()["error"].endswith(error)
