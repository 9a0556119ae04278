import json

import numpy as np

from benchmarks.serving.bodies import instances, random_rows, v2_binary, v2_json

ROWS = np.asarray([[0, 0.25], [0.5, 1]], np.float32)


def test_random_rows_are_reproducible_and_have_four_decimals() -> None:
    rows = random_rows(3, 5)
    assert rows.shape == (3, 5)
    assert rows.dtype == np.float32
    assert (rows == random_rows(3, 5)).all()
    assert np.abs(rows - rows.round(4)).max() < 1e-7


def test_instances_are_rows_of_numbers() -> None:
    assert json.loads(instances("/predict", ROWS).content) == {"instances": [[0, 0.25], [0.5, 1]]}


def test_v2_json_is_flat_and_names_outputs_on_request() -> None:
    tensor = {"name": "input", "shape": [2, 2], "datatype": "FP32", "data": [0, 0.25, 0.5, 1]}
    body = v2_json("m", ROWS)
    assert body.path == "/v2/models/m/infer"
    assert json.loads(body.content) == {"inputs": [tensor]}
    wanted = json.loads(v2_json("m", ROWS, ("logits",)).content)
    assert wanted == {"inputs": [tensor], "outputs": [{"name": "logits"}]}


def test_v2_binary_has_the_bytes_after_a_head_of_the_given_length() -> None:
    body = v2_binary("m", ROWS)
    length = int(body.headers["Inference-Header-Content-Length"])
    head = json.loads(body.content[:length])
    assert head["inputs"][0]["parameters"] == {"binary_data_size": 16}
    assert head["parameters"] == {"binary_data_output": True}
    assert "outputs" not in head
    assert body.content[length:] == ROWS.tobytes()


def test_v2_binary_requests_each_named_output_as_bytes() -> None:
    body = v2_binary("m", ROWS, ("logits",))
    head = json.loads(body.content[: int(body.headers["Inference-Header-Content-Length"])])
    assert head["outputs"] == [{"name": "logits", "parameters": {"binary_data": True}}]


def test_a_request_is_encoded_for_the_wire() -> None:
    written = instances("/predict", ROWS[:1]).http(8000)
    head, _, content = written.partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /predict HTTP/1.1",
        "Host: 127.0.0.1:8000",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
